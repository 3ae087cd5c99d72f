"""Iterate in background threads, so that reading and computing overlap with other work."""

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

__all__ = ["map_ahead", "read_ahead"]

Item = TypeVar("Item")
Result = TypeVar("Result")
_WAIT = 0.1  # seconds after which a thread that waits for room checks whether it was stopped


class _End(Generic[Item]):
    """The last entry of the queue: the error that ended the iterator, if any."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def read_ahead(items: Iterable[Item], depth: int = 2) -> Iterator[Item]:
    """Yield the items of an iterable that a background thread reads ahead.

    Order, errors and end are those of the iterable. If the caller stops early, the thread reads no further item, closes
    a generator, and ends.

    Args:
        items: read only in the background thread.
        depth: largest number of waiting items, 1 or more, not counting the item in use and the item being read.

    Example:
        >>> list(read_ahead(iter("abc")))
        ['a', 'b', 'c']
    """
    waiting: queue.Queue[Item | _End[Item]] = queue.Queue(maxsize=max(depth, 1))
    stopped = threading.Event()
    thread = threading.Thread(target=_draw, args=(items, waiting, stopped), name="read-ahead", daemon=True)
    thread.start()
    try:
        while not isinstance(item := waiting.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        stopped.set()
        thread.join()


def map_ahead(
    function: Callable[[Item], Result], items: Iterable[Item], *, workers: int = 1
) -> Generator[tuple[Item, Result], None, None]:
    """Yield every item with its result, which threads compute in advance.

    Order and errors are those of ``((item, function(item)) for item in items)``. At most ``2 * workers`` items are
    held. Use it for functions that release the interpreter's lock, such as the forward pass of a network.

    Args:
        function: called in ``workers`` threads in parallel.
        items: iterated in the thread of the caller.
        workers: number of threads, 1 or more; with 1 the caller's thread computes every result when it is asked for.

    Example:
        >>> list(map_ahead(str.upper, "abc", workers=2))
        [('a', 'A'), ('b', 'B'), ('c', 'C')]
    """
    if workers == 1:  # in the thread of the caller, and nothing ahead: the function need not bear threads
        for item in items:
            yield item, function(item)
        return
    pending: deque[tuple[Item, Future[Result]]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="map-ahead") as pool:
        try:
            for item in items:
                pending.append((item, pool.submit(function, item)))
                if len(pending) == 2 * workers:
                    first, result = pending.popleft()
                    yield first, result.result()
            while pending:
                first, result = pending.popleft()
                yield first, result.result()
        finally:
            for _, result in pending:
                result.cancel()


def _draw(items: Iterable[Item], waiting: "queue.Queue[Item | _End[Item]]", stopped: threading.Event) -> None:
    error: BaseException | None = None
    iterator = iter(items)
    try:
        for item in iterator:
            if not _put(waiting, item, stopped):
                break
        if hasattr(iterator, "close"):
            iterator.close()
    except BaseException as reason:  # every error is raised again where the items are used
        error = reason
    _put(waiting, _End(error), stopped)


def _put(
    waiting: "queue.Queue[Item | _End[Item]]", item: "Item | _End[Item]", stopped: threading.Event
) -> bool:
    while not stopped.is_set():
        try:
            waiting.put(item, timeout=_WAIT)
        except queue.Full:
            continue
        return True
    return False
