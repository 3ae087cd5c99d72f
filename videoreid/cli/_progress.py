"""Print the progress of a recording and the remaining time on standard error."""

import sys
import time
from typing import TextIO

__all__ = ["Progress", "as_time"]

_TERMINAL, _FILE = 0.5, 30.0  # seconds between two lines on a terminal, and elsewhere


def as_time(seconds: float) -> str:
    """Return seconds as ``h:mm:ss`` or ``m:ss``."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Progress:
    """Print the progress of a recording from time to time; call it with the number of each frame.

    On a terminal the line is rewritten; elsewhere a line is printed every half minute.

    Args:
        name: of the recording.
        total: number of frames; 0 if unknown.
        unit: what is counted.
        alone: the line may be rewritten; False if several recordings are read in parallel.
        stream: output; None means standard error.
    """

    def __init__(
        self,
        name: str,
        total: int,
        *,
        unit: str = "frames",
        alone: bool = True,
        stream: TextIO | None = None,
    ) -> None:
        self.name, self.total, self.unit = name, total, unit
        self._stream = stream or sys.stderr
        self._rewrites = alone and self._stream.isatty()
        self._begin = self._last = time.monotonic()
        self._shown = False

    def __call__(self, number: int) -> None:
        """Report the number of the current frame, 0-based."""
        now = time.monotonic()
        if now - self._last < (_TERMINAL if self._rewrites else _FILE):
            return
        self._last = now
        text = f"{self.name}: {self._describe(number + 1, now - self._begin)}"
        self._stream.write(f"\r\x1b[K{text}" if self._rewrites else f"{text}\n")
        self._stream.flush()
        self._shown = self._rewrites

    def close(self) -> None:
        """Clear the line."""
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def _describe(self, done: int, took: float) -> str:
        speed = f"{done / max(took, 1e-9):.1f} {self.unit}/s"
        if not 0 < done <= self.total:
            return f"{done} {self.unit}, {speed}"
        left = as_time(took / done * (self.total - done))
        return f"{100 * done / self.total:.0f} % of {self.total} {self.unit}, {speed}, {left} left"
