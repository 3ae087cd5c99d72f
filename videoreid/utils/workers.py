"""One error for the death of a loader's worker process."""

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
    """Turn the death of a loader's worker into one error, wherever in the block PyTorch tells of it.

    PyTorch tells of it in a signal handler, which raises in whatever line the main thread happens to run: in the
    loader, in the forward pass, in a callback. Guarding the iteration alone is therefore not enough.

    Raises:
        WorkerError: a worker was killed; the message has the cause as far as it is known.
    """
    try:
        yield
    except RuntimeError as error:
        if not _DEAD_WORKER.search(str(error)):
            raise
        raise _worker_error(error) from error


def guard_workers(batches: Iterator[T]) -> Iterator[T]:
    """Yield batches; the death of a worker, of which PyTorch tells in several ways, becomes one error.

    Raises:
        WorkerError: a worker was killed; the message has the cause as far as it is known.
    """
    try:
        with worker_errors():
            yield from batches
    except (ConnectionError, EOFError) as error:
        raise _worker_error(error) from error


def _worker_error(error: Exception) -> WorkerError:
    return WorkerError(
        f"a worker process of the loader has died ({' '.join(str(error).split()) or type(error).__name__}); "
        "mostly it was killed for memory: take fewer workers, or smaller batches"
    )
