"""Append a checksum of the whole file at its end, and compare it before the file is parsed.

HDF5 and zip readers ignore bytes after the end of their data. A damaged HDF5 file can make the HDF5 library loop or
stop the process; a file whose checksum differs is never opened.
"""

import hashlib
import os
import struct
from pathlib import Path
from typing import NamedTuple

from videoreid.errors import DatasetError, VideoReIDError

__all__ = ["Seal", "check_seal", "seal_file"]

_MAGIC = b"\nvrseal1"
_FIELDS = struct.Struct("<QQQ")
_LENGTH = len(_MAGIC) + _FIELDS.size + 32
_BLOCK = 1 << 20


class Seal(NamedTuple):
    """The bytes that a seal covers.

    Args:
        size: bytes of the file without its seal.
        skip_begin: first byte of a part that is left out, because it has its own checksums.
        skip_end: first byte after this part.
    """

    size: int
    skip_begin: int
    skip_end: int


def seal_file(path: str | os.PathLike[str], *, skip: tuple[int, int] = (0, 0)) -> None:
    """Append a checksum of a file, without the bytes ``skip[0]`` to ``skip[1] - 1``.

    Args:
        path: a complete file that is not sealed yet.
        skip: a part that has its own checksums.
    """
    path = Path(path)
    seal = Seal(path.stat().st_size, *skip)
    digest = _digest(path, seal)
    with path.open("ab") as file:
        file.write(_MAGIC + _FIELDS.pack(*seal) + digest)


def check_seal(
    path: str | os.PathLike[str], *, remedy: str, error: type[VideoReIDError] = DatasetError
) -> Seal:
    """Compare a file with its seal.

    Args:
        path: the file.
        remedy: what to do about a damaged file, as the end of the message.
        error: class of the exception.

    Raises:
        VideoReIDError: of class ``error``: the file is missing, has no seal, or differs from it.
    """
    path = Path(path)
    if not path.is_file():
        raise error(f"{path} is not a file; {remedy}")
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            file.seek(max(size - _LENGTH, 0))
            tail = file.read()
        if len(tail) < _LENGTH or not tail.startswith(_MAGIC):
            raise error(
                f"{path} has no checksum at its end: it is cut off, damaged, of another kind, or older than this "
                f"library; {remedy}"
            )
        seal = Seal(*_FIELDS.unpack(tail[len(_MAGIC) : -32]))
        whole = seal.size == size - _LENGTH and seal.skip_begin <= seal.skip_end <= seal.size
        if not whole or _digest(path, seal) != tail[-32:]:
            raise error(f"{path} is damaged: its checksum differs; {remedy}")
    except OSError as cause:
        raise error(f"cannot read {path}: {cause.strerror or cause}") from cause
    return seal


def _digest(path: Path, seal: Seal) -> bytes:
    digest = hashlib.sha256(_FIELDS.pack(*seal))
    with path.open("rb") as file:
        for begin, end in ((0, seal.skip_begin), (seal.skip_end, seal.size)):
            file.seek(begin)
            left = end - begin
            while left > 0 and (block := file.read(min(left, _BLOCK))):
                digest.update(block)
                left -= len(block)
    return digest.digest()
