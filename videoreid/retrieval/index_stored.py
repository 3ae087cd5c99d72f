"""Storage of an index: opening, content, saving and upkeep."""

import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import numpy as np

from videoreid.errors import ConfigError, DatasetError, MissingExtraError
from videoreid.retrieval.index_description import IndexDescription
from videoreid.retrieval.index_faiss import Approximate
from videoreid.retrieval.index_files import write_index_file
from videoreid.retrieval.index_folder import FolderRows
from videoreid.retrieval.index_rows import MemoryRows
from videoreid.retrieval.index_upkeep import compact_folder, verify_folder
from videoreid.types import Features
from videoreid.utils import get_logger
from videoreid.utils.printing import html_table

__all__ = ["StoredIndex"]

_Index = TypeVar("_Index", bound="StoredIndex")


class StoredIndex:
    """The storage half of a `GalleryIndex`.

    Args:
        store: memory or a folder.
        description: of the index.
    """

    def __init__(self, store: MemoryRows | FolderRows, description: IndexDescription) -> None:
        self._store, self._description = store, description
        self._structure: Approximate | None = None
        self.width, self.kind = description.width, description.kind
        self.distance, self.dtype = description.distance, description.dtype

    @classmethod
    def open(
        cls: type[_Index],
        folder: str | os.PathLike[str],
        *,
        mode: str = "read",
        width: int | None = None,
        **words: Any,
    ) -> _Index:
        """Open an index in a folder; it is mapped into memory, so opening costs the same for any size.

        A change is on disk when its call returns; a kill at any moment loses no finished change. Removed rows stay in
        the files until `compact`.

        Args:
            folder: of the index.
            mode: "read", or "write": one process at a time, until it closes the index or ends.
            width: D; creates an empty index if there is none, in mode "write".
            words: ``kind``, ``distance``, ``dtype``, ``options`` of a new index; an existing index must have the same.

        Raises:
            DatasetError: there is no index, or it is damaged.
            StorageError: another process writes to it.
            ConfigError: width, kind, distance, type or options differ from those of the index.
        """
        if mode not in ("read", "write"):
            raise ConfigError(f"mode is {mode!r}, not 'read' or 'write'")
        new = None if width is None else IndexDescription(width, **words)
        writing = mode == "write"
        store = FolderRows(Path(folder), writing=writing, new=new if writing else None)
        try:
            expected = dict(words) if width is None else {**words, "width": width}
            for name, value in expected.items():
                if getattr(store.description, name, None) != value:
                    raise ConfigError(
                        f"{folder} has {name} {getattr(store.description, name, None)!r}, not {value!r}"
                    )
            index = cls.__new__(cls)
            StoredIndex.__init__(index, store, store.description)
            index._take_structure()
        except BaseException:
            store.close()
            raise
        return index

    def __len__(self) -> int:
        return self._store.rows.count

    def __repr__(self) -> str:
        folder = f", in {self._store.folder}" if isinstance(self._store, FolderRows) else ""
        built = ""
        if self.kind != "exact":
            known = "unknown" if self.recall is None else f"{self.recall:.4f}"
            built = f", {self.built:,} rows built, recall@10 {known}"
        return f"GalleryIndex({len(self):,} x {self.width}, {self.kind}, {self.distance}, {self.dtype}{built}{folder})"

    def _repr_html_(self) -> str:
        rows = [("tracklets", f"{len(self):,}"), ("width", self.width), ("kind", self.kind)]
        return html_table(
            "GalleryIndex", [*rows, ("distance", self.distance), ("stored as", str(self.dtype))]
        )

    @property
    def features(self) -> Features:
        """The tracklets in the order of addition, copied; cosine embeddings are of unit length."""
        return self._store.rows.features

    @property
    def keys(self) -> np.ndarray:
        """``(G,)`` int64 keys of these tracklets."""
        return self._store.rows.keys

    @property
    def built(self) -> int:
        """Number of rows that FAISS searches; later rows, or all if this is 0, are searched exactly."""
        return 0 if self._structure is None else self._structure.built

    @property
    def recall(self) -> float | None:
        """Share of the 10 nearest rows that FAISS finds, measured by `build`; None if unknown."""
        return None if self._structure is None else self._structure.recall

    def batches(self, size: int = 4096) -> Iterator[tuple[np.ndarray, Features]]:
        """Yield keys ``(n,)`` and tracklets, at most ``size`` at a time, in the order of addition."""
        rows = self._store.rows
        living = np.flatnonzero(rows.alive)
        for start in range(0, len(living), size):
            part = living[start : start + size]
            table = rows.table[part]
            names = ("pid", "camid", "time", "end_time", "clothes")
            arrays = (np.ascontiguousarray(table[name]) for name in names)
            yield np.ascontiguousarray(table["key"]), Features(rows.vectors(part), *arrays)

    def build(self) -> float:
        """Add the rows that FAISS does not have yet, and return the recall, see `recall`.

        Until this is called, and for rows that are added later, search is exact. The recall is logged. If the index
        is in a folder that is open for writing, the structure is stored there.

        Raises:
            ConfigError: the kind is "exact", or there are fewer than 2000 rows.
        """
        if self._structure is None:
            raise ConfigError(f"kind {self.kind!r} needs no structure; nothing is built")
        with self._store.changing:
            self._structure.build(self._store.rows)
            if isinstance(self._store, FolderRows) and self._store.writing:
                self._structure.write(self._store.file("faiss"))
        assert self._structure.recall is not None
        return self._structure.recall

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the rows to an ``.npz`` file, whole or not at all; the FAISS structure is not saved."""
        write_index_file(path, self._store.rows, self._description)

    def refresh(self) -> None:
        """Read the changes that another process finished; an index in memory has nothing to read."""
        if isinstance(self._store, FolderRows) and not self._store.writing:
            generation = self._store.description.generation
            self._store.refresh()
            if self._store.description.generation != generation or not self.built:
                self._take_structure()

    def compact(self) -> None:
        """Free the space of removed rows, and drop the FAISS structure until `build` is called again.

        An index in memory does this automatically when most rows were removed and nothing is built.

        Raises:
            StorageError: the index is in a folder that is open for reading, or the disk is full.
        """
        with self._store.changing:
            if isinstance(self._store, FolderRows):
                compact_folder(self._store)
                self._description = self._store.description
                self._take_structure()
                return
            self._store.compact()
            self._structure = None if self.kind == "exact" else Approximate(self._description)

    def verify(self) -> None:
        """Compare every byte of the files with its checksum; opening compares those of the journal only.

        Raises:
            DatasetError: a file is damaged.
        """
        if isinstance(self._store, FolderRows):
            verify_folder(self._store)

    def close(self) -> None:
        """Release the lock, so that other processes can write; an index in memory has none."""
        if isinstance(self._store, FolderRows):
            self._store.close()

    def __enter__(self: _Index) -> _Index:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _take_structure(self) -> None:
        """Read the FAISS structure of these files; search is exact if it cannot be used."""
        self._structure = None
        if self.kind == "exact" or not isinstance(self._store, FolderRows):
            return
        path: Path = self._store.file("faiss")
        try:
            self._structure = Approximate(self._store.description)
            if path.exists():
                self._structure.read(path, self._store.rows)
        except (DatasetError, MissingExtraError) as error:
            get_logger("index").warning("%s; until then search is exact", error)
