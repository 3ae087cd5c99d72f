"""The batches of one epoch, from the first one or from where a checkpoint left off."""

import time
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

from videoreid.engine.random_state import get_random_state, set_random_state
from videoreid.errors import CheckpointError, ConfigError
from videoreid.types import Clip

__all__ = ["EpochBatches", "set_epoch"]


def set_epoch(loader: Any, epoch: int) -> None:
    """Tell a loader, or else its samplers and dataset, which epoch comes, as far as they have ``set_epoch``."""
    parts = [loader] if hasattr(loader, "set_epoch") else []
    parts = parts or [getattr(loader, name, None) for name in ("sampler", "batch_sampler", "dataset")]
    for part in parts:
        if hasattr(part, "set_epoch"):
            part.set_epoch(epoch)


class EpochBatches:
    """Iterate one epoch of a loader, note the time spent waiting, and know how to begin in its middle.

    A loader with ``state_dict`` and ``load_state_dict`` is told where to go on. Any other is played again from the
    random state at the start of the epoch and its used batches are dropped, so that workers, samplers and
    dataset draw what they drew before; that costs the time to read them.

    Args:
        loader: yields `Clip` batches.
        epoch: its number, 0-based.
    """

    def __init__(self, loader: Iterable[Clip], epoch: int) -> None:
        self.loader = loader
        self.epoch = epoch
        # of the whole epoch, known once it has begun: some samplers plan epochs of unequal length
        self.count = 0
        self.waited = 0.0
        self.random_at_start: dict[str, Any] = {}
        self._resume: dict[str, Any] | None = None

    def resume_from(self, state: dict[str, Any], batches: int) -> None:
        """Begin after ``batches`` batches, in the state that `state_dict` returned."""
        self._resume = {**state, "batches": batches}

    def state_dict(self) -> dict[str, Any]:
        """Return the random state now and at the start of the epoch, and the loader's own state if it has one."""
        loader_state = None
        if hasattr(self.loader, "state_dict"):
            try:
                loader_state = self.loader.state_dict()
            except ConfigError:
                loader_state = None  # its sampler cannot say where it is; it will be played again
        return {
            "start": self.random_at_start,
            "now": get_random_state(),
            "loader": loader_state,
            "count": self.count,
        }

    def __iter__(self) -> Iterator[Clip]:
        iterator = self._fresh() if self._resume is None else self._resumed(self._resume)
        while True:
            began = time.perf_counter()
            clip = next(iterator, None)
            self.waited += time.perf_counter() - began
            if clip is None:
                return
            yield clip

    def _fresh(self) -> Iterator[Clip]:
        self.random_at_start = get_random_state()
        self._set_epoch()
        return iter(self.loader)

    def _resumed(self, state: dict[str, Any]) -> Iterator[Clip]:
        self.random_at_start = state["start"]
        set_random_state(state["start"])
        self._set_epoch()
        if state.get("count", self.count) != self.count:
            raise CheckpointError(
                f"the run was stopped inside an epoch of {state['count']} batches, and this loader has {self.count}: "
                "resume with the data and the batch size of that run"
            )
        if state["loader"] is not None and hasattr(self.loader, "load_state_dict"):
            self.loader.load_state_dict(state["loader"])
            iterator = iter(self.loader)
            first = list(islice(iterator, 1))  # starting an iterator draws a number; that was drawn before
            iterator = chain(first, iterator)
        else:
            iterator = iter(self.loader)
            for _ in range(state["batches"]):
                next(iterator, None)
        set_random_state(state["now"])
        return iterator

    def _set_epoch(self) -> None:
        set_epoch(self.loader, self.epoch)
        self.count = len(self.loader)  # type: ignore[arg-type]  # `Fit` refuses loaders without a length
