"""Worker processes of a loader that die: one error of the library, whichever of PyTorch's it was."""

import re
from collections.abc import Iterator
from typing import TypeVar

from videoreid.errors import WorkerError

__all__ = ["guard_workers"]

T = TypeVar("T")

_DEAD_WORKER = re.compile(
    r"DataLoader worker \(pid"
)  # not "in DataLoader worker process": an error raised there


def guard_workers(batches: Iterator[T]) -> Iterator[T]:
    """Yield batches; the death of a worker, of which PyTorch tells in several ways, becomes one error.

    Raises:
        WorkerError: a worker was killed; the message has the cause as far as it is known.
    """
    try:
        yield from batches
    except WorkerError:
        raise
    except (RuntimeError, ConnectionError, EOFError) as error:
        if isinstance(error, RuntimeError) and not _DEAD_WORKER.search(str(error)):
            raise
        raise WorkerError(
            f"a worker process of the loader has died ({' '.join(str(error).split()) or type(error).__name__}); "
            "mostly it was killed for memory: take fewer workers, or smaller batches"
        ) from error
