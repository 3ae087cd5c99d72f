"""Run counters and callback events."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

__all__ = ["Callback", "Event", "Progress", "RunWatcher"]


@dataclass(frozen=True)
class Event:
    """An event that a callback receives.

    Args:
        kind: "step" (after an update), "epoch" (means of an epoch) or "validation" (the numbers from ``validate``).
        epoch: finished epochs.
        step: finished updates.
        values: numbers by name: the losses, lr, clips_per_second and data_wait (share of the time spent waiting).
    """

    kind: Literal["step", "epoch", "validation"]
    epoch: int
    step: int
    values: Mapping[str, float]


Callback = Callable[[Event], None]


@runtime_checkable
class RunWatcher(Protocol):
    """A callback whose ``begin_run`` is called before the first step of a new run, but not of a resumed run."""

    def begin_run(self) -> None:
        """Prepare for a new run."""


@dataclass
class Progress:
    """The counters of a run, which a checkpoint holds.

    Args:
        epoch: finished epochs.
        batch: batches of the current epoch that were trained.
        step: finished updates.
        sums: sum of each loss over the batches of the current epoch.
        best: the best metric so far.
        stale: validations since the best metric.
        history: one row of numbers per finished epoch.
        stopped: the row of the current epoch, if the run was stopped inside it.
        unvalidated: the weights are saved but not yet validated.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    best: float | None = None
    stale: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    stopped: dict[str, float] = field(default_factory=dict)
    unvalidated: bool = False

    def add(self, losses: Mapping[str, float]) -> None:
        """Count one batch."""
        self.batch += 1
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    def means(self) -> dict[str, float]:
        """Return the mean of each loss over the current epoch."""
        return {name: value / max(self.batch, 1) for name, value in self.sums.items()}

    def begin_epoch(self) -> None:
        """Reset the batch counter of an interrupted epoch, which then starts again from its first batch."""
        self.batch, self.sums = 0, {}

    def go_on(self) -> None:
        """Clear the notes of a stop, because training continues."""
        self.stopped, self.unvalidated = {}, False

    def finish_epoch(self, row: Mapping[str, float]) -> None:
        """Close the current epoch with its row of numbers."""
        self.epoch, self.batch, self.sums = self.epoch + 1, 0, {}
        self.history.append(dict(row))

    def rows(self) -> list[dict[str, float]]:
        """Return one row per finished epoch, and the row of the epoch inside which the run was stopped, if any."""
        return [*self.history, *([self.stopped] if self.stopped else [])]

    def judge(self, metric: float, *, patient: bool = True) -> bool:
        """Return whether a metric is the best so far, and store it; NaN never is.

        Args:
            metric: larger is better.
            patient: count a metric that is not the best towards `TrainSettings.patience`.
        """
        is_best = not math.isnan(metric) and (self.best is None or metric > self.best)
        if is_best:
            self.best, self.stale = metric, 0
        elif patient:
            self.stale += 1
        return is_best

    def state_dict(self) -> dict[str, Any]:
        """Return plain numbers, lists and dictionaries."""
        return asdict(self)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        for name, value in state.items():
            setattr(self, name, value)
