"""Convert the input of users to tensors, ids and times, with clear errors."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from videoreid.errors import ProtocolError

__all__ = ["as_ids", "as_tensor", "as_times"]


def as_tensor(name: str, values: Any) -> Tensor:
    """Return numbers as a tensor; a tensor is returned unchanged.

    The result shares the memory of a NumPy array if torch allows it; read-only, reversed or byte-swapped arrays are
    copied.

    Args:
        name: for the message.
        values: tensor, NumPy array or nested lists of numbers, of any shape ``(...)``.

    Raises:
        ProtocolError: the values are not numbers, or rows have different lengths.
    """
    if isinstance(values, Tensor):
        return values
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ProtocolError(f"{name} cannot be read as an array ({error})") from error
    if array.dtype.kind not in "fiu":
        raise ProtocolError(f"{name} must be a tensor or an array of numbers, got {array.dtype}")
    native = array.astype(array.dtype.newbyteorder("="), copy=False)
    if not native.flags.writeable or any(stride < 0 for stride in native.strides):
        native = native.copy()
    return torch.from_numpy(native)


def as_ids(name: str, values: Any) -> np.ndarray:
    """Return ids of persons or cameras as an int64 array of the same shape ``(...)``.

    Args:
        name: for the message.
        values: integers in a tensor, a NumPy array or a list.

    Raises:
        ProtocolError: the values are not integers, or beyond the range of int64.
    """
    if isinstance(values, Tensor):
        values = values.detach().cpu().numpy()
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ProtocolError(f"{name} cannot be read as an array ({error})") from error
    if array.size == 0:
        return array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise ProtocolError(f"{name} must be integers, got {array.dtype}; map the ids to integers first")
    if array.dtype == np.uint64 and int(array.max()) > np.iinfo(np.int64).max:
        raise ProtocolError(f"{name} holds {int(array.max())}, which is beyond the range of int64")
    return array.astype(np.int64)


def as_times(name: str, values: Any) -> np.ndarray:
    """Return times as a float64 array of the same shape ``(...)``; NaN means unknown.

    Args:
        name: for the message.
        values: numbers in a tensor, a NumPy array or a list.

    Raises:
        ProtocolError: the values are not numbers.
    """
    if isinstance(values, Tensor):
        values = values.detach().cpu().numpy()
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ProtocolError(f"{name} cannot be read as an array ({error})") from error
    if array.size and array.dtype.kind not in "fiu":
        raise ProtocolError(f"{name} must be numbers, NaN if unknown, got {array.dtype}")
    return array.astype(np.float64)
