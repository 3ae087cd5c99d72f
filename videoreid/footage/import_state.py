"""The state of an import, so that an interrupted one can be resumed."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from videoreid.errors import ConfigError
from videoreid.utils import atomic_write_text, get_logger
from videoreid.utils.files import disk_errors
from videoreid.utils.locks import LockedError, only_one

__all__ = ["STAGING", "alone_in", "begin_move", "clear_up", "is_whole"]

STAGING = ".staging"
_PLAN = ".import-plan"  # exists from the first moved crop until the cleanup ends
_PARTS = ("bbox_train", "bbox_test", "crops")
_MARKS = (
    "info",
    "frames.csv",
)  # written last: they mark a complete dataset in the layout of MARS or of folders


@contextmanager
def alone_in(output: Path) -> Iterator[None]:
    """Lock a folder against other imports; create it if it is missing.

    Raises:
        ConfigError: another process is importing into it.
        StorageError: it cannot be created.
    """
    with disk_errors(output):
        output.mkdir(parents=True, exist_ok=True)
    try:
        with only_one(output / ".import.lock", what=f"importing into {output}", wait=False):
            yield
    except LockedError as error:
        raise ConfigError(f"{error}: wait until it has ended, or choose another folder") from None


def is_whole(output: Path, plan: str) -> bool:
    """Return whether the same import already completed its dataset; remove what it left behind.

    Raises:
        ConfigError: the folder holds another dataset, or a part of another one.
    """
    saved = output / _PLAN
    found = saved.read_text(encoding="utf-8", errors="replace") if saved.is_file() else None
    if any((output / mark).exists() for mark in _MARKS):
        if found != plan:
            raise ConfigError(f"{output} holds a dataset already: choose another folder")
        get_logger("data").info("%s was whole already: its leftovers are removed", output)
        clear_up(output)
        return True
    if found not in (None, plan):
        raise ConfigError(
            f"{output} is the unfinished import of other videos or by other settings, stopped while crops were moved: "
            f"give the same again, or delete {output}"
        )
    rest = [name for name in _PARTS if os.path.lexists(output / name)]
    if found is None and rest:
        raise ConfigError(
            f"{output} holds {' and '.join(rest)} but no {' or '.join(_MARKS)}, the rest of an import: delete "
            f"{output}, or choose another folder"
        )
    return False


def begin_move(output: Path, plan: str) -> None:
    """Write the plan of the import; from now on only the same import can be resumed."""
    atomic_write_text(output / _PLAN, plan)


def clear_up(output: Path) -> None:
    """Remove the staging folder and, last, the plan of an import."""
    if (output / STAGING).exists():
        shutil.rmtree(output / STAGING)
    for path in output.glob(f".{_PLAN}.writing-*"):  # of a run that was killed while it wrote the plan
        path.unlink()
    (output / _PLAN).unlink(missing_ok=True)
