"""Read a file of weights without running any code that it may contain."""

import argparse
import pickle
import pickletools
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from videoreid.errors import WeightsError
from videoreid.models.jit_archive import is_jit_archive, read_jit_archive
from videoreid.utils.download import is_web_page

__all__ = ["read_state_dict", "unwrap_state_dict"]

_WRAPPERS = (
    *("state_dict", "model", "model_state_dict", "net", "network", "weights"),
    *("module", "teacher", "target_encoder"),  # of self-supervised training, the averaged network first
)


def read_state_dict(path: str | Path) -> dict[str, Tensor]:
    """Read the tensors of a checkpoint onto the CPU.

    Only tensors, containers and plain numbers are read (PyTorch's ``weights_only``), because a pickle can run any
    program of its author when it is opened.

    Args:
        path: a file of `torch.save`, old or new, an archive of ``torch.jit.save``, or a ``.safetensors`` file.

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
    if path.stat().st_size == 0:
        raise WeightsError(f"{path} is empty; download it again")
    if is_web_page(path):
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
    if is_jit_archive(path):
        return read_jit_archive(path)
    try:
        return _load_safely(path)
    except pickle.UnpicklingError as error:
        refused = re.search(r"GLOBAL ([\w.]+)", str(error))
        asked = refused[1] if refused else _first_import(path)
        if asked is None:
            raise WeightsError(
                f"{path} is no PyTorch checkpoint, or a damaged one; download it again"
            ) from error
        raise WeightsError(
            f"{path} is a pickle with code: it asks to call {asked} when it is opened, and was refused. If you trust "
            "its author, open it with torch.load(path, weights_only=False), save its state dict with torch.save, and "
            "give that file"
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, IndexError, zipfile.BadZipFile) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise WeightsError(
            f"{path} is truncated or not a PyTorch checkpoint ({reason}); download it again"
        ) from error


def _first_import(path: Path) -> str | None:
    """Name the first thing that a plain pickle would import, read off its instructions without following them."""
    strings: list[str] = []
    with path.open("rb") as file:
        try:
            for instruction, argument, _ in pickletools.genops(file):
                if instruction.name == "GLOBAL":
                    return str(argument).replace(" ", ".")
                if instruction.name == "STACK_GLOBAL":
                    return ".".join(strings[-2:])
                if isinstance(argument, str):
                    strings.append(argument)
        except (ValueError, UnicodeDecodeError):
            return None
    return None


def _load_safely(path: Path) -> Any:
    try:
        with torch.serialization.safe_globals(_plain_data()):
            return torch.load(path, map_location="cpu", weights_only=True)
    except UnicodeDecodeError:  # strings written by Python 2
        with torch.serialization.safe_globals(_plain_data()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch says that it ignores the encoding, and obeys it
            return torch.load(path, map_location="cpu", weights_only=True, encoding="latin1")


def _plain_data() -> list[Any]:
    """Return what training scripts store beside the weights: scores as numpy arrays, options; data without code."""
    scalar: Any = np.float64(0).__reduce__()[0]
    array: Any = np.empty(0).__reduce__()[0]
    # what numpy 2 keeps in numpy._core was written as numpy.core by numpy 1
    old_names = [(function, f"numpy.core.multiarray.{function.__name__}") for function in (scalar, array)]
    kinds = {type(np.dtype(kind)) for kind in "fdeilqBbHI?"}
    return [scalar, array, np.ndarray, np.dtype, *kinds, *old_names, argparse.Namespace]
