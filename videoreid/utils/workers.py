"""Turn the death of a loader's worker process into one exception."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from videoreid.errors import WorkerError

__all__ = ["guard_workers", "worker_errors"]

T = TypeVar("T")

_DEAD_WORKER = re.compile(
    r"DataLoader worker \(pid"
)  # not "in DataLoader worker process": an error raised there


@contextmanager
def worker_errors() -> Iterator[None]:
    """Turn the death of a loader's worker into one exception, wherever in the block PyTorch raises it.

    PyTorch raises it from a signal handler, in whatever line the main thread runs: in the loader, in the forward pass,
    in a callback. It is therefore not enough to guard the iteration.

    Raises:
        WorkerError: a worker was killed; the message names the cause if it is known.
    """
    try:
        yield
    except RuntimeError as error:
        if not _DEAD_WORKER.search(str(error)):
            raise
        raise _worker_error(error) from error


def guard_workers(batches: Iterator[T]) -> Iterator[T]:
    """Yield batches; the death of a worker, which PyTorch raises in several ways, becomes one exception.

    Raises:
        WorkerError: a worker was killed; the message names the cause if it is known.
    """
    try:
        with worker_errors():
            yield from batches
    except (ConnectionError, EOFError) as error:
        raise _worker_error(error) from error


def _worker_error(error: Exception) -> WorkerError:
    return WorkerError(
        f"a worker process of the loader has died ({' '.join(str(error).split()) or type(error).__name__}); "
        "usually the system killed it for lack of memory: use fewer workers, or smaller batches"
    )
