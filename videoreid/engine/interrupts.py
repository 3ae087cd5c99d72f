"""Turn Ctrl-C and SIGTERM into a flag that is checked between steps, so that a checkpoint can be saved."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Interrupt", "catch_interrupts"]


class Interrupt:
    """The signal that was received, if any."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal: store its number."""
        if self.signal is not None and number == signal.SIGINT:
            raise KeyboardInterrupt  # the second Ctrl-C does not wait for the step to end
        self.signal = number

    def raise_again(self) -> None:
        """End the program as the signal would: raise KeyboardInterrupt, or exit with status 143 for SIGTERM."""
        if self.signal is None or self.signal == signal.SIGINT:  # None: another process received the signal
            raise KeyboardInterrupt
        raise SystemExit(128 + self.signal)


@contextmanager
def catch_interrupts() -> Iterator[Interrupt]:
    """Catch SIGINT and SIGTERM while the block runs; outside the main thread, where Python forbids it, do nothing."""
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
