"""Write several files so that they appear together or not at all."""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from videoreid.errors import StorageError
from videoreid.utils.files import disk_errors
from videoreid.utils.locks import LockedError, only_one

__all__ = ["staged_outputs"]

_PLAN = ".names.json"


@contextmanager
def staged_outputs(folder: str | os.PathLike[str], names: Sequence[str]) -> Iterator[Path]:
    """Yield a hidden folder to write into; when the block succeeds, its files replace the old ones.

    When the block raises, or the process is killed in it, the old files stay unchanged, and the next call with these
    names removes the leftovers. A process that is killed while the new files are renamed leaves the last of them
    missing, but never an old file next to new ones; the next call finishes the renaming first.

    Args:
        folder: of the outputs; created if it is missing. Files of other names are not touched.
        names: files and folders that belong together; those that the block does not write are removed. The last one
            marks that all are there: it is removed first and renamed last.

    Yields:
        The folder to write into, inside ``folder``.

    Raises:
        StorageError: the disk is full, the folder cannot be written to, or another process is writing these outputs.

    Example:
        >>> import tempfile, pathlib
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> with staged_outputs(folder, ["page.html", "scores.json"]) as place:
        ...     _ = (place / "page.html").write_text("page"), (place / "scores.json").write_text("{}")
        >>> sorted(path.name for path in folder.iterdir())
        ['page.html', 'scores.json']
    """
    folder = Path(folder)
    mark = names[-1]
    staging, whole = folder / f".{mark}.writing", folder / f".{mark}.whole"
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with _lock(folder, mark):
        with disk_errors(folder):
            if whole.exists():
                _move(whole, folder, names)
            _remove(staging)
            staging.mkdir()
        try:
            yield staging
            with disk_errors(folder):
                written = sorted(path.name for path in staging.iterdir())
                (staging / _PLAN).write_text(json.dumps(written))
                staging.replace(whole)
                _move(whole, folder, names)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


@contextmanager
def _lock(folder: Path, mark: str) -> Iterator[None]:
    what = f"writing {mark} and what belongs to it into {folder}"
    lock = only_one(folder / f".{mark}.lock", what=what, wait=False)
    try:
        with disk_errors(folder):
            lock.__enter__()
    except LockedError as error:
        raise StorageError(f"{error}: wait until it has ended, or choose another folder") from None
    try:
        yield
    finally:
        lock.__exit__(None, None, None)


def _move(whole: Path, folder: Path, names: Sequence[str]) -> None:
    """Rename the written files to their final names; may be called again after an interruption."""
    if not (whole / _PLAN).exists():  # killed while it deleted the folder, after the last rename
        _remove(whole)
        return
    written = json.loads((whole / _PLAN).read_text())
    mark = names[-1]
    if (whole / mark).exists() or mark not in written:
        _remove(folder / mark)
    for name in names:
        if (whole / name).exists():
            _remove(folder / name)
            (whole / name).replace(folder / name)
        elif name not in written:
            _remove(folder / name)
    _remove(whole)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
