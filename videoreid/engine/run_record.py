"""Read ``run.json``, the record of a run folder, and add entries to it."""

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
    """Return the content of ``run.json`` in a folder; empty if the file is missing.

    Raises:
        DatasetError: the file cannot be read, or has a newer layout.
    """
    path = folder / RECORD
    if not path.is_file():
        return {}
    try:
        record = dict(json.loads(path.read_text(encoding="utf-8")))
        number = int(record.get("format", FORMAT))
    except (ValueError, TypeError) as error:
        raise DatasetError(
            f"{path} cannot be read ({type(error).__name__}); it is damaged, or not the record of a run"
        ) from error
    if number > FORMAT:
        raise DatasetError(
            f"{folder} is a run folder of layout {number}; this version reads layouts up to {FORMAT}: update videoreid"
        )
    return record


def complete_record(folder: Path, values: Mapping[str, Any], *, fresh: bool = False) -> None:
    """Write values into ``run.json``; other entries stay, and an interrupted write changes nothing.

    Args:
        folder: of the run; created if it is missing.
        values: plain values by name; NaN and infinity become null.
        fresh: discard the entries of another run.
    """
    stored = {} if fresh else read_record(folder)
    record = {"run": uuid4().hex, **stored, **values, "format": FORMAT}
    atomic_write_text(folder / RECORD, json.dumps(_plain(record), indent=2, allow_nan=False) + "\n")


def add_session(folder: Path, *, step: int, device: torch.device | str) -> None:
    """Add a session: training begins or continues now, on this machine.

    Args:
        folder: of the run.
        step: finished updates.
        device: of the training.
    """
    session = {"begun": _now(), "seconds": 0.0, "from_step": step, **describe_environment(device)}
    complete_record(folder, {"sessions": [*read_record(folder).get("sessions", []), session]})


def note_progress(folder: Path, run: str, progress: Mapping[str, Any]) -> None:
    """Write the progress of the training, and the duration of the current session.

    Args:
        folder: of the run.
        run: name of the run, as in the checkpoints; needed if ``run.json`` was lost.
        progress: epoch, step and history.
    """
    sessions = list(read_record(folder).get("sessions", []))
    if sessions:
        took = datetime.now(timezone.utc) - datetime.fromisoformat(sessions[-1]["begun"])
        sessions[-1] = {**sessions[-1], "seconds": round(took.total_seconds(), 3)}
    complete_record(folder, {"run": run, "progress": dict(progress), "sessions": sessions})


def note_evaluation(folder: Path, name: str, notes: Mapping[str, Any]) -> None:
    """Add the entry of the scored ranking in ``evaluations/<name>``.

    Args:
        folder: of the run.
        name: of the evaluation.
        notes: plain values, such as model and command.
    """
    found = dict(read_record(folder).get("evaluations", {}))
    found[name] = {"made": _now(), **notes, "environment": describe_environment(notes.get("device"))}
    complete_record(folder, {"evaluations": found})


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it; NaN and infinity become None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)
