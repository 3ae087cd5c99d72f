"""Ctrl-C and SIGTERM as a flag that is looked at between steps, so that a checkpoint can be saved."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Interrupt", "catch_interrupts"]


class Interrupt:
    """Which signal has come, if any."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Note a signal; this is the handler itself."""
        if self.signal is not None and number == signal.SIGINT:
            raise KeyboardInterrupt  # the second Ctrl-C does not wait for the step to end
        self.signal = number

    def raise_again(self) -> None:
        """End the program the way the signal would have: KeyboardInterrupt, or exit status 143 for SIGTERM."""
        if self.signal is None or self.signal == signal.SIGINT:  # none: the signal came to another process
            raise KeyboardInterrupt
        raise SystemExit(128 + self.signal)


@contextmanager
def catch_interrupts() -> Iterator[Interrupt]:
    """Collect SIGINT and SIGTERM while the block runs; outside the main thread, where none can be, do nothing."""
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
