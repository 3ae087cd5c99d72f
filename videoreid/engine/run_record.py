"""``run.json``: what a run folder says of itself, read and completed a part at a time."""

import json
import math
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

import torch

from videoreid.engine.checkpointing import FORMAT, RECORD
from videoreid.engine.environment import describe_environment
from videoreid.errors import DatasetError
from videoreid.utils import atomic_write_text

__all__ = ["add_session", "complete_record", "note_evaluation", "note_progress", "read_record"]


def read_record(folder: Path) -> dict[str, Any]:
    """Return what ``run.json`` of a folder says; empty where there is none.

    Raises:
        DatasetError: it cannot be read, or is of a newer version of the layout.
    """
    path = folder / RECORD
    if not path.is_file():
        return {}
    try:
        record = dict(json.loads(path.read_text(encoding="utf-8")))
        number = int(record.get("format", FORMAT))
    except (ValueError, TypeError) as error:
        raise DatasetError(
            f"{path} cannot be read ({type(error).__name__}); it is damaged, or no record of a run"
        ) from error
    if number > FORMAT:
        raise DatasetError(
            f"{folder} is a run folder of layout {number}; this version reads up to {FORMAT}: update videoreid"
        )
    return record


def complete_record(folder: Path, values: Mapping[str, Any], *, fresh: bool = False) -> None:
    """Put values into ``run.json``, whole or not at all; what else it says stays.

    Args:
        folder: of the run; made where it is missing.
        values: plain values by name; NaN and infinity become null.
        fresh: forget what it says of another run.
    """
    held = {} if fresh else read_record(folder)
    record = {"run": uuid4().hex, **held, **values, "format": FORMAT}
    atomic_write_text(folder / RECORD, json.dumps(_plain(record), indent=2, allow_nan=False) + "\n")


def add_session(folder: Path, *, step: int, device: torch.device | str) -> None:
    """Note that training begins, or goes on, now and here.

    Args:
        folder: of the run.
        step: updates that are finished.
        device: on which it trains.
    """
    session = {"begun": _now(), "seconds": 0.0, "from_step": step, **describe_environment(device)}
    complete_record(folder, {"sessions": [*read_record(folder).get("sessions", []), session]})


def note_progress(folder: Path, run: str, progress: Mapping[str, Any]) -> None:
    """Note how far training has come, and how long the present session has taken.

    Args:
        folder: of the run.
        run: its name, which the checkpoints have too; written where ``run.json`` was lost.
        progress: epoch, step and history.
    """
    sessions = list(read_record(folder).get("sessions", []))
    if sessions:
        took = datetime.now(timezone.utc) - datetime.fromisoformat(sessions[-1]["begun"])
        sessions[-1] = {**sessions[-1], "seconds": round(took.total_seconds(), 3)}
    complete_record(folder, {"run": run, "progress": dict(progress), "sessions": sessions})


def note_evaluation(folder: Path, name: str, notes: Mapping[str, Any]) -> None:
    """Note that a scored ranking lies in ``evaluations/<name>``.

    Args:
        folder: of the run.
        name: of the evaluation.
        notes: plain values: model, command, ...
    """
    found = dict(read_record(folder).get("evaluations", {}))
    found[name] = {"made": _now(), **notes, "environment": describe_environment(notes.get("device"))}
    complete_record(folder, {"evaluations": found})


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def _plain(value: Any) -> Any:
    """Return a value that JSON can hold."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)
