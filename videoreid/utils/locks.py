"""A lock between processes that is released when its process ends."""

import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from videoreid.utils.log import get_logger

__all__ = ["LockedError", "only_one"]

_PAUSE = 0.2


class LockedError(Exception):
    """Another process holds the lock; the message names the process as far as it is known."""


@contextmanager
def only_one(lock: str | os.PathLike[str], *, what: str, wait: bool) -> Iterator[None]:
    """Let one process at a time into the block.

    The lock is the system's, on an open file: a process that is killed loses it at once, and one that works for
    hours keeps it. The file itself means nothing and is removed on the way out.

    Args:
        lock: the lock file; its folder must exist.
        what: what is being done, for the message.
        wait: wait for the other process, and say in a log line for whom; False raises instead.

    Raises:
        LockedError: another process holds the lock and ``wait`` is False.
    """
    path = Path(lock)
    handle = _acquire(path, what, wait=wait)
    try:
        yield
    finally:
        with suppress(
            OSError
        ):  # Windows does not remove an open file; the next process takes the lock all the same
            path.unlink(missing_ok=True)
        os.close(handle)


def _acquire(path: Path, what: str, *, wait: bool) -> int:
    told = ""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
        if _try_lock(handle):
            if _is_still_there(handle, path):
                _write_name(handle)
                return handle
            os.close(handle)  # the holder removed the file between our opening and our locking it
            continue
        holder = _holder(handle)
        os.close(handle)
        if not wait:
            raise LockedError(f"{holder} is {what}")
        if holder != told:
            told = holder
            get_logger("lock").warning("waiting for %s, which is %s (lock %s)", holder, what, path)
        time.sleep(_PAUSE)


def _write_name(handle: int) -> None:
    os.ftruncate(handle, 0)
    os.lseek(handle, _OFFSET, os.SEEK_SET)
    os.write(handle, f"process {os.getpid()} on {socket.gethostname()}".encode())


def _holder(handle: int) -> str:
    for _ in range(10):  # it writes its name right after it has got the lock
        with suppress(OSError):
            os.lseek(handle, _OFFSET, os.SEEK_SET)
            text = os.read(handle, 200).decode(errors="replace")
            if text:
                return text
        time.sleep(_PAUSE / 10)
    return "another process"


def _is_still_there(handle: int, path: Path) -> bool:
    with suppress(OSError):
        return os.path.samestat(os.fstat(handle), path.stat())
    return False


if sys.platform == "win32":
    import msvcrt

    _OFFSET = 1  # the first byte is the locked one, and nobody else can read it

    def _try_lock(handle: int) -> bool:
        try:
            os.lseek(handle, 0, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(handle: int) -> None:
        os.lseek(handle, 0, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    _OFFSET = 0

    def _try_lock(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            get_logger("lock").warning("this file system has no locks (%s): run one process at a time", error)
        return True

    def _unlock(handle: int) -> None:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_UN)
