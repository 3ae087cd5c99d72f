"""Index of gallery tracklets: adding, removing and searching, exactly or by FAISS, in memory or in a folder."""

import os
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from videoreid.distances import row_norms
from videoreid.errors import ConfigError, ProtocolError
from videoreid.retrieval.index_description import IndexDescription
from videoreid.retrieval.index_faiss import Approximate
from videoreid.retrieval.index_files import read_index_file, table_of
from videoreid.retrieval.index_inputs import SearchResult, own_keys, prepared_embeddings
from videoreid.retrieval.index_rows import DTYPES, MemoryRows, empty_table
from videoreid.retrieval.index_search import allowed_rows, search_exact
from videoreid.retrieval.index_stored import StoredIndex
from videoreid.types import Features
from videoreid.utils.arrays import as_ids

__all__ = ["GalleryIndex"]

_LEFT_ALONE = 4096  # removed rows that are kept, because freeing their memory costs a copy of the others


class GalleryIndex(StoredIndex):
    """Nearest neighbours among the tracklets of a gallery, in process, exact or approximate.

    Each tracklet gets a key that never changes. Exact search computes distances in blocks and decides close ones in
    float64, as evaluation does; ties are in the order of addition. The other kinds get candidates from FAISS, once
    `build` was called, and order them by exact distances. Threads may add, remove and search at the same time. `open`
    returns an index in a folder, which many processes may read while one writes.

    Args:
        width: D of the embeddings.
        kind: "exact", or by FAISS "hnsw", "ivf", "ivfpq".
        distance: "cosine", "euclidean" or "squared_euclidean".
        dtype: type of the stored embeddings, "float32" or "float16".
        device: where they are stored and searched.
        options: options of FAISS: ``M``, ``efConstruction``, ``efSearch`` of "hnsw"; ``nlist``, ``nprobe`` of "ivf"
            and "ivfpq"; ``m`` parts of ``nbits`` bits per row, and ``rerank`` times k candidates, of "ivfpq".

    Raises:
        ConfigError: the width is not positive, or another argument is unknown.
        MissingExtraError: FAISS is not installed.

    Example:
        >>> index = GalleryIndex(2)
        >>> keys = index.add(Features(torch.eye(2), np.array([7, 8]), np.array([0, 1])))
        >>> index.search(torch.tensor([[1.0, 0.1]]), k=1).pids.tolist()
        [[7]]
    """

    def __init__(
        self,
        width: int,
        kind: str = "exact",
        *,
        distance: str = "cosine",
        dtype: str = "float32",
        device: str | torch.device = "cpu",
        options: Mapping[str, int] | None = None,
    ) -> None:
        description = IndexDescription(width, kind, distance, dtype, dict(options or {}))
        super().__init__(MemoryRows(width, DTYPES[dtype], torch.device(device)), description)
        if kind != "exact":
            self._structure = Approximate(description)

    def add(self, gallery: Features, *, keys: np.ndarray | Sequence[int] | None = None) -> np.ndarray:
        """Add tracklets and return their keys ``(N,)`` int64; the cost does not depend on the size of the index.

        Args:
            gallery: N tracklets.
            keys: ``(N,)`` keys that are not in the index; None assigns new ones.

        Raises:
            ProtocolError: the embeddings are not of the index's width, or too long, or a key is in the index.
        """
        vectors, table = self._prepared_rows(gallery)
        with self._store.changing:
            rows = self._store.rows
            given = (
                np.arange(rows.next_key, rows.next_key + len(table))
                if keys is None
                else own_keys(keys, len(table))
            )
            if keys is not None and (rows.places(given) >= 0).any():
                taken = given[rows.places(given) >= 0]
                raise ProtocolError(
                    f"keys {taken[:5].tolist()} are in the index; nothing was added, see update"
                )
            self._commit(vectors, table, given, np.empty(0, np.int64))
        return given

    def update(self, keys: np.ndarray | Sequence[int], gallery: Features) -> None:
        """Replace the tracklets of these keys ``(N,)``, all or none; among ties they are then the last.

        Raises:
            ProtocolError: as in `add`, or a key is not in the index or is given twice.
        """
        vectors, table = self._prepared_rows(gallery)
        own = own_keys(keys, len(table))
        with self._store.changing:
            self._commit(vectors, table, own, self._places(own, "nothing was updated"))

    def remove(self, keys: np.ndarray | Sequence[int]) -> None:
        """Remove the tracklets of these keys.

        Args:
            keys: integers ``(N,)`` that `add` returned.

        Raises:
            ProtocolError: a key is not an integer, or not in the index; nothing is removed then.
        """
        own = np.unique(as_ids("keys", keys))
        with self._store.changing:
            dead = self._places(own, "nothing was removed")
            none = torch.empty(0, self.width, dtype=DTYPES[self.dtype])
            self._commit(none, empty_table(0), np.empty(0, np.int64), dead)

    def merge(self, other: "GalleryIndex") -> np.ndarray:
        """Add all tracklets of another index, and return their new keys ``(N,)`` in the order of the other's keys.

        Raises:
            ProtocolError: the other index has another width.
            ConfigError: the other index has another distance.
        """
        if other.distance != self.distance:
            raise ConfigError(f"the other index is of {other.distance} distance, this one of {self.distance}")
        parts = [self.add(features) for _, features in other.batches()]
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    def search(
        self,
        query: Tensor | np.ndarray,
        k: int = 10,
        *,
        not_in_camera: np.ndarray | None = None,
        cameras: Collection[int] | None = None,
        since: float | None = None,
        until: float | None = None,
    ) -> SearchResult:
        """Return the ``k`` nearest tracklets of each query.

        Args:
            query: ``(Q, D)`` float, a tensor or a NumPy array.
            k: number of neighbours, 1 or more.
            not_in_camera: ``(Q,)`` int64 camera of each query, whose tracklets are left out of its answer.
            cameras: numbers of the cameras to search; None for all.
            since: leave out tracklets that end earlier, on the clock of the tracklets, and tracklets without a time.
            until: leave out tracklets that begin later, and tracklets without a time.

        Raises:
            ProtocolError: the queries are not of the index's width, NaN, infinite or too long, their number differs
                from that of the cameras, or cameras are not integers.
            ConfigError: ``k`` is less than one, or a time is NaN.
        """
        if k < 1:
            raise ConfigError(f"k is {k}; it must be 1 or more")
        if any(time is not None and np.isnan(time) for time in (since, until)):
            raise ConfigError("since or until is NaN; leave it out to search all times")
        queries = prepared_embeddings(query, self.width, self.distance)
        others = None if not_in_camera is None else as_ids("not_in_camera", not_in_camera)
        if others is not None and others.shape != (len(queries),):
            raise ProtocolError(f"{len(queries)} queries but cameras of shape {others.shape}")
        wanted = None if cameras is None else as_ids("cameras", sorted(cameras))
        rows = self._store.rows  # a snapshot: other threads may change the index meanwhile
        allowed = allowed_rows(rows, wanted, since, until)
        if self._structure is None or not self._structure.built:
            best = search_exact(rows, queries, k, self.distance, allowed=allowed, not_in_camera=others)
        else:
            best = self._structure.search(rows, queries, k, allowed=allowed, not_in_camera=others)
        missing = best.rows < 0
        columns = (
            rows.table[name][best.rows] if len(rows) else best.rows for name in ("key", "pid", "camid")
        )
        keys, pids, camids = (np.where(missing, -1, column) for column in columns)
        return SearchResult(keys, np.where(missing, np.float32(np.nan), best.distances), pids, camids)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "GalleryIndex":
        """Read an index that `save` wrote into memory.

        Raises:
            DatasetError: the file is missing, damaged, or of a newer version.
        """
        found = read_index_file(path)
        what = found.description
        index = cls(what.width, what.kind, distance=what.distance, dtype=what.dtype, options=what.options)
        index._store.commit(found.vectors, found.table, np.empty(0, np.int64), found.next_key)
        return index

    def _prepared_rows(self, gallery: Features) -> tuple[Tensor, np.ndarray]:
        stored = prepared_embeddings(gallery.embeddings, self.width, self.distance).to(DTYPES[self.dtype])
        if not torch.isfinite(stored).all():
            raise ProtocolError("embeddings are outside the range of float16; store them as float32")
        return stored, table_of(gallery, np.zeros(len(gallery), np.int64), row_norms(stored))

    def _commit(self, vectors: Tensor, table: np.ndarray, keys: np.ndarray, dead: np.ndarray) -> None:
        table["key"] = keys
        next_key = max(self._store.rows.next_key, int(keys.max(initial=-1)) + 1)
        self._store.commit(vectors, table, dead, next_key)
        rows = self._store.rows
        if (
            isinstance(self._store, MemoryRows)
            and not self.built
            and len(rows) > 2 * rows.count + _LEFT_ALONE
        ):
            self.compact()

    def _places(self, keys: np.ndarray, outcome: str) -> np.ndarray:
        places = self._store.rows.places(keys)
        if (places < 0).any():
            raise ProtocolError(f"keys {keys[places < 0][:5].tolist()} are not in the index; {outcome}")
        return places
