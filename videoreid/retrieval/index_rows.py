"""Rows of an index: immutable snapshots, and the growing memory that holds them."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from videoreid.types import Features

__all__ = ["DTYPES", "MemoryRows", "ROW", "Rows", "RowStore", "SEGMENT", "empty_table", "grown"]

ROW = np.dtype(
    [
        ("key", "<i8"),
        ("pid", "<i8"),
        ("camid", "<i8"),
        ("clothes", "<i8"),
        ("time", "<f8"),
        ("end_time", "<f8"),
        ("norm", "<f8"),  # length of the stored embedding
    ]
)
"""Columns of the table: the data of a tracklet besides its embedding."""

DTYPES = {"float32": torch.float32, "float16": torch.float16}
"""Types of stored embeddings."""

SEGMENT = 1 << 16
"""Rows of the largest piece of memory that is allocated at once."""
_FIRST_SEGMENT = 256


@dataclass(frozen=True, eq=False)
class Rows:
    """A snapshot of an index; a change replaces it as a whole, so that a search never sees half of a change.

    Args:
        pieces: embeddings ``(n, D)``, in the order of addition.
        table: ``(N,)`` of `ROW`, N the sum of all n.
        alive: ``(N,)`` bool; False for rows that were removed or replaced.
        next_key: the smallest key that was never assigned.
        count: number of rows that are alive.
    """

    pieces: tuple[Tensor, ...]
    table: np.ndarray
    alive: np.ndarray
    next_key: int
    count: int

    def __len__(self) -> int:
        return len(self.table)

    @property
    def keys(self) -> np.ndarray:
        """``(count,)`` int64 keys of the rows that are alive."""
        return np.ascontiguousarray(self.table["key"][self.alive])

    @property
    def features(self) -> Features:
        """The rows that are alive, float32, copied."""
        table = self.table[self.alive]
        return Features(
            self.vectors(np.flatnonzero(self.alive)),
            *(np.ascontiguousarray(table[name]) for name in ("pid", "camid", "time", "end_time", "clothes")),
        )

    def vectors(self, rows: np.ndarray) -> Tensor:
        """Return float32 embeddings ``(n, D)`` of ascending row numbers, on the CPU."""
        width = self.pieces[0].shape[1] if self.pieces else 0
        result = torch.empty(len(rows), width)
        for begin, piece in self.placed():
            first, last = np.searchsorted(rows, (begin, begin + len(piece)))
            if last > first:
                picked = torch.from_numpy(rows[first:last] - begin).to(piece.device)
                result[first:last] = piece.index_select(0, picked).to("cpu", torch.float32)
        return result

    def placed(self) -> Iterator[tuple[int, Tensor]]:
        """Yield pieces ``(n, D)`` and the number of their first row."""
        begin = 0
        for piece in self.pieces:
            yield begin, piece
            begin += len(piece)

    def places(self, keys: np.ndarray) -> np.ndarray:
        """Return row numbers ``(n,)`` of keys, -1 where a key is not in the index."""
        rows = np.flatnonzero(self.alive & np.isin(self.table["key"], keys))
        present = self.table["key"][rows]
        order = np.argsort(present)
        place = np.searchsorted(present[order], keys)
        place = np.minimum(place, max(len(order) - 1, 0))
        if not len(order):
            return np.full(len(keys), -1)
        found = order[place]
        return np.where(present[found] == keys, rows[found], -1)


class RowStore(Protocol):
    """Storage of rows: in memory, or in a folder."""

    @property
    def rows(self) -> Rows:
        """The current snapshot."""

    changing: threading.RLock
    """Held by the thread that changes the rows."""

    def commit(self, vectors: Tensor, table: np.ndarray, dead: np.ndarray, next_key: int) -> None:
        """Append ``vectors (N, D)`` and ``table (N,)`` and remove rows ``dead (M,)``, all or nothing."""


class MemoryRows:
    """Rows in memory; adding rows does not copy the existing ones.

    Args:
        width: D.
        dtype: of the stored embeddings.
        device: where they are stored.
    """

    def __init__(self, width: int, dtype: torch.dtype, device: torch.device) -> None:
        self.changing = threading.RLock()
        self._dtype, self._device = dtype, device
        self._width = width
        self._segments: list[Tensor] = []
        self._table, self._alive = empty_table(0), np.empty(0, bool)
        self._filled = 0
        self.rows = Rows((self._piece(0),), empty_table(0), np.empty(0, bool), 0, 0)

    def commit(self, vectors: Tensor, table: np.ndarray, dead: np.ndarray, next_key: int) -> None:
        """Append rows and remove others, see `RowStore.commit`."""
        before = self.rows
        self._append(vectors)
        first, count = len(before), len(before) + len(table)
        self._table = grown(self._table, count)
        self._alive = grown(self._alive, count)
        self._table[first:count] = table
        self._alive[first:count] = True
        if len(dead):
            self._alive = self._alive.copy()  # running searches keep the old array
            self._alive[dead] = False
        self.rows = Rows(
            tuple(self._pieces()),
            self._table[:count],
            self._alive[:count],
            next_key,
            before.count + len(table) - len(dead),
        )

    def compact(self) -> None:
        """Free the memory of removed rows; running searches keep their snapshot."""
        before = self.rows
        self._segments, self._filled = [], 0
        self._table, self._alive = empty_table(0), np.empty(0, bool)
        self.rows = Rows((self._piece(0),), self._table, self._alive, before.next_key, 0)
        for begin, piece in before.placed():
            keep = np.flatnonzero(before.alive[begin : begin + len(piece)])
            vectors = piece.index_select(0, torch.from_numpy(keep).to(piece.device))
            self.commit(vectors, before.table[begin + keep], np.empty(0, np.int64), before.next_key)

    def _append(self, vectors: Tensor) -> None:
        while len(vectors):
            capacity = sum(map(len, self._segments))
            room = capacity - self._filled
            if not room:
                size = min(max(_FIRST_SEGMENT, self._filled, len(vectors)), SEGMENT)
                self._segments.append(self._piece(size))
                room = size
            last = self._segments[-1]
            begin = len(last) - room
            taken = min(room, len(vectors))
            last[begin : begin + taken] = vectors[:taken]
            vectors = vectors[taken:]
            self._filled += taken

    def _piece(self, size: int) -> Tensor:
        return torch.empty(size, self._width, dtype=self._dtype, device=self._device)

    def _pieces(self) -> Iterator[Tensor]:
        left = self._filled
        for segment in self._segments:
            yield segment[:left]
            left -= min(left, len(segment))
        if not self._segments:
            yield self._piece(0)


def empty_table(count: int) -> np.ndarray:
    """Return a table ``(count,)`` of `ROW`, all zero."""
    return np.zeros(count, ROW)


def grown(array: np.ndarray, count: int) -> np.ndarray:
    """Return the array ``(n,)`` if it has ``count`` rows, otherwise a copy of at least twice its size."""
    if count <= len(array):
        return array
    result = np.zeros(max(count, 2 * len(array)), array.dtype)
    result[: len(array)] = array
    return result
