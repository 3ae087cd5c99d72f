"""Log the searches of a gallery, one JSON line per search; used only if a log file is named."""

import argparse
import getpass
import json
import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from videoreid.retrieval import Answer

__all__ = ["log_question"]

_ASKED = ("image", "person", "crop", "video", "frame", "box", "tracklet")
_WHERE = ("camera", "since", "until", "top", "threshold")


def log_question(path: Path, args: argparse.Namespace, answer: "Answer") -> None:
    """Append user, time, query, filters, and the keys and distances of the answers.

    A line is written in one call, so that several processes can share a log.
    """
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        user = ""
    record = {
        "time": datetime.now().astimezone().isoformat(timespec="seconds"),
        "user": user,
        "gallery": os.path.abspath(args.gallery),  # noqa: PTH100
        "asked": {name: value for name in _ASKED if (value := getattr(args, name)) not in (None, False)},
        "where": {name: value for name in _WHERE if (value := getattr(args, name)) is not None},
        "answers": [[match.key, round(match.distance, 4)] for match in answer],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab", buffering=0) as file:
        file.write((json.dumps(record) + "\n").encode())
        os.fsync(file.fileno())
