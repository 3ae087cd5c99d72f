"""Upkeep of an index in a folder: comparing it with its checksums, and dropping removed rows."""

import zlib
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from torch import Tensor

from videoreid.errors import DatasetError
from videoreid.retrieval.index_description import write_index_description
from videoreid.retrieval.index_folder import NAMES, FolderRows, write_generation
from videoreid.retrieval.index_journal import NOTHING, read_changes
from videoreid.retrieval.index_rows import SEGMENT, Rows
from videoreid.utils.files import disk_errors

__all__ = ["compact_folder", "verify_folder"]


def verify_folder(store: FolderRows) -> None:
    """Compare every byte with the checksums of the journal.

    Raises:
        DatasetError: a file is damaged; the message names it and the change.
    """
    changes = read_changes(store.file("journal"))
    for place, name in enumerate(NAMES[:3]):
        with store.file(name).open("rb") as file:
            before = NOTHING
            for change in changes:
                left = store.size(name, change) - store.size(name, before)
                crc = 0
                while left > 0 and (block := file.read(min(left, 1 << 20))):
                    crc, left = zlib.crc32(block, crc), left - len(block)
                if left or crc != change[4 + place]:
                    raise DatasetError(
                        f"{file.name} is damaged: what change {change.number} wrote differs from its checksum; "
                        "build the index again"
                    )
                before = change


def compact_folder(store: FolderRows) -> None:
    """Write the rows that are alive into new files, and delete the old ones.

    Readers keep the old files mapped until they refresh.

    Raises:
        StorageError: the index is open for reading, or the disk is full; the index is unchanged then.
    """
    store.check_writing()
    rows = store.rows
    description = replace(store.description, generation=store.description.generation % 999_999 + 1)
    with disk_errors(store.folder):
        write_generation(store.folder, description, _living(rows), rows.next_key)
        write_index_description(store.folder, description)
    store.refresh()


def _living(rows: Rows) -> Iterator[tuple[Tensor, np.ndarray]]:
    """Yield embeddings and their rows of the table; one empty part if none is alive, to record the next key."""
    for begin, piece in rows.placed():
        for start in range(0, max(len(piece), 1), SEGMENT):
            keep = (
                np.flatnonzero(rows.alive[begin + start : begin + min(start + SEGMENT, len(piece))]) + start
            )
            yield piece[keep], rows.table[begin + keep]
