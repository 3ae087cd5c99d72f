"""Safe HDF5 files: no external links, checked sizes, one exception for damage, no crash on a full disk."""

import io
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from videoreid.errors import DatasetError, VideoReIDError
from videoreid.utils.files import require_room

if TYPE_CHECKING:
    import h5py

__all__ = ["new_hdf5", "open_hdf5", "read_array", "read_attribute"]

_IN_MEMORY = 256 << 20
_OVERHEAD = 1 << 20
# gzip unpacks a byte to at most this many; a dataset that declares more than the file could hold is damaged
_MOST_PER_BYTE = 1032
# what h5py raises for damaged files: a dozen types whose only common base is Exception
_FOREIGN = (
    OSError,
    RuntimeError,
    KeyError,
    ValueError,
    TypeError,
    IndexError,
    OverflowError,
    MemoryError,
    AttributeError,
)


@contextmanager
def new_hdf5(path: Path, size: int) -> Iterator["h5py.File"]:
    """Open a new file for writing, so that a full disk raises an error; HDF5 crashes if it cannot close a file.

    Files of up to 256 MiB are made in memory and written at once; for larger files the free space is checked first.

    Args:
        path: the file.
        size: bytes of the arrays that the file will hold.

    Raises:
        OSError: there is not enough free space.
    """
    import h5py

    if size > _IN_MEMORY:
        require_room(path, size + _OVERHEAD)
        with h5py.File(path, "w") as file:
            yield file
        return
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        yield file
    path.write_bytes(buffer.getbuffer())


@contextmanager
def open_hdf5(
    path: str | os.PathLike[str], *, remedy: str, error: type[VideoReIDError] = DatasetError
) -> Iterator["h5py.File"]:
    """Open a file for reading; exceptions of HDF5 in the block become one exception that names the file.

    Args:
        path: the file.
        remedy: what to do about a damaged file, as the end of the message.
        error: class of the exception.

    Raises:
        VideoReIDError: of class ``error``: the file is missing, damaged, or not HDF5.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            yield file
    except VideoReIDError:
        raise
    except _FOREIGN as cause:
        reason = " ".join(str(cause).split()) or type(cause).__name__
        raise error(f"{os.fspath(path)} is damaged, or not an HDF5 file ({reason}); {remedy}") from cause


def read_array(file: "h5py.File", name: str, *, kinds: str = "iuf", ndim: int | None = None) -> np.ndarray:
    """Return a dataset, an array of any shape, that is stored in the file itself.

    Args:
        file: an open file.
        name: path of the dataset.
        kinds: NumPy kinds that are allowed: "iuf" numbers, "S" texts of fixed length.
        ndim: number of dimensions; None allows any.

    Raises:
        DatasetError: the dataset is missing, of another kind, or stored elsewhere (a link to another file, external
            storage, a virtual dataset), or it declares more bytes than the file can hold.
    """
    dataset = _own(file, name)
    shape, dtype = dataset.shape, dataset.dtype
    if shape is None or dtype.kind not in kinds or dtype.hasobject:
        raise DatasetError(f"{file.filename}: {name} has the unexpected type {dtype}")
    if ndim is not None and len(shape) != ndim:
        raise DatasetError(f"{file.filename}: {name} has shape {shape}; expected {ndim} dimensions")
    declared = math.prod(shape) * dtype.itemsize
    if declared > _MOST_PER_BYTE * Path(file.filename).stat().st_size:
        raise DatasetError(
            f"{file.filename}: {name} declares {declared:,} bytes, more than the file can hold"
        )
    return np.asarray(dataset[()])


def read_attribute(holder: Any, name: str, default: str = "") -> str:
    """Return an attribute of a file or group as text."""
    value = holder.attrs.get(name, default)
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _own(file: "h5py.File", name: str) -> "h5py.Dataset":
    import h5py

    place: Any = file
    for part in name.split("/"):
        if part not in place:
            raise DatasetError(f"{file.filename} lacks {name}")
        if not isinstance(place.get(part, getlink=True), h5py.HardLink):
            raise DatasetError(
                f"{file.filename}: {name} is a link, perhaps to another file; links are not followed"
            )
        place = place[part]
    if not isinstance(place, h5py.Dataset):
        raise DatasetError(f"{file.filename}: {name} is not a dataset")
    if place.external or place.is_virtual:
        raise DatasetError(f"{file.filename}: {name} is stored in another file, which is not read")
    return place
