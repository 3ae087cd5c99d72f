"""Write files atomically: to a temporary file, which is then renamed."""

import errno
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from videoreid.errors import StorageError, VideoReIDError

__all__ = [
    "atomic_path",
    "atomic_write_bytes",
    "atomic_write_text",
    "disk_errors",
    "require_room",
    "sha256_of",
]

_MARK = ".writing-"
_ROOM = 1 << 16  # a file system with less room than this is full
_LEFT_ALONE = 3600.0  # seconds: a younger temporary file may still be in use


@contextmanager
def atomic_path(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path in the target's folder; rename it to the target when the block succeeds.

    When the block raises, the temporary file is removed and an existing target is unchanged. The suffix is kept,
    because writers such as OpenCV and h5py choose their format by it. Leftovers of a killed process for the same target
    are removed by the next call, if they are at least an hour old.

    Raises:
        StorageError: the disk is full, or the folder cannot be written to.

    Example:
        >>> import tempfile, pathlib
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> with atomic_path(folder / "a.txt") as path:
        ...     _ = path.write_text("whole")
        >>> (folder / "a.txt").read_text()
        'whole'
    """
    target = Path(target)
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(target)
        handle, name = tempfile.mkstemp(
            prefix=f".{target.stem}{_MARK}", suffix=target.suffix, dir=target.parent
        )
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            with temporary.open("rb+") as file:  # a crash of the machine must not leave an empty target
                os.fsync(file.fileno())
            # mkstemp makes private files; the target gets the usual permissions of the user
            umask = os.umask(0)
            os.umask(umask)
            temporary.chmod(0o666 & ~umask)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def disk_errors(target: str | os.PathLike[str]) -> Iterator[None]:
    """Turn the exceptions of the system, and of writers on a full disk, into one that names the target.

    The messages of writers such as HDF5 and PyTorch seldom say that the disk is full.

    Raises:
        StorageError: the block raised an OSError, or another error while the disk was full.
    """
    try:
        yield
    except VideoReIDError:
        raise
    except OSError as error:
        reason = f"{error.strerror}" if error.strerror else " ".join(str(error).split())
        named = f" ({error.filename})" if error.filename and str(error.filename) != str(target) else ""
        if error.errno == errno.ENOSPC or _is_full(Path(target)):
            reason = f"the disk is full ({reason})"
        raise StorageError(f"cannot write {target}: {reason}{named}") from error
    except Exception as error:
        if not _is_full(Path(target)):
            raise
        raise StorageError(
            f"cannot write {target}: the disk is full ({' '.join(str(error).split())})"
        ) from error


def require_room(path: Path, size: int) -> None:
    """Raise an error before a file is begun that does not fit: some writers crash when the disk fills up.

    Args:
        path: the file.
        size: its size in bytes.

    Raises:
        OSError: the file system has less free space.
    """
    free = shutil.disk_usage(path.parent).free
    if free < size:
        raise OSError(errno.ENOSPC, f"No space left: {size:,} bytes are needed, {free:,} are free", str(path))


def _is_full(target: Path) -> bool:
    with suppress(OSError):
        return shutil.disk_usage(target.parent).free < _ROOM
    return False


def _remove_leftovers(target: Path) -> None:
    """Delete temporary files of this target that killed processes left at least an hour ago."""
    with suppress(OSError), os.scandir(target.parent) as entries:
        start = f".{target.stem}{_MARK}"
        for entry in entries:
            if entry.name.startswith(start) and entry.name.endswith(target.suffix):
                with suppress(OSError):
                    if time.time() - entry.stat().st_mtime > _LEFT_ALONE:
                        os.unlink(entry.path)  # noqa: PTH108


def atomic_write_bytes(target: str | os.PathLike[str], data: bytes) -> None:
    """Write ``data`` to ``target`` atomically."""
    with atomic_path(target) as path:
        path.write_bytes(data)


def atomic_write_text(target: str | os.PathLike[str], text: str) -> None:
    """Write ``text`` (UTF-8) to ``target`` atomically."""
    atomic_write_bytes(target, text.encode())


def sha256_of(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file as hexadecimal digits, reading it in blocks."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
