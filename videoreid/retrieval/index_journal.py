"""The journal of an index in a folder: one record per finished change; bytes without a record are ignored."""

import os
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

from videoreid.errors import DatasetError

__all__ = ["Change", "NOTHING", "RECORD_SIZE", "read_changes", "record_of", "write_all"]

_MAGIC = b"vrindex1"
_FIELDS = struct.Struct("<8sQQQQIII8sI")  # 64 bytes, so that no record crosses a page
_SPARE = bytes(8)
RECORD_SIZE = _FIELDS.size


class Change(NamedTuple):
    """Sizes of the index after a change, and checksums of the bytes that the change appended.

    Args:
        number: of the change, from 0.
        rows: number of embeddings and of rows of the table.
        dead: number of entries in the list of removed rows.
        next_key: the smallest key that was never assigned.
        vectors_crc: CRC-32 of the appended embeddings.
        table_crc: of the appended rows of the table.
        dead_crc: of the appended row numbers.
    """

    number: int
    rows: int
    dead: int
    next_key: int
    vectors_crc: int
    table_crc: int
    dead_crc: int


NOTHING = Change(-1, 0, 0, 0, 0, 0, 0)
"""Before the first change."""


def record_of(change: Change) -> bytes:
    """Return the bytes of a change in the journal."""
    body = _FIELDS.pack(_MAGIC, *change, _SPARE, 0)[:-4]
    return body + struct.pack("<I", zlib.crc32(body))


def read_changes(path: Path) -> list[Change]:
    """Return the finished changes.

    A last record that is cut off or all zeros is a change that was not finished, because the process was killed or
    the machine crashed.

    Raises:
        DatasetError: the journal is missing or damaged.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"cannot read {path}: {error.strerror or error}; build the index again") from error
    size = _FIELDS.size
    changes: list[Change] = []
    for start in range(0, len(data) - size + 1, size):
        record = data[start : start + size]
        if not any(data[start:]):
            break
        fields = _FIELDS.unpack(record)
        before = changes[-1] if changes else NOTHING
        change = Change(*fields[1:8])
        if (
            fields[0] != _MAGIC
            or fields[-1] != zlib.crc32(record[:-4])
            or change.number != before.number + 1
            or change.rows < before.rows
            or not before.dead <= change.dead <= change.rows
            or change.next_key < before.next_key
        ):
            raise DatasetError(f"{path} is damaged: record {len(changes)} is invalid; build the index again")
        changes.append(change)
    return changes


def write_all(handle: int, data: bytes | memoryview, offset: int) -> None:
    """Write all data at an offset of an open file, and wait until the disk has it."""
    if not len(data):
        return
    view = memoryview(data)
    os.lseek(handle, offset, os.SEEK_SET)
    done = 0
    while done < len(view):
        done += os.write(handle, view[done : done + (1 << 28)])
    os.fsync(handle)
