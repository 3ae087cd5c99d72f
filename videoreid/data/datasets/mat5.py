"""Numeric variables of MATLAB files of version 5 to 7, read by a parser that checks every size.

SciPy's reader stops the whole process on some damaged files. This parser reads only what tables need: full real
matrices of numbers, compressed or not. It compares sizes with the bytes in the file before it allocates memory.

Reference:
    The MathWorks, "MAT-File Format", Level 5.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

__all__ = ["MatFormatError", "read_mat5"]

_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_MATRIX, _COMPRESSED = 14, 15
_NUMERIC_CLASSES = range(
    6, 16
)  # double to uint64; below are cells, structures, objects, text and sparse matrices
_MOST_BYTES = 1 << 30
_MOST_ELEMENTS = 10_000


class MatFormatError(Exception):
    """The bytes are not a MATLAB file with tables of numbers."""


class _Element(NamedTuple):
    kind: int
    data: bytes


def read_mat5(content: bytes) -> dict[str, np.ndarray]:
    """Return the numeric matrices ``(rows, columns, ...)`` of a file by name; other variables are skipped.

    Args:
        content: the whole file.

    Raises:
        MatFormatError: the file is damaged, or of another version.
    """
    if len(content) < 128 or content[126:128] not in (b"IM", b"MI"):
        raise MatFormatError("it has no header of MATLAB 5 to 7")
    order = "<" if content[126:128] == b"IM" else ">"
    variables = {}
    for element in _elements(content[128:], order):
        if element.kind == _COMPRESSED:
            inner = list(_elements(_inflate(element.data), order))
            if len(inner) != 1:
                raise MatFormatError(f"a compressed element holds {len(inner)} elements")
            element = inner[0]
        if element.kind == _MATRIX:
            name, values = _matrix(element.data, order)
            if values is not None:
                variables[name] = values
    return variables


def _elements(data: bytes, order: str) -> Iterator[_Element]:
    place = count = 0
    while place < len(data):
        count += 1
        if count > _MOST_ELEMENTS:
            raise MatFormatError(f"it has more than {_MOST_ELEMENTS} elements")
        if len(data) - place < 8:
            raise MatFormatError("it is cut off within the head of an element")
        kind, size = struct.unpack(f"{order}II", data[place : place + 8])
        if (
            kind >> 16
        ):  # a small element: the upper half is the size, and the data follow in place of the size
            kind, size, begin, step = kind & 0xFFFF, kind >> 16, place + 4, 8
            if size > 4:
                raise MatFormatError(f"a small element claims {size} bytes")
        else:
            begin = place + 8
            # all elements but compressed ones are padded to eight bytes
            step = 8 + (size if kind == _COMPRESSED else -(-size // 8) * 8)
        if begin + size > len(data):
            raise MatFormatError(f"an element claims {size} bytes, {len(data) - begin} are left")
        yield _Element(kind, data[begin : begin + size])
        place += step


def _inflate(data: bytes) -> bytes:
    reader = zlib.decompressobj()
    try:
        plain = reader.decompress(data, _MOST_BYTES)
    except zlib.error as error:
        raise MatFormatError(f"a compressed element is damaged ({error})") from error
    if not reader.eof:
        raise MatFormatError("a compressed element is cut off, or unpacks to more than a gigabyte")
    return plain


def _matrix(data: bytes, order: str) -> tuple[str, np.ndarray | None]:
    parts = list(_elements(data, order))
    if len(parts) < 3 or parts[0].kind != 6 or len(parts[0].data) != 8 or parts[1].kind != 5:
        raise MatFormatError("a matrix has no flags, sizes and name")
    (flags,) = struct.unpack(f"{order}I", parts[0].data[:4])
    shape = np.frombuffer(parts[1].data, f"{order}i4").tolist() if len(parts[1].data) % 4 == 0 else []
    name = parts[2].data.decode("latin-1")
    if flags & 0xFF not in _NUMERIC_CLASSES or flags & 0x0800:  # the bit of complex numbers
        return name, None
    if len(parts) != 4 or len(shape) < 2 or min(shape) < 0:
        raise MatFormatError(f"the matrix {name!r} has sizes {shape} and {len(parts) - 3} parts")
    return name, _values(name, parts[3], shape, order)


def _values(name: str, part: _Element, shape: list[int], order: str) -> np.ndarray:
    if part.kind not in _TYPES:
        raise MatFormatError(f"the matrix {name!r} is of an unknown type {part.kind}")
    dtype = np.dtype(order + _TYPES[part.kind])
    count = 1
    for size in shape:
        count *= size
    if count * dtype.itemsize != len(part.data):
        raise MatFormatError(f"the matrix {name!r} claims {shape} numbers and has {len(part.data)} bytes")
    values = np.frombuffer(part.data, dtype).reshape(shape, order="F")
    return values.astype(dtype.newbyteorder("="))
