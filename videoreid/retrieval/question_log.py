"""Log the searches of a gallery, one JSON line per search; used only if a log file is named."""

import getpass
import json
import os
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from videoreid.utils.files import disk_errors

__all__ = ["log_question"]


def log_question(
    path: str | os.PathLike[str],
    gallery: str | os.PathLike[str],
    *,
    asked: Mapping[str, Any],
    where: Mapping[str, Any],
    answers: Iterable[tuple[str, float]],
    user: str | None = None,
) -> None:
    """Append one search to a log: time, user, query, filters, and the keys and distances of the answers.

    A line is written in one call and is on disk on return, so several processes may share a log. Call the function
    before you show the answer, so that no search without a log entry is answered.

    Args:
        path: the log; its folder is created if it is missing.
        gallery: folder of the searched gallery.
        asked: the query, such as the path of a picture, as JSON values; None and False are left out.
        where: filters of the search, as JSON values; None is left out.
        answers: key and distance of each answer, nearest first.
        user: user of the search; None takes the user of this process.

    Raises:
        StorageError: the disk is full, or the log cannot be written.
    """
    record = {
        "time": datetime.now().astimezone().isoformat(timespec="seconds"),
        "user": _user() if user is None else user,
        "gallery": os.path.abspath(gallery),  # noqa: PTH100
        "asked": {name: value for name, value in asked.items() if value is not None and value is not False},
        "where": {name: value for name, value in where.items() if value is not None},
        "answers": [[key, round(float(distance), 4)] for key, distance in answers],
    }
    path = Path(path)
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab", buffering=0) as file:
            file.write((json.dumps(record) + "\n").encode())
            os.fsync(file.fileno())


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        return ""
