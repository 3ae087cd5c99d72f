"""Read and check the metadata of a weights file: build arguments, JSON and the tensor checksum."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from videoreid.errors import WeightsError

__all__ = ["check_tensor_digest", "parse_build_arguments", "parse_json", "tensor_digest"]

# parts of argument names that could fetch or open something, in our networks and in timm's
_REFUSED = frozenset(
    [
        "pretrained",
        "weights",
        "checkpoint",
        "path",
        "root",
        "source",
        "url",
        "file",
        "dir",
        "cfg",
        "cache",
        "device",
        "gpu",
    ]
)
_NAME = re.compile(r"(?:timm:)?[A-Za-z0-9_.\-]+")
_MOST_LETTERS = 20_000
_LONGEST_TEXT = 200
_LARGEST_NUMBER = 1e9


def parse_build_arguments(text: str, file: Path) -> dict[str, Any]:
    """Return the arguments of `build_model` in the metadata of a file, with lists as tuples.

    A weights file must not make the library fetch or open another file: arguments that name weights, files or addresses
    are refused, and values may only be numbers, words, and lists and dictionaries of these.

    Args:
        text: the metadata, JSON.
        file: path of the file, for messages.

    Raises:
        WeightsError: the text is not such JSON, or has an argument that is refused.
    """
    try:
        arguments = json.loads(text) if len(text) <= _MOST_LETTERS else None
    except (ValueError, RecursionError):
        arguments = None
    name = arguments.get("name") if isinstance(arguments, dict) else None
    if not isinstance(arguments, dict) or not isinstance(name, str) or not _NAME.fullmatch(name):
        raise WeightsError(f"{file} does not say how to build its network: its metadata are damaged")
    for key, value in arguments.items():
        if key != "name" and (not _is_option(key) or not _is_plain(value)):  # the name is checked above
            raise WeightsError(
                f"{file} asks to build its network with {key}={str(value)[:80]!r}; a file may name a network and its "
                "options, but no weights, files or addresses: use build_model and load_weights if you trust it"
            )
    return {key: _tuples(value) for key, value in arguments.items()}


def tensor_digest(state: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    """Return one SHA-256 over names, dtypes, shapes and values of tensors and over their metadata.

    Args:
        state: a state dict, name to tensor.
        metadata: name to text; an entry "sha256" is left out.
    """
    digest = hashlib.sha256()
    texts = {key: value for key, value in metadata.items() if key != "sha256"}
    digest.update(json.dumps(texts, sort_keys=True).encode())
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        raw = tensor.reshape(-1).view(torch.uint8).numpy() if tensor.numel() else np.empty(0, np.uint8)
        digest.update(raw.data)
    return digest.hexdigest()


def check_tensor_digest(state: Mapping[str, Tensor], metadata: Mapping[str, str], file: Path) -> None:
    """Compare a state dict with the checksum that `save_pretrained` wrote; files without a checksum pass.

    Raises:
        WeightsError: the checksums differ.
    """
    known = metadata.get("sha256")
    if known is not None and known != tensor_digest(state, metadata):
        raise WeightsError(
            f"{file} is damaged: the checksum of its tensors differs; copy or download it again"
        )


def parse_json(text: str, file: Path) -> Any:
    """Return the value of a JSON text of the metadata.

    Raises:
        WeightsError: the text is not JSON.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{file} is damaged: its metadata are no JSON") from error


def _is_option(key: str) -> bool:
    return key.isidentifier() and not _REFUSED & set(key.lower().split("_"))


def _is_plain(value: Any) -> bool:
    if isinstance(value, str):  # a word such as "attention" or "resnet50", not a path or an address
        return len(value) <= _LONGEST_TEXT and not any(mark in value for mark in "/\\~\0:")
    if isinstance(value, list):
        return len(value) <= _LONGEST_TEXT and all(map(_is_plain, value))
    if isinstance(value, dict):
        return len(value) <= _LONGEST_TEXT and all(
            _is_option(key) and _is_plain(item) for key, item in value.items()
        )
    return value is None or (isinstance(value, bool | int | float) and abs(value) <= _LARGEST_NUMBER)


def _tuples(value: Any) -> Any:
    """Convert lists, which JSON has instead of tuples, back to tuples."""
    if isinstance(value, list):
        return tuple(_tuples(item) for item in value)
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return value
