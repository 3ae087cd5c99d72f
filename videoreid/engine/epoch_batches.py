"""Iterate the batches of one epoch, from its start or from the position of a checkpoint."""

import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Any

from videoreid.engine.random_state import get_random_state, set_random_state
from videoreid.errors import CheckpointError
from videoreid.inference.loader_contract import LoaderInfo
from videoreid.types import Clip
from videoreid.utils.workers import guard_workers

__all__ = ["EpochBatches"]


class EpochBatches:
    """Iterate one epoch of a loader, measure the time spent waiting, and start in its middle if needed.

    A loader that can set its position continues there. Any other loader is iterated again from the random state at the
    start of the epoch, and the batches already trained are dropped; so workers, samplers and dataset draw the same
    numbers again. That takes the time to read these batches.

    Args:
        loader: yields `Clip` batches.
        epoch: number of the epoch, 0-based.
        used: batches of the epoch that were already trained.
        stream: what `state_dict` returned after these batches; None begins a new epoch.
    """

    def __init__(
        self, loader: Iterable[Clip], epoch: int, *, used: int = 0, stream: Mapping[str, Any] | None = None
    ) -> None:
        self.loader = loader
        self.info = LoaderInfo.of(loader)
        self.epoch = epoch
        self.taken = used if stream is not None else 0
        # batches of the epoch, known when it begins: some samplers plan epochs of unequal length
        self.count = 0
        self.waited = 0.0
        self.random_at_start: Mapping[str, Any] = {}
        self._stream = stream if used else None

    @property
    def is_finished(self) -> bool:
        """Whether every batch of the epoch has been taken."""
        return self.taken >= self.count

    def group_of(self, size: int) -> int:
        """Return the size of the accumulation group of the batch taken last; the last group may be smaller.

        Args:
            size: of the other groups.
        """
        rest = self.count % size
        return rest if self.taken > self.count - rest else size

    def closes_group(self, size: int) -> bool:
        """Return whether the batch taken last closes its accumulation group."""
        return self.taken % size == 0 or self.is_finished

    def state_dict(self) -> dict[str, Any]:
        """Return the random state now and at the start of the epoch, and the loader's position if it has one."""
        return {
            "start": self.random_at_start,
            "now": get_random_state(),
            "loader": self.info.position(),
            "count": self.count,
        }

    def __iter__(self) -> Iterator[Clip]:
        iterator = self._fresh() if self._stream is None else self._resumed(self._stream)
        while True:
            began = time.perf_counter()
            clip = next(iterator, None)
            self.waited += time.perf_counter() - began
            if clip is None:
                return
            self.taken += 1
            yield clip

    def _fresh(self) -> Iterator[Clip]:
        self.random_at_start = get_random_state()
        self._set_epoch()
        return guard_workers(iter(self.loader))

    def _resumed(self, stream: Mapping[str, Any]) -> Iterator[Clip]:
        self.random_at_start = stream["start"]
        set_random_state(stream["start"])
        self._set_epoch()
        if stream.get("count", self.count) != self.count:
            raise CheckpointError(
                f"the run was stopped inside an epoch of {stream['count']} batches, and this loader has {self.count}: "
                "resume with the data and the batch size of that run"
            )
        if stream["loader"] is not None and self.info.set_position is not None:
            self.info.set_position(stream["loader"])
            iterator = guard_workers(iter(self.loader))
            first = list(
                islice(iterator, 1)
            )  # starting an iterator draws a random number, which was drawn before
            iterator = chain(first, iterator)
        else:
            iterator = guard_workers(iter(self.loader))
            for _ in range(self.taken):
                next(iterator, None)
        set_random_state(stream["now"])
        return iterator

    def _set_epoch(self) -> None:
        self.info.set_epoch(self.epoch)
        self.count = self.info.count_batches()
