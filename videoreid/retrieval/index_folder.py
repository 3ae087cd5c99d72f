"""Rows of an index in a folder: one process appends, many read, and a killed process loses no finished change."""

import os
import threading
import zlib
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from videoreid.errors import DatasetError, StorageError
from videoreid.retrieval.index_description import (
    DESCRIPTION,
    IndexDescription,
    read_index_description,
    write_index_description,
)
from videoreid.retrieval.index_journal import NOTHING, RECORD_SIZE, Change, read_changes, record_of, write_all
from videoreid.retrieval.index_rows import DTYPES, ROW, SEGMENT, Rows, empty_table, grown
from videoreid.utils.files import disk_errors
from videoreid.utils.locks import LockedError, only_one

__all__ = ["NAMES", "FolderRows", "write_generation"]

NAMES = ("vectors", "table", "dead", "journal")
_DEAD = np.dtype("<i8")


class FolderRows:
    """Rows in the files of a folder, mapped into memory.

    A change appends to the files, waits for the disk, and then appends a record to the journal. A reader uses only
    what the journal records, so it sees whole changes only; rows that it has mapped never change.

    Args:
        folder: of the index.
        writing: take the lock, cut off unfinished changes of killed processes, and allow changes.
        new: description of a new index, created if the folder has none; for writing only.

    Raises:
        DatasetError: there is no index, or it is damaged.
        StorageError: another process writes to it.
    """

    def __init__(self, folder: Path, *, writing: bool, new: IndexDescription | None = None) -> None:
        self.folder, self.writing = folder, writing
        self.changing = threading.RLock()
        self._stack = ExitStack()
        self._handles: dict[str, int] = {}
        self._alive = np.empty(0, bool)
        try:
            if writing:
                self._lock(make=new is not None)
                if new is not None and not (folder / DESCRIPTION).exists():
                    with disk_errors(folder):
                        write_generation(folder, new, [])
                        write_index_description(folder, new)
            self.refresh()
        except BaseException:
            self.close()
            raise

    def file(self, name: str) -> Path:
        """Return the path of a file of the current generation."""
        return self.folder / f"{self.description.generation:06d}.{name}"

    def refresh(self) -> None:
        """Read the changes that another process finished.

        Raises:
            DatasetError: the files are damaged.
        """
        with self.changing:
            while True:
                self.description = read_index_description(self.folder)
                try:
                    changes = read_changes(self.file("journal"))
                    self._last = changes[-1] if changes else NOTHING
                    self._pieces: list[Tensor] = []
                    self.rows = self._read(self._last)
                    break
                except (DatasetError, FileNotFoundError):
                    if read_index_description(self.folder) == self.description:
                        raise  # otherwise another process compacted the index meanwhile
            if self.writing:
                self._open_files()

    def commit(self, vectors: Tensor, table: np.ndarray, dead: np.ndarray, next_key: int) -> None:
        """Append rows and remove others, see `RowStore.commit`; the change is on disk when this returns.

        Raises:
            StorageError: the index is open for reading only, or the disk is full; nothing is changed then.
        """
        self.check_writing()
        old, blocks = self._last, blocks_of(vectors, table, dead)
        crcs = map(zlib.crc32, blocks.values())
        change = Change(old.number + 1, old.rows + len(table), old.dead + len(dead), next_key, *crcs)
        with disk_errors(self.folder):
            for name, block in blocks.items():
                write_all(self._handles[name], block, self.size(name, old))
            try:
                write_all(self._handles["journal"], record_of(change), self.size("journal", old))
            except OSError:
                with suppress(OSError):
                    os.ftruncate(self._handles["journal"], self.size("journal", old))
                raise
        self._last = change
        self._alive = grown(self._alive, change.rows)
        self._alive[old.rows : change.rows] = True
        if len(dead):
            self._alive = self._alive.copy()  # running searches keep the old array
            self._alive[dead] = False
        self.rows = self._state(change, self._alive[: change.rows], self._table(change))

    def check_writing(self) -> None:
        """Raise StorageError if the index is open for reading, or closed."""
        if not self._handles:
            raise StorageError(
                f"the index {self.folder} is open for reading; open it with mode='write' to change it"
            )

    def close(self) -> None:
        """Release the lock; mapped rows stay readable."""
        for handle in self._handles.values():
            os.close(handle)
        self._handles = {}
        self._stack.close()

    def _lock(self, *, make: bool) -> None:
        if make:
            with disk_errors(self.folder):
                self.folder.mkdir(parents=True, exist_ok=True)
        elif not self.folder.is_dir():
            raise DatasetError(f"there is no gallery index {self.folder}; give the width to create one")
        try:
            self._stack.enter_context(
                only_one(self.folder / ".lock", what=f"writing {self.folder}", wait=False)
            )
        except LockedError as error:
            raise StorageError(
                f"cannot write the index {self.folder}: {error}; one process writes at a time, others open it with "
                "mode='read'"
            ) from error

    def _open_files(self) -> None:
        """Open the files for appending, and cut off bytes that no record of the journal covers."""
        for handle in self._handles.values():
            os.close(handle)
        self._handles = {}
        with disk_errors(self.folder):
            for name in NAMES:
                size = self.size(name, self._last)
                handle = os.open(self.file(name), os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
                self._handles[name] = handle
                os.ftruncate(handle, size)
            for path in self.folder.glob("[0-9]*.*"):
                if not path.name.startswith(f"{self.description.generation:06d}."):
                    with suppress(
                        OSError
                    ):  # files of another generation; some systems cannot delete mapped files
                        path.unlink()

    def size(self, name: str, change: Change) -> int:
        """Return the bytes of a file that are part of the index after a change."""
        item = DTYPES[self.description.dtype].itemsize
        return {
            "vectors": change.rows * self.description.width * item,
            "table": change.rows * ROW.itemsize,
            "dead": change.dead * _DEAD.itemsize,
            "journal": (change.number + 1) * RECORD_SIZE,
        }[name]

    def _read(self, change: Change) -> Rows:
        for name in NAMES[:3]:
            found = self.file(name).stat().st_size if self.file(name).exists() else 0
            if found < self.size(name, change):
                raise DatasetError(
                    f"{self.file(name)} has {found:,} bytes, but the journal records "
                    f"{self.size(name, change):,}: it is damaged; build the index again"
                )
        dead = np.fromfile(self.file("dead"), _DEAD, change.dead)
        if len(dead) and (dead.min() < 0 or dead.max() >= change.rows or len(np.unique(dead)) < len(dead)):
            raise DatasetError(f"{self.file('dead')} is damaged: it has unknown rows; build the index again")
        self._alive = alive = np.ones(change.rows, bool)
        alive[dead] = False
        table = self._table(change)
        keys = table["key"][alive]
        outside = len(keys) and (keys.min() < 0 or keys.max() >= change.next_key)
        if outside or len(np.unique(keys)) < len(keys):
            raise DatasetError(
                f"{self.file('table')} is damaged: its keys are invalid; build the index again"
            )
        return self._state(change, alive, table)

    def _table(self, change: Change) -> np.ndarray:
        if not change.rows:
            return empty_table(0)
        return np.memmap(self.file("table"), ROW, "c", shape=(change.rows,))

    def _state(self, change: Change, alive: np.ndarray, table: np.ndarray) -> Rows:
        width, dtype = self.description.width, np.dtype(f"<f{DTYPES[self.description.dtype].itemsize}")
        self._pieces = [piece for piece in self._pieces if len(piece) == SEGMENT]  # the last one has grown
        for start in range(len(self._pieces) * SEGMENT, change.rows, SEGMENT):
            shape = (min(SEGMENT, change.rows - start), width)
            # copy on write: torch needs writable arrays, and the file must not change
            piece = np.memmap(self.file("vectors"), dtype, "c", start * width * dtype.itemsize, shape)
            self._pieces.append(torch.from_numpy(piece))
        pieces = tuple(self._pieces) or (torch.empty(0, width, dtype=DTYPES[self.description.dtype]),)
        return Rows(pieces, table, alive, change.next_key, change.rows - change.dead)


def blocks_of(vectors: Tensor, table: np.ndarray, dead: np.ndarray) -> dict[str, bytes | memoryview]:
    """Return the bytes that a change appends to each file, see `RowStore.commit`."""
    numbers = np.ascontiguousarray(vectors.cpu().numpy())
    return {
        "vectors": numbers.reshape(-1).view(np.uint8).data,
        "table": np.ascontiguousarray(table).tobytes(),
        "dead": np.ascontiguousarray(dead, _DEAD).tobytes(),
    }


def write_generation(
    folder: Path, description: IndexDescription, parts: Iterable[tuple[Tensor, np.ndarray]], next_key: int = 0
) -> None:
    """Write the files of a generation, which become valid once ``index.json`` names it.

    Args:
        folder: of the index.
        description: of the new generation.
        parts: embeddings ``(n, D)`` and their rows of the table ``(n,)``.
        next_key: the smallest key that was never assigned.
    """
    files = {name: (folder / f"{description.generation:06d}.{name}").open("wb") for name in NAMES}
    with ExitStack() as stack:
        for file in files.values():
            stack.enter_context(file)
        change = NOTHING
        for vectors, table in parts:
            blocks = blocks_of(vectors, table, np.empty(0, _DEAD))
            for name, block in blocks.items():
                files[name].write(block)
            crcs = map(zlib.crc32, blocks.values())
            change = Change(change.number + 1, change.rows + len(table), 0, next_key, *crcs)
            files["journal"].write(record_of(change))
        for file in files.values():
            file.flush()
            os.fsync(file.fileno())
