"""Exact search in chunks: float32 products, decided in float64, in memory that does not grow with the gallery."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from videoreid.distances import FeatureSource
from videoreid.retrieval.index_rows import Rows

__all__ = ["Best", "allowed_rows", "search_exact", "settle"]

_BLOCK_ELEMENTS = 8 << 20  # of a block of distances
_CONVERTED_ELEMENTS = (
    1 << 20
)  # converted to float32 at a time; more would leave the cache before they are multiplied
_MOST_QUERIES = 1024  # of a block
_LEAST_ROWS = 4096
_LARGEST = float(np.finfo(np.float32).max)


@dataclass
class Best:
    """The nearest rows so far of Q queries.

    Args:
        rows: ``(Q, k)`` int64; -1 where there is none.
        distances: ``(Q, k)`` float32, ascending, ties in the order of rows; infinite where there is none.
    """

    rows: np.ndarray
    distances: np.ndarray

    @classmethod
    def none(cls, queries: int, k: int) -> "Best":
        """Return a result without rows."""
        return cls(np.full((queries, k), -1, np.int64), np.full((queries, k), np.inf, np.float32))

    def take(self, lines: np.ndarray, rows: np.ndarray, distances: np.ndarray) -> None:
        """Add candidates and keep the k nearest; no candidate may be in the result already.

        Args:
            lines: ``(n,)`` query of each candidate.
            rows: ``(n,)`` row of each candidate.
            distances: ``(n,)`` float32.
        """
        changed = np.unique(lines)
        k = self.rows.shape[1]
        line = np.concatenate([np.repeat(changed, k), lines])
        row = np.concatenate([self.rows[changed].ravel(), rows])
        distance = np.concatenate([self.distances[changed].ravel(), distances])
        order = np.lexsort((row, distance, line))
        line, row, distance = line[order], row[order], distance[order]
        place = np.arange(len(line)) - np.searchsorted(line, line)
        first = place < k
        self.rows[line[first], place[first]] = row[first]
        self.distances[line[first], place[first]] = distance[first]


def allowed_rows(
    rows: Rows, cameras: np.ndarray | None, since: float | None, until: float | None
) -> np.ndarray | None:
    """Return ``(N,)`` bool: rows that a search may return; None if it may return all.

    With ``since`` or ``until``, tracklets of unknown time are left out.

    Args:
        rows: of the index.
        cameras: camera numbers; None for all.
        since: leave out tracklets that end earlier.
        until: leave out tracklets that begin later.
    """
    allowed = None if rows.count == len(rows) else rows.alive
    tests = []
    if cameras is not None:
        tests.append(np.isin(rows.table["camid"], cameras))
    if since is not None or until is not None:
        begin, end = rows.table["time"], rows.table["end_time"]
        end = np.where(np.isnan(end), begin, end)
        tests.append((end >= (-np.inf if since is None else since)) & ~np.isnan(begin))
        tests.append(begin <= (np.inf if until is None else until))
    for test in tests:
        allowed = test if allowed is None else allowed & test
    return allowed


def search_exact(
    rows: Rows,
    asked: Tensor,
    k: int,
    metric: str,
    *,
    allowed: np.ndarray | None = None,
    not_in_camera: np.ndarray | None = None,
    first: int = 0,
) -> Best:
    """Return the ``k`` nearest rows of each query.

    Args:
        rows: of the index.
        asked: ``(Q, D)`` float32 embeddings of the queries.
        k: number of neighbours.
        metric: "cosine", "euclidean" or "squared_euclidean".
        allowed: ``(N,)`` bool, see `allowed_rows`.
        not_in_camera: ``(Q,)`` camera of each query, whose rows are left out.
        first: leave out the rows before this one.
    """
    best = Best.none(len(asked), k)
    for begin in range(0, len(asked), _MOST_QUERIES):
        part = slice(begin, begin + _MOST_QUERIES)
        cameras = None if not_in_camera is None else not_in_camera[part]
        mine = Best(best.rows[part], best.distances[part])
        step = max(min(_LEAST_ROWS, _BLOCK_ELEMENTS), _BLOCK_ELEMENTS // max(1, len(asked[part])))
        for numbers, vectors in _chunks(rows, allowed, first, step):
            _search_chunk(rows, numbers, vectors, asked[part].to(vectors.device), metric, cameras, mine)
    return best


def settle(rows: Rows, asked: Tensor, candidates: np.ndarray, k: int, metric: str) -> Best:
    """Return the ``k`` nearest of the candidates, by their exact distances.

    Args:
        rows: of the index.
        asked: ``(Q, D)`` float32 embeddings of the queries.
        candidates: ``(Q, n)`` row numbers; -1 is ignored.
        k: number of neighbours.
        metric: as in `search_exact`.
    """
    best = Best.none(len(asked), k)
    lines, places = np.nonzero(candidates >= 0)
    if len(lines):
        numbers, columns = np.unique(candidates[lines, places], return_inverse=True)
        norms = torch.from_numpy(np.ascontiguousarray(rows.table["norm"][numbers]))
        source = FeatureSource(asked.cpu(), rows.vectors(numbers), metric, gallery_norms=norms)
        best.take(lines, numbers[columns], source.keys(source.positions(lines, columns)))
    return best


def _chunks(
    rows: Rows, allowed: np.ndarray | None, first: int, step: int
) -> Iterator[tuple[np.ndarray, Tensor]]:
    """Yield row numbers ``(n,)`` and float32 embeddings ``(n, D)``, at most ``step`` of them."""
    for begin, piece in rows.placed():
        if piece.dtype != torch.float32 and piece.device.type == "cpu":
            step = min(step, max(1, _CONVERTED_ELEMENTS // piece.shape[1]))
        for start in range(max(first - begin, 0), len(piece), step):
            stop = min(start + step, len(piece))
            numbers = np.arange(begin + start, begin + stop)
            vectors = piece[start:stop]
            if allowed is not None:
                keep = np.flatnonzero(allowed[begin + start : begin + stop])
                if not len(keep):
                    continue
                if len(keep) < len(numbers):
                    numbers = numbers[keep]
                    vectors = vectors.index_select(0, torch.from_numpy(keep).to(vectors.device))
            yield numbers, vectors.float()


def _search_chunk(
    rows: Rows,
    numbers: np.ndarray,
    vectors: Tensor,
    asked: Tensor,
    metric: str,
    cameras: np.ndarray | None,
    best: Best,
) -> None:
    table = rows.table[numbers[0] : numbers[-1] + 1]
    table = table if len(table) == len(numbers) else rows.table[numbers]
    norms = torch.from_numpy(np.ascontiguousarray(table["norm"]))
    source = FeatureSource(asked, vectors, metric, gallery_norms=norms)
    block = source.block(slice(None), slice(None))
    if cameras is not None:
        hidden = torch.from_numpy(cameras[:, None] == table["camid"])
        block.masked_fill_(hidden.to(block.device), torch.inf)
    limit = torch.from_numpy(_limits(block, best, metric, source.tolerance(slice(None)))).to(block.device)
    lines, columns = (part.cpu().numpy() for part in (block <= limit.unsqueeze(1)).nonzero(as_tuple=True))
    if len(lines):
        best.take(lines, numbers[columns], source.keys(source.positions(lines, columns)))


def _limits(block: Tensor, best: Best, metric: str, tolerance: np.ndarray) -> np.ndarray:
    """Return ``(Q,)`` float32 upper limits on the approximate positions of rows that can be among the best."""
    farthest = best.distances[:, -1].astype(np.float64)
    limit = (farthest * farthest if metric == "euclidean" else farthest) * (1 + 2**-22) + tolerance
    open_lines = np.flatnonzero(np.isinf(limit))
    k = best.rows.shape[1]
    if len(open_lines) and k < block.shape[1]:
        index = torch.from_numpy(open_lines).to(block.device)
        chosen = block if len(open_lines) == len(block) else block.index_select(0, index)
        nearest = chosen.topk(k, dim=1, largest=False).values[:, -1].double().cpu().numpy()
        limit[open_lines] = nearest + 2 * tolerance[open_lines]
    limit = np.minimum(limit, _LARGEST).astype(np.float32)  # rows of an infinite position are hidden
    return np.nextafter(limit, np.float32(_LARGEST))
