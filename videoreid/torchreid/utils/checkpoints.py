"""torchreid's checkpoint functions; reading a file runs no code from it."""

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from videoreid.errors import CheckpointError
from videoreid.models import load_weights
from videoreid.utils import atomic_path, get_logger

__all__ = ["load_checkpoint", "load_pretrained_weights", "resume_from_checkpoint", "save_checkpoint"]


def save_checkpoint(
    state: Mapping[str, Any],
    save_dir: str | Path,
    is_best: bool = False,  # noqa: FBT001, FBT002 - torchreid's signature
    remove_module_from_keys: bool = False,  # noqa: FBT001, FBT002
) -> Path:
    """Write ``model.pth.tar-<epoch>`` as torchreid does, through a temporary file.

    Args:
        state: has "state_dict" and "epoch"; commonly "rank1", "optimizer" and "scheduler" too.
        save_dir: folder; made if it is missing.
        is_best: write the same content to ``model-best.pth.tar`` as well.
        remove_module_from_keys: remove ``module.`` from the parameter names.

    Returns:
        The file.
    """
    content = dict(state)
    if remove_module_from_keys:
        named = content["state_dict"].items()
        content["state_dict"] = OrderedDict((name.removeprefix("module."), value) for name, value in named)
    folder = Path(save_dir)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"model.pth.tar-{content['epoch']}"
    for target in (path, folder / "model-best.pth.tar") if is_best else (path,):
        with atomic_path(target) as temporary:
            torch.save(content, temporary)
    get_logger("torchreid").info("checkpoint saved to %s", path)
    return path


def load_checkpoint(fpath: str | Path) -> dict[str, Any]:
    """Read a checkpoint of `save_checkpoint` onto the CPU.

    Raises:
        CheckpointError: the file is missing or damaged, or holds more than tensors and plain data.
    """
    path = Path(fpath).expanduser()
    if not path.is_file():
        raise CheckpointError(f"no checkpoint at {path}: give the path of a file")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise CheckpointError(
            f"{path} cannot be read as a checkpoint: {str(error).splitlines()[0]}"
        ) from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} holds a {type(content).__name__}, not a dictionary with 'state_dict'")
    return content


def resume_from_checkpoint(
    fpath: str | Path,
    model: nn.Module,
    optimizer: Optimizer | None = None,
    scheduler: LRScheduler | None = None,
) -> int:
    """Load model, optimiser and schedule, and return the next epoch (torchreid's ``start_epoch``).

    Raises:
        CheckpointError: the file cannot be read, or lacks "state_dict" or "epoch".
        WeightsError: the weights are of another network.
    """
    content = load_checkpoint(fpath)
    missing = [key for key in ("state_dict", "epoch") if key not in content]
    if missing:
        raise CheckpointError(
            f"{fpath} has no {' and no '.join(missing)}: it was not written by save_checkpoint"
        )
    load_weights(model, content["state_dict"])
    for key, target in (("optimizer", optimizer), ("scheduler", scheduler)):
        if target is not None and key in content:
            target.load_state_dict(content[key])
    return int(content["epoch"])


def load_pretrained_weights(model: nn.Module, weight_path: str | Path) -> None:
    """Load the weights of a checkpoint that fit the network; the others are skipped and logged.

    Raises:
        WeightsError: the file cannot be read, or its weights are of another network.
    """
    load_weights(model, weight_path)
