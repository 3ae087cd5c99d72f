"""Approximate search by FAISS: it proposes rows, which are then ordered by their exact distances."""

import os
import struct
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from videoreid.errors import ConfigError, DatasetError, MissingExtraError
from videoreid.retrieval.index_description import IndexDescription, options_of
from videoreid.retrieval.index_rows import SEGMENT, Rows
from videoreid.retrieval.index_search import Best, search_exact, settle
from videoreid.utils import atomic_path, get_logger
from videoreid.utils.sealing import check_seal, seal_file

__all__ = ["Approximate"]

_TRAINING = 64  # rows per list, for k-means
_ASKED, _K = 200, 10  # queries and neighbours of the measured recall
_FEW = 2000  # up to this number of rows search is exact; a structure needs at least as many
_LEAST_PROPOSALS = 64
_TAIL = struct.Struct("<8sd")
_MAGIC = b"vrrecall"


class Approximate:
    """A FAISS structure over the first rows of an index; later rows are searched exactly.

    Args:
        description: of the index.
    """

    def __init__(self, description: IndexDescription) -> None:
        self._faiss = _import_faiss()
        self.description = description
        self.built = 0
        self.recall: float | None = None
        self._lock = threading.RLock()
        self._index: Any = None

    def build(self, rows: Rows) -> None:
        """Train on some rows, add all rows, and measure and log the recall against exact search.

        A second call adds the rows that are new since the first.
        """
        start, metric = time.perf_counter(), self.description.distance
        with self._lock:
            if self._index is None:
                self._index = self._trained(rows)
            have = self._index.ntotal
            for begin, piece in rows.placed():
                for first in range(max(have - begin, 0), len(piece), SEGMENT):
                    part = piece[first : first + SEGMENT].to("cpu", torch.float32)
                    self._index.add(part.numpy())
            self.built = len(rows)  # until this line, search is exact
        seconds = time.perf_counter() - start
        self.recall = self._measured(rows, metric)
        get_logger("index").info(
            "%s over %s rows in %.1f s: recall@%d %.4f against exact search, asked by %d of its rows",
            self.description.kind, f"{self.built:,}", seconds, _K, self.recall, min(_ASKED, rows.count),
        )  # fmt: skip

    def search(
        self,
        rows: Rows,
        asked: Tensor,
        k: int,
        *,
        allowed: np.ndarray | None = None,
        not_in_camera: np.ndarray | None = None,
    ) -> Best:
        """Return about the ``k`` nearest rows of each query, with exact distances; see `search_exact`.

        If a filter leaves few rows, or the structure finds fewer than ``k``, search is exact.
        """
        metric = self.description.distance
        limits: Any = {"allowed": allowed, "not_in_camera": not_in_camera}
        count = rows.count if allowed is None else int(allowed.sum())
        if count <= max(_FEW, len(rows) // 50):
            return search_exact(rows, asked, k, metric, **limits)
        proposals = max(k * self._options.get("rerank", 2), _LEAST_PROPOSALS)
        candidates = np.full((len(asked), proposals), -1, np.int64)
        with self._lock:
            built, known = min(self.built, len(rows)), allowed
            if (
                built < self._index.ntotal
            ):  # the structure holds rows that this snapshot of the index does not have
                known = (np.ones(len(rows), bool) if allowed is None else allowed) & (
                    np.arange(len(rows)) < built
                )
            for lines, mask in _by_camera(rows, known, not_in_camera, len(asked)):
                found = self._propose(asked[lines], proposals, mask)
                candidates[lines, : found.shape[1]] = found
        best = settle(rows, asked, candidates, k, metric)
        if built < len(rows):
            tail = search_exact(rows, asked, k, metric, first=built, **limits)
            there = tail.rows >= 0
            best.take(np.nonzero(there)[0], tail.rows[there], tail.distances[there])
        short = np.flatnonzero((best.rows < 0).any(axis=1))
        if len(short):
            cameras = None if not_in_camera is None else not_in_camera[short]
            exact = search_exact(rows, asked[short], k, metric, allowed=allowed, not_in_camera=cameras)
            best.rows[short], best.distances[short] = exact.rows, exact.distances
        return best

    def write(self, path: Path) -> None:
        """Write the structure, sealed with a checksum, whole or not at all."""
        with self._lock, atomic_path(path) as temporary:
            self._faiss.write_index(self._index, os.fspath(temporary))
            with temporary.open("ab") as file:
                file.write(_TAIL.pack(_MAGIC, -1.0 if self.recall is None else self.recall))
            seal_file(temporary)

    def read(self, path: Path, rows: Rows) -> None:
        """Read what `write` wrote.

        Raises:
            DatasetError: the file is damaged, or of another index.
        """
        remedy = "delete it and build the structure again"
        seal = check_seal(path, remedy=remedy)
        with path.open("rb") as file:
            file.seek(max(seal.size - _TAIL.size, 0))
            tail = file.read(_TAIL.size)
        if len(tail) < _TAIL.size or not tail.startswith(_MAGIC):
            raise DatasetError(f"{path} is not a FAISS structure written by this library; {remedy}")
        try:
            found = self._faiss.read_index(os.fspath(path))
        except Exception as error:  # FAISS raises RuntimeError of any text
            raise DatasetError(f"{path} cannot be read by FAISS ({error}); {remedy}") from error
        kinds = {"hnsw": "IndexHNSW", "ivf": "IndexIVF", "ivfpq": "IndexIVFPQ"}
        wanted = kinds[self.description.kind]
        if not type(found).__name__.startswith(wanted) or found.d != self.description.width:
            raise DatasetError(
                f"{path} holds a {type(found).__name__} of width {found.d}, not a {wanted} of width "
                f"{self.description.width}; {remedy}"
            )
        if found.ntotal > len(rows) or found.metric_type != self._metric:
            raise DatasetError(f"{path} is of other rows, or of another distance; {remedy}")
        recall = _TAIL.unpack(tail)[1]
        self._index, self.built, self.recall = found, int(found.ntotal), recall if recall >= 0 else None

    @property
    def _metric(self) -> int:
        cosine = self.description.distance == "cosine"
        return self._faiss.METRIC_INNER_PRODUCT if cosine else self._faiss.METRIC_L2

    @property
    def _options(self) -> dict[str, int]:
        return options_of(self.description.kind, self.description.options)

    def _trained(self, rows: Rows) -> Any:
        options, kind, width = self._options, self.description.kind, self.description.width
        if rows.count < _FEW:
            raise ConfigError(
                f"{rows.count} rows are too few for {kind}: below {_FEW} exact search is as fast; build later"
            )
        if kind == "hnsw":
            stored = "Flat" if self.description.dtype == "float32" else "SQfp16"
            index = self._faiss.index_factory(width, f"HNSW{options['M']},{stored}", self._metric)
            index.hnsw.efConstruction = options["efConstruction"]
        else:
            nlist = options["nlist"] or min(1 << round(np.log2(rows.count**0.5)), rows.count // 39)
            part = options.get("m") or next(m for m in (width // 8, width // 4, width) if m and not width % m)
            rest = "Flat" if self.description.dtype == "float32" else "SQfp16"
            if kind == "ivfpq":
                rest = f"PQ{part}x{options['nbits']}"
            index = self._faiss.index_factory(width, f"IVF{nlist},{rest}", self._metric)
        wanted = max(_TRAINING * getattr(index, "nlist", 0), 10_000)
        if not index.is_trained:
            living = np.flatnonzero(rows.alive)
            rng = np.random.default_rng(0)
            chosen = np.sort(rng.permutation(living)[:wanted])
            index.train(rows.vectors(chosen).numpy())
        return index

    def _propose(self, asked: Tensor, k: int, mask: np.ndarray | None) -> np.ndarray:
        """Return ``(n, k)`` row numbers, -1 where fewer are found."""
        faiss, options = self._faiss, self._options
        chosen: dict[str, Any] = {}
        if mask is not None:
            chosen["sel"] = faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))
        if self.description.kind == "hnsw":
            settings = faiss.SearchParametersHNSW(efSearch=max(options["efSearch"], k), **chosen)
        else:
            nprobe = options["nprobe"] or max(8, self._index.nlist // 16)
            settings = faiss.SearchParametersIVF(nprobe=min(nprobe, self._index.nlist), **chosen)
        queries = np.ascontiguousarray(asked.cpu().numpy())
        return self._index.search(queries, min(k, self._index.ntotal), params=settings)[1]

    def _measured(self, rows: Rows, metric: str) -> float:
        living = np.flatnonzero(rows.alive)
        chosen = np.sort(np.random.default_rng(1).permutation(living)[:_ASKED])
        asked = rows.vectors(chosen)
        exact = search_exact(rows, asked, _K + 1, metric).rows
        found = self.search(rows, asked, _K + 1).rows
        # each row finds itself; only the other rows count
        pairs = zip(chosen.tolist(), exact.tolist(), found.tolist(), strict=True)
        shares = [len((set(e) - {own}) & set(f)) / len(set(e) - {own}) for own, e, f in pairs]
        return float(np.mean(shares))


def _by_camera(
    rows: Rows, allowed: np.ndarray | None, not_in_camera: np.ndarray | None, queries: int
) -> list[tuple[np.ndarray, np.ndarray | None]]:
    """Return the queries of each camera, and a mask of the rows that they may find."""
    if not_in_camera is None:
        return [(np.arange(queries), allowed)]
    base = np.ones(len(rows), bool) if allowed is None else allowed
    cameras = np.unique(not_in_camera)
    return [(np.flatnonzero(not_in_camera == c), base & (rows.table["camid"] != c)) for c in cameras]


def _import_faiss() -> Any:
    try:
        import faiss
    except ImportError as error:
        raise MissingExtraError("faiss-cpu", "faiss", "an approximate index") from error
    return faiss
