"""Read a file of weights without running any code that it may contain."""

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from videoreid.errors import WeightsError

__all__ = ["read_state_dict", "unwrap_state_dict"]

_WRAPPERS = ("state_dict", "model", "model_state_dict", "net", "network", "weights")


def read_state_dict(path: str | Path) -> dict[str, Tensor]:
    """Read the tensors of a checkpoint onto the CPU.

    Only tensors, containers and plain numbers are read (PyTorch's ``weights_only``), because a pickle can run any
    program of its author when it is opened.

    Args:
        path: a file of `torch.save`, old or new, or a ``.safetensors`` file.

    Raises:
        WeightsError: no such file, an empty or truncated file, a web page instead of weights, a pickle that asks for
            code, or no tensors in it.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"no weights at {path}: give the path of a checkpoint file")
    _refuse_other_content(path)
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    return unwrap_state_dict(_read_torch(path), str(path))


def unwrap_state_dict(content: Any, origin: str) -> dict[str, Tensor]:
    """Return the tensors of a loaded checkpoint, without its wrappers and without the prefix ``module.``.

    Args:
        content: what `torch.load` gave: a state dict, or a dict that holds one as "state_dict", "model", ...
        origin: name of the source, for messages.

    Raises:
        WeightsError: there is no tensor in it.
    """
    for wrapper in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping):
        raise WeightsError(f"{origin} holds a {type(content).__name__}, not parameters by name")
    tensors = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    if not tensors:
        keys = ", ".join(map(str, list(content)[:8])) or "nothing"
        raise WeightsError(f"{origin} holds no tensors; its keys are: {keys}")
    while all(name.startswith("module.") for name in tensors):
        tensors = {name.removeprefix("module."): value for name, value in tensors.items()}
    return tensors


def _refuse_other_content(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(512).lstrip().lower()
    if not start:
        raise WeightsError(f"{path} is empty; download it again")
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        raise WeightsError(
            f"{path} is a web page, not weights: the server answered with a page (often a quota or a login page); "
            "open the link in a browser, save the file and give its path"
        )


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise WeightsError(f"{path} is not a whole safetensors file ({error}); download it again") from error


def _read_torch(path: Path) -> Any:
    try:
        return _load_safely(path)
    except pickle.UnpicklingError as error:
        if "weights_only" not in str(error).lower() and "unsupported" not in str(error).lower():
            raise WeightsError(f"{path} is damaged ({error}); download it again") from error
        raise WeightsError(
            f"{path} is a pickle that asks to run code when it is opened, and was refused ({_first_line(error)}). "
            "If you trust its author, open it with torch.load(path, weights_only=False), save its state dict with "
            "torch.save, and give that file"
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise WeightsError(
            f"{path} is truncated or not a PyTorch checkpoint ({_first_line(error)}); download it again"
        ) from error


def _load_safely(path: Path) -> Any:
    # Training scripts store their best score beside the weights, often as a numpy number: these types are plain data.
    scalar = np.float64(0).__reduce__()[0]
    plain = [scalar, np.dtype, *{type(np.dtype(kind)) for kind in "fdeilqBbHI?"}]
    with torch.serialization.safe_globals([*plain, (scalar, "numpy.core.multiarray.scalar")]):
        return torch.load(path, map_location="cpu", weights_only=True)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
