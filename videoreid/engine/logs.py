"""Callbacks that log the events of an engine to the console or a CSV file."""

import csv
import time
from pathlib import Path

from videoreid.engine.progress import Callback, Event
from videoreid.utils import get_logger

__all__ = ["CSVLogger", "console_logger"]


def console_logger(every: int = 10, *, total_steps: int | None = None) -> Callback:
    """Return a callback that logs a line every few updates, at each epoch and at each validation.

    Args:
        every: updates between two lines.
        total_steps: length of the run in updates, for the remaining time.
    """
    began, first = time.perf_counter(), [-1]

    def tell(event: Event) -> None:
        if first[0] < 0:
            first[0] = event.step - 1  # a resumed run does not begin at 0
        if event.kind == "step" and event.step % every:
            return
        numbers = " ".join(f"{name} {value:.4g}" for name, value in event.values.items() if name != "epoch")
        left = ""
        if total_steps is not None and event.kind == "step":
            per_step = (time.perf_counter() - began) / (event.step - first[0])
            left = f" eta {time.strftime('%H:%M:%S', time.gmtime(per_step * (total_steps - event.step)))}"
        get_logger("engine").info(
            "%s: epoch %d step %d %s%s", event.kind, event.epoch, event.step, numbers, left
        )

    return tell


class CSVLogger:
    """Append rows ``kind, epoch, step, name, value`` of every epoch and validation to a CSV file.

    There is one row per number, so that columns never change; after a resume, the last row of a step is the valid one.
    A file holds one run: when a new run begins, the file of an older run is renamed to ``<name>-1.csv``.

    Args:
        path: the file; created with a header if it is missing.
        steps: also write every step.
    """

    def __init__(self, path: str | Path, *, steps: bool = False) -> None:
        self.path = Path(path)
        self.steps = steps

    def begin_run(self) -> None:
        """Rename the file of an older run."""
        number = 1
        while (aside := self.path.with_stem(f"{self.path.stem}-{number}")).exists():
            number += 1
        if self.path.exists():
            self.path.rename(aside)
            get_logger("engine").warning(
                "%s belongs to another run; it was renamed to %s", self.path, aside.name
            )

    def __call__(self, event: Event) -> None:
        """Write one event."""
        if event.kind == "step" and not self.steps:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not self.path.exists()
        with self.path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if is_new:
                writer.writerow(["kind", "epoch", "step", "name", "value"])
            for name, value in event.values.items():
                writer.writerow([event.kind, event.epoch, event.step, name, repr(float(value))])
