"""Read the tensors of a weights file without running any code in it."""

import argparse
import pickle
import pickletools
import re
import warnings
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from videoreid.errors import WeightsError
from videoreid.models.build_metadata import check_tensor_digest, parse_json
from videoreid.models.input_settings import METADATA_KEY
from videoreid.models.jit_archive import is_jit_archive, read_jit_archive
from videoreid.utils.download import is_web_page
from videoreid.utils.log import get_logger
from videoreid.utils.wrappers import without_wrapper_names
from videoreid.utils.zips import check_stored_zip

__all__ = ["read_state_dict", "unwrap_state_dict", "without_prefix"]

_AVERAGED = ("ema", "model_ema", "ema_model", "state_dict_ema", "ema_state_dict")
_WRAPPERS = (
    *_AVERAGED,
    "state_dict",
    "model_state_dict",
    "model",
    "net",
    "network",
    "module",
    "shadow",
    "weights",
    "teacher",  # of self-supervised training; the averaged network comes first
    "target_encoder",
)


def read_state_dict(path: str | Path, *, key: str | None = None) -> dict[str, Tensor]:
    """Read the tensors of a checkpoint onto the CPU.

    Only tensors, containers and plain numbers are read (PyTorch's ``weights_only``), because a pickle can run any code
    when it is opened.

    Args:
        path: a file of `torch.save`, old or new, an archive of ``torch.jit.save``, or a ``.safetensors`` file.
            ``~`` is the home folder.
        key: see `unwrap_state_dict`.

    Raises:
        WeightsError: no such file, an empty or truncated file, a web page instead of weights, a pickle that calls
            code, or a file without tensors.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        raise WeightsError(f"{path} is a folder: give the checkpoint file in it")
    if not path.is_file():
        raise WeightsError(f"no weights at {path}: give the path of a checkpoint file")
    _refuse_other_content(path)
    content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    return unwrap_state_dict(content, str(path), key=key)


def unwrap_state_dict(content: Any, origin: str, *, key: str | None = None) -> dict[str, Tensor]:
    """Return the tensors of a loaded checkpoint, without its wrappers and without the prefix ``module.``.

    If a checkpoint holds the weights and their moving average ("ema", "model_ema", ...), the average is taken, because
    it is the one that was evaluated. ``key="state_dict"`` takes the other weights.

    Args:
        content: the result of `torch.load`: a state dict, or a dict that holds one as "state_dict", "model", "net",
            ..., at any depth.
        origin: name of the source, for messages.
        key: name of the entry that holds the weights; a path such as ``"ema.shadow"`` for nested entries.

    Returns:
        Parameter name to tensor; the metadata of the state dict are kept, as torch does.

    Raises:
        WeightsError: there is no such entry, or it has no tensors.
    """
    if key is not None:
        content = _entry(content, key, origin)
    while (inner := _inner_entry(content)) is not None:
        if inner in _AVERAGED:
            message = "%s: taking the averaged weights, its entry %r; use key= for another entry"
            get_logger("models").info(message, origin, inner)
        content = content[inner]
    if not isinstance(content, Mapping):
        raise WeightsError(f"{origin} holds a {type(content).__name__}, not parameters by name")
    tensors = _only_tensors(content)
    if not tensors:
        keys = ", ".join(map(str, list(content)[:8])) or "nothing"
        raise WeightsError(f"{origin} holds no tensors; its keys are: {keys}")
    if any(name.startswith("module.") for name in tensors):
        tensors.pop("n_averaged", None)  # the number of updates of torch's AveragedModel
    while all(name.startswith("module.") for name in tensors):
        tensors = without_prefix(tensors, "module.")
    return tensors


def _only_tensors(content: Mapping[Any, Any]) -> dict[str, Tensor]:
    """Return the tensors of a state dict, with names of wrappers removed and metadata kept."""
    plain = without_wrapper_names(content)
    for name in [name for name, value in plain.items() if not isinstance(value, Tensor)]:
        del plain[name]
    return plain


def without_prefix(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the entries of a state dict that have a prefix, with the prefix removed, and their metadata."""
    inside: OrderedDict[str, Tensor] = OrderedDict(
        (name[len(prefix) :], value) for name, value in state.items() if name.startswith(prefix)
    )
    metadata: Any = getattr(state, "_metadata", {})
    inside._metadata = {  # type: ignore[attr-defined]  # as torch keeps it
        f"{name}."[len(prefix) :].removesuffix("."): value
        for name, value in metadata.items()
        if f"{name}.".startswith(prefix)
    }
    return inside


