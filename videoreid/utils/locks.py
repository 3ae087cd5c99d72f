"""A lock between processes, which is released when the process ends."""

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
    """Another process holds the lock; the message names the process if it is known."""


@contextmanager
def only_one(lock: str | os.PathLike[str], *, what: str, wait: bool) -> Iterator[None]:
    """Let one process at a time into the block.

    The lock is a system lock on an open file: a killed process loses it at once, and a process that works for hours
    keeps it. The file has no content of use and is removed at the end.

    Args:
        lock: the lock file; its folder must exist.
        what: description of the work, for the message.
        wait: wait for the other process and log its name; False raises instead.

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
        ):  # Windows does not remove an open file; the next process can still take the lock
            path.unlink(missing_ok=True)
        os.close(handle)


def _acquire(path: Path, what: str, *, wait: bool) -> int:
    reported = ""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
        if _try_lock(handle):
            if _is_still_there(handle, path):
                _write_name(handle)
                return handle
            os.close(handle)  # the holder removed the file after we opened it and before we locked it
            continue
        holder = _holder(handle)
        os.close(handle)
        if not wait:
            raise LockedError(f"{holder} is {what}")
        if holder != reported:
            reported = holder
            get_logger("lock").warning("waiting for %s, which is %s (lock %s)", holder, what, path)
        time.sleep(_PAUSE)


def _write_name(handle: int) -> None:
    os.ftruncate(handle, 0)
    os.lseek(handle, _OFFSET, os.SEEK_SET)
    os.write(handle, f"process {os.getpid()} on {socket.gethostname()}".encode())


def _holder(handle: int) -> str:
    for _ in range(10):  # the holder writes its name right after it has the lock
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

    _OFFSET = 1  # the first byte is locked, and other processes cannot read it

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
