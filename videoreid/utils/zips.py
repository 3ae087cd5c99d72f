"""Safe reading of zip files: every checksum is compared, and declared sizes are checked.

PyTorch and NumPy both write zip files; PyTorch does not compare checksums when it reads them.
"""

import io
import math
import os
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from videoreid.errors import DatasetError, VideoReIDError
from videoreid.utils.log import get_logger

__all__ = ["check_stored_zip", "read_npz"]

_BLOCK = 1 << 20
_MOST_BYTES = 4 << 30  # largest array that a compressed file may unpack to
_MOST_HEADER = 10_000


def check_stored_zip(
    path: str | os.PathLike[str], *, remedy: str, error: type[VideoReIDError] = DatasetError
) -> None:
    """Compare the checksums of a zip of uncompressed records, such as `torch.save` writes; other files pass.

    Args:
        path: the file.
        remedy: what to do about a damaged file, as the end of the message.
        error: class of the exception.

    Raises:
        VideoReIDError: of class ``error``: a checksum differs, a name occurs twice, or a record is compressed and could
            unpack to any size.
    """
    path = Path(path)
    with path.open("rb") as file:
        if file.read(4) != b"PK\x03\x04":
            return
    try:
        with zipfile.ZipFile(path) as archive:
            records = archive.infolist()
            names = [record.filename for record in records]
            if len(set(names)) < len(names):
                raise error(f"{path} holds a record twice; {remedy}")
            packed = [record.filename for record in records if record.compress_type != zipfile.ZIP_STORED]
            if packed:
                raise error(
                    f"{path}: record {packed[0]} is compressed, which torch.save never does; {remedy}"
                )
            if records and not any(record.CRC for record in records if record.file_size):
                get_logger("files").warning(
                    "%s was written without checksums: damage cannot be detected", path
                )
                return
            for record in records:
                with archive.open(record) as content:
                    while content.read(_BLOCK):
                        pass
    except VideoReIDError:
        raise
    except Exception as cause:  # zipfile raises half a dozen unrelated types for a damaged file
        raise error(f"{path} is truncated or damaged ({_reason(cause)}); {remedy}") from cause


def read_npz(
    path: str | os.PathLike[str],
    names: Iterable[str],
    *,
    what: str,
    remedy: str,
    error: type[VideoReIDError] = DatasetError,
) -> dict[str, np.ndarray]:
    """Return named arrays of an ``.npz`` file; other entries are not unpacked, and nothing in it is executed.

    Args:
        path: the file.
        names: the arrays to read, each of any shape ``(...)``.
        what: what the file should be, for messages.
        remedy: what to do about a damaged file, as the end of the message.
        error: class of the exception.

    Raises:
        VideoReIDError: of class ``error``: the file is missing or damaged, lacks an array, or declares more bytes than
            it holds.
    """
    path = Path(path)
    if not path.is_file():
        raise error(f"{path} is no file, so no {what}; {remedy}")
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [record.filename for record in archive.infolist()]
            if len(set(entries)) < len(entries):
                raise error(f"{path} holds an entry twice; {remedy}")
            return {name: _read_array(archive, name) for name in names}
    except VideoReIDError:
        raise
    except Exception as cause:  # zipfile, zlib and NumPy raise a dozen unrelated types for damaged files
        raise error(f"{path} is no {what}, or a damaged one ({_reason(cause)}); {remedy}") from cause


def _read_array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    record = archive.getinfo(f"{name}.npy")
    if record.file_size > _MOST_BYTES and record.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{name} would unpack to {record.file_size:,} bytes")
    with archive.open(record) as content:
        head = io.BytesIO(content.read(_MOST_HEADER + 12))
        version = np.lib.format.read_magic(head)
        reader = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = reader(head, max_header_size=_MOST_HEADER)
        if dtype.hasobject or math.prod(shape) * dtype.itemsize != record.file_size - head.tell():
            raise ValueError(f"{name} declares {shape} of {dtype}, which is not what it holds")
    # read to its end, so that zipfile compares the checksum
    return np.lib.format.read_array(io.BytesIO(archive.read(record)), allow_pickle=False)


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:200] if text else type(error).__name__
