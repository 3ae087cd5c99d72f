"""Remarks of a dataset loader: logged once, counted, and kept for a report."""

import functools
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

from videoreid.utils import get_logger

__all__ = ["collect_remarks", "note_left_out", "remark", "with_remarks"]

P = ParamSpec("P")
R = TypeVar("R")

_KNOWN = frozenset(("thumbs.db", "desktop.ini"))  # files that operating systems put into folders of pictures


@dataclass
class _Reading:
    """The files that one call of a loader left out, by kind."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)


_READING: ContextVar[_Reading | None] = ContextVar("reading", default=None)
_COLLECTED: ContextVar[list[str] | None] = ContextVar("collected", default=None)


@contextmanager
def collect_remarks() -> Iterator[list[str]]:
    """Collect the remarks of every loader called in the block in a list; they are logged as well.

    Example:
        >>> with collect_remarks() as remarks:
        ...     remark("own", "3 of 9 tracklets have no time")
        >>> remarks
        ['3 of 9 tracklets have no time']
    """
    collected: list[str] = []
    token = _COLLECTED.set(collected)
    try:
        yield collected
    finally:
        _COLLECTED.reset(token)


def remark(dataset: str, message: str) -> None:
    """Log a warning about a dataset that can still be read."""
    collected = _COLLECTED.get()
    if collected is not None:
        collected.append(message)
    get_logger("data").warning("%s: %s", dataset, message)


def note_left_out(kind: str, path: str) -> None:
    """Count a file that the running loader leaves out.

    Args:
        kind: kind of file and reason, as the end of the sentence "3 ...".
        path: the file, counted once; the first file of a kind is the example in the message.
    """
    reading = _READING.get()
    if reading is None or os.path.basename(path).lower() in _KNOWN or path in reading.seen:  # noqa: PTH119
        return
    reading.seen.add(path)
    reading.counts[kind] += 1
    reading.examples.setdefault(kind, path)


def with_remarks(dataset: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that makes a loader report how many files it left out, in one warning per kind."""

    def decorate(loader: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(loader)
        def read(*args: P.args, **kwargs: P.kwargs) -> R:
            reading = _Reading()
            token = _READING.set(reading)
            try:
                result = loader(*args, **kwargs)
            finally:
                _READING.reset(token)
            for kind, count in reading.counts.items():
                remark(dataset, f"{count:,} {kind}, such as {reading.examples[kind]}")
            return result

        return read

    return decorate
