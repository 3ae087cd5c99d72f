"""MATLAB files: one variable, whatever the version of the file."""

from pathlib import Path

import numpy as np

from videoreid.data.datasets.reading.files import require_file
from videoreid.errors import DatasetError

__all__ = ["read_mat", "read_whole_numbers"]

_HDF5 = b"\x89HDF\r\n\x1a\n"


def read_mat(path: Path, variable: str, dataset: str) -> np.ndarray:
    """Return a numeric variable of a ``.mat`` file, in MATLAB's own orientation.

    Files up to version 7 are read by SciPy; version 7.3 is HDF5 with its axes reversed.

    Args:
        path: the file.
        variable: name of the variable.
        dataset: name used in messages.

    Raises:
        DatasetError: the file is missing or damaged, or does not hold the variable.
    """
    require_file(path, dataset)
    import scipy.io  # imported here, as h5py: the package must import fast

    if _is_hdf5(path):
        import h5py

        with h5py.File(path, "r") as file:
            if variable not in file:
                raise _missing(path, variable, sorted(file), dataset)
            return np.asarray(file[variable]).T
    try:
        names = [name for name, _, _ in scipy.io.whosmat(path)]
        content = scipy.io.loadmat(path, variable_names=[variable])
    except Exception as error:  # SciPy raises half a dozen unrelated types for a damaged file
        raise DatasetError(f"{dataset}: {path} is not a readable .mat file: {error}") from error
    if variable not in content:
        raise _missing(path, variable, names, dataset)
    return np.asarray(content[variable])


def read_whole_numbers(path: Path, variable: str, dataset: str) -> np.ndarray:
    """Return a variable of a ``.mat`` file as int64; MATLAB stores whole numbers as doubles as a rule.

    Raises:
        DatasetError: as `read_mat`, or a value is a fraction, NaN, infinite, or no number at all.
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


def _is_hdf5(path: Path) -> bool:
    with path.open("rb") as file:  # MATLAB writes 512 bytes of its own before the HDF5 file
        head = file.read(520)
    return _HDF5 in (head[:8], head[512:])


def _missing(path: Path, variable: str, names: list[str], dataset: str) -> DatasetError:
    return DatasetError(
        f"{dataset}: {path} has no variable {variable!r}; it holds {', '.join(names) or 'nothing'}"
    )
