"""Numeric variables of MATLAB files of any version."""

from pathlib import Path

import numpy as np

from videoreid.data.datasets.mat5 import MatFormatError, read_mat5
from videoreid.data.datasets.mat73 import read_mat73
from videoreid.data.datasets.reading.files import require_file
from videoreid.errors import DatasetError

__all__ = ["read_mat", "read_whole_numbers"]

_HDF5 = b"\x89HDF\r\n\x1a\n"


def read_mat(path: Path, variable: str, dataset: str) -> np.ndarray:
    """Return a numeric variable of a ``.mat`` file, an array of any shape, in MATLAB's orientation.

    Files of version 5 to 7 are read by `read_mat5`, those of version 7.3, which are HDF5, in a child process: a damaged
    file can neither crash the caller nor make it allocate too much memory.

    Args:
        path: the file.
        variable: name of the variable.
        dataset: name used in messages.

    Raises:
        DatasetError: the file is missing or damaged, or does not hold the variable.
    """
    content = require_file(path, dataset).read_bytes()
    if _HDF5 in (content[:8], content[512:520]):  # MATLAB writes a header of 512 bytes before the HDF5 file
        return read_mat73(path, variable, dataset)
    try:
        variables = read_mat5(content)
    except MatFormatError as error:
        raise DatasetError(f"{dataset}: {path} is not a readable .mat file: {error}") from error
    if variable not in variables:
        raise DatasetError(
            f"{dataset}: {path} has no variable {variable!r}; it holds {', '.join(sorted(variables)) or 'nothing'}"
        )
    return variables[variable]


def read_whole_numbers(path: Path, variable: str, dataset: str) -> np.ndarray:
    """Return a variable as int64, see `read_mat`; MATLAB usually stores whole numbers as doubles.

    Raises:
        DatasetError: as `read_mat`, or a value is a fraction, NaN, infinite, or not a number.
    """
    values = read_mat(path, variable, dataset)
    if values.dtype.kind not in "iuf":
        raise DatasetError(f"{dataset}: {variable} in {path} is of type {values.dtype}; expected numbers")
    odd = (
        ~(np.abs(values) < 2**53) | (values != np.floor(values))
        if values.dtype.kind == "f"
        else values > 2**53
    )
    if odd.any():
        raise DatasetError(
            f"{dataset}: {variable} in {path} holds {values[odd][0]}, number {int(odd.ravel().argmax()) + 1} of "
            f"{odd.size}; expected whole numbers"
        )
    return values.astype(np.int64)
