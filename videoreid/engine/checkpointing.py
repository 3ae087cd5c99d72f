"""Write and read training checkpoints: atomic writes, no code from the file is run, damage is detected."""

import json
import os
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from videoreid.errors import CheckpointError
from videoreid.utils import atomic_path, get_logger
from videoreid.utils.zips import check_stored_zip

__all__ = [
    "FORMAT",
    "RECORD",
    "checkpoint_path",
    "find_checkpoint",
    "list_checkpoints",
    "load_checkpoint",
    "prune_checkpoints",
    "read_run",
    "save_checkpoint",
    "step_of",
]

RECORD = "run.json"
FORMAT = 1
"""Number of the layout of a run folder; it grows when an older version would misread a newer folder."""
_NAME = re.compile(r"checkpoint-(\d+)\.pt")


def checkpoint_path(folder: str | os.PathLike[str], step: int) -> Path:
    """Return the path of the checkpoint after ``step`` updates."""
    return Path(folder) / f"checkpoint-{step:08d}.pt"


def step_of(path: Path) -> int:
    """Return the number of updates from the file name ``checkpoint-<step>.pt``."""
    match = _NAME.fullmatch(path.name)
    if match is None:
        raise CheckpointError(f"{path} is not named as a checkpoint, checkpoint-<step>.pt")
    return int(match[1])


def read_run(folder: str | os.PathLike[str]) -> str | None:
    """Return the name of the run that a folder belongs to; None if it has no ``run.json``.

    Raises:
        CheckpointError: ``run.json`` cannot be read, or has a newer layout.
    """
    path = Path(folder) / RECORD
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        run, number = str(record["run"]), int(record.get("format", FORMAT))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"{path} names no run ({type(error).__name__}); move it away if the checkpoints next to it are of one run"
        ) from error
    if number > FORMAT:
        raise CheckpointError(
            f"{path} has layout {number}; this version reads layouts up to {FORMAT}: update videoreid"
        )
    return run


def save_checkpoint(state: Mapping[str, Any], path: str | os.PathLike[str]) -> Path:
    """Write a training state; an interrupted write leaves no file.

    Args:
        state: tensors, numbers, strings and containers of them; such a file can be read without running code.
        path: named ``checkpoint-<step>.pt``, so that `find_checkpoint` finds it.

    Returns:
        The path.
    """
    with atomic_path(path) as temporary:
        torch.save(dict(state), temporary)
    return Path(path)


def load_checkpoint(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a checkpoint of `save_checkpoint`; tensors are on the CPU.

    Raises:
        CheckpointError: the file is missing, truncated, damaged, or not a training state of this library.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"no checkpoint at {path}")
    check_stored_zip(path, remedy="delete it and resume from the one before", error=CheckpointError)
    torch.serialization.add_safe_globals([Counter])  # torch's MultiStepLR keeps its milestones in one
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises several kinds for a damaged file
        raise CheckpointError(
            f"{path} cannot be read ({type(error).__name__}): it is truncated or damaged; delete it and resume from "
            "the one before"
        ) from error
    if not isinstance(state, dict) or "progress" not in state:
        raise CheckpointError(
            f"{path} holds no training state; to load weights only, use videoreid.models.load_weights"
        )
    return state


def list_checkpoints(folder: str | os.PathLike[str]) -> list[Path]:
    """Return the ``checkpoint-<step>.pt`` files of a folder, oldest first."""
    return sorted(
        (path for path in Path(folder).glob("checkpoint-*.pt") if _NAME.fullmatch(path.name)), key=step_of
    )


def find_checkpoint(folder: str | os.PathLike[str]) -> tuple[Path, dict[str, Any]] | None:
    """Return the newest readable checkpoint of a folder and its content; None if the folder has no checkpoint.

    Damaged checkpoints, and those of another run than the folder's (see ``run.json``), are skipped with a warning.

    Raises:
        CheckpointError: there are checkpoints, but none can be used.
    """
    paths, run = list_checkpoints(folder), read_run(folder)
    for path in reversed(paths):
        try:
            state = load_checkpoint(path)
        except CheckpointError as error:
            get_logger("engine").warning("%s", error)
            continue
        if run is None or state.get("run", {}).get("run", run) == run:
            return path, state
        get_logger("engine").warning("%s belongs to another run than %s; it is skipped", path, folder)
    if paths:
        raise CheckpointError(
            f"none of the {len(paths)} checkpoints in {folder} can be read; begin a new run with resume=None"
        )
    return None


def prune_checkpoints(folder: str | os.PathLike[str], keep: int) -> None:
    """Delete all but the newest ``keep`` checkpoints of a folder."""
    for path in list_checkpoints(folder)[:-keep]:
        path.unlink(missing_ok=True)
