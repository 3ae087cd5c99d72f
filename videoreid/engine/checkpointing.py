"""Training checkpoints: written whole, read without running code from the file, recognised when damaged."""

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

__all__ = ["find_checkpoint", "list_checkpoints", "load_checkpoint", "prune_checkpoints", "save_checkpoint"]

_NAME = re.compile(r"checkpoint-(\d+)\.pt")


def save_checkpoint(state: Mapping[str, Any], path: str | os.PathLike[str]) -> Path:
    """Write a training state, whole or not at all.

    Args:
        state: tensors, numbers, strings and containers of them, so that reading needs no trust.
        path: ``checkpoint-<step>.pt`` if `find_checkpoint` shall find it.

    Returns:
        The path.
    """
    with atomic_path(path) as temporary:
        torch.save(dict(state), temporary)
    return Path(path)


def load_checkpoint(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what `save_checkpoint` wrote, on the CPU.

    Raises:
        CheckpointError: no such file, truncated or damaged, or not a training state of this library.
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
            f"{path} holds no training state; for weights alone use videoreid.models.load_weights"
        )
    return state


def list_checkpoints(folder: str | os.PathLike[str]) -> list[Path]:
    """Return the ``checkpoint-<step>.pt`` files of a folder, oldest first."""
    found = [
        (int(match[1]), path)
        for path in Path(folder).glob("checkpoint-*.pt")
        if (match := _NAME.fullmatch(path.name))
    ]
    return [path for _, path in sorted(found)]


def find_checkpoint(folder: str | os.PathLike[str]) -> tuple[Path, dict[str, Any]] | None:
    """Return the newest checkpoint of a folder that can be read, with its content; None where there is none.

    A damaged one is passed over with a warning, in favour of the one before.

    Raises:
        CheckpointError: there are checkpoints, and none of them can be read.
    """
    paths = list_checkpoints(folder)
    for path in reversed(paths):
        try:
            return path, load_checkpoint(path)
        except CheckpointError as error:
            get_logger("engine").warning("%s", error)
    if paths:
        raise CheckpointError(
            f"none of the {len(paths)} checkpoints in {folder} can be read; start anew elsewhere"
        )
    return None


def prune_checkpoints(folder: str | os.PathLike[str], keep: int) -> None:
    """Delete all but the newest ``keep`` checkpoints of a folder."""
    for path in list_checkpoints(folder)[:-keep]:
        path.unlink(missing_ok=True)