def _inner_entry(content: Any) -> str | None:
    if not isinstance(content, Mapping):
        return None
    return next((name for name in _WRAPPERS if _holds_tensors(content.get(name))), None)


def _holds_tensors(content: Any) -> bool:
    return isinstance(content, Mapping) and any(
        isinstance(value, Tensor) or _holds_tensors(value) for value in content.values()
    )


def _entry(content: Any, key: str, origin: str) -> Any:
    """Look up ``key`` as a name, else as a path of names."""
    if isinstance(content, Mapping) and key in content:
        return content[key]
    for part in key.split("."):
        if not isinstance(content, Mapping) or part not in content:
            known = ", ".join(map(str, list(content)[:8])) if isinstance(content, Mapping) else "nothing"
            raise WeightsError(f"{origin} has no entry {key!r}: it holds {known}")
        content = content[part]
    return content


def _refuse_other_content(path: Path) -> None:
    if path.stat().st_size == 0:
        raise WeightsError(f"{path} is empty; download it again")
    if is_web_page(path):
        raise WeightsError(
            f"{path} is a web page, not weights: the server sent a page (often a quota or a login page); "
            "open the link in a browser, save the file and give its path"
        )


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import safe_open

    try:
        with safe_open(path, framework="pt") as file:
            names = list(file.keys())
            state: OrderedDict[str, Tensor] = OrderedDict((name, file.get_tensor(name)) for name in names)
            metadata = file.metadata() or {}
    except Exception as error:  # a damaged header gives several unrelated types
        raise WeightsError(f"{path} is not a whole safetensors file ({error}); download it again") from error
    check_tensor_digest(state, metadata, path)
    if "input" in metadata:
        values = {"": {METADATA_KEY: parse_json(metadata["input"], path)}}
        state._metadata = values  # type: ignore[attr-defined]  # as torch keeps it
    return state


def _read_torch(path: Path) -> Any:
    if is_jit_archive(path):  # zipfile checks the checksum of every record that it reads
        return read_jit_archive(path)
    check_stored_zip(path, remedy="download it again", error=WeightsError)
    try:
        return _load_safely(path)
    except pickle.UnpicklingError as error:
        refused = re.search(r"GLOBAL ([\w.]+)", str(error))
        called = refused[1] if refused else _first_import(path)
        if called is None:
            raise WeightsError(
                f"{path} is not a PyTorch checkpoint, or it is damaged; download it again"
            ) from error
        raise WeightsError(
            f"{path} is a pickle with code: it asks to call {called} when it is opened, and was refused. If you trust "
            "its author, open it with torch.load(path, weights_only=False), save its state dict with torch.save, and "
            "give that file"
        ) from error
    except Exception as error:  # torch raises a dozen unrelated types for a damaged file
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise WeightsError(
            f"{path} is truncated or not a PyTorch checkpoint ({reason}); download it again"
        ) from error


def _first_import(path: Path) -> str | None:
    """Return the name of the first import in a plain pickle, without running the pickle; None if there is none."""
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
        except Exception:  # a damaged pickle raises many unrelated types
            return None
    return None


def _load_safely(path: Path) -> Any:
    try:
        with torch.serialization.safe_globals(_plain_data()):
            return torch.load(path, map_location="cpu", weights_only=True)
    except UnicodeDecodeError:  # strings written by Python 2
        with torch.serialization.safe_globals(_plain_data()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns that it ignores the encoding, but it uses it
            return torch.load(path, map_location="cpu", weights_only=True, encoding="latin1")


def _plain_data() -> list[Any]:
    """Return the types that training scripts store beside the weights: numpy arrays and options, data without code."""
    scalar: Any = np.float64(0).__reduce__()[0]
    array: Any = np.empty(0).__reduce__()[0]
    # numpy 1 wrote these functions as numpy.core, numpy 2 has them in numpy._core
    old_names = [(function, f"numpy.core.multiarray.{function.__name__}") for function in (scalar, array)]
    kinds = {type(np.dtype(kind)) for kind in "fdeilqBbHI?"}
    return [scalar, array, np.ndarray, np.dtype, *kinds, *old_names, argparse.Namespace]
