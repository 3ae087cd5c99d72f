"""Nearest neighbours and largest distance of every row, in one pass over all pairs."""

from collections.abc import Iterator

import torch
from torch import Tensor

from videoreid.distances import AllPairsSource

__all__ = ["Neighbours", "nearest_neighbours"]

MARGIN = 8
"""Neighbours kept beyond the requested number, until exact distances decide their order."""


class Neighbours:
    """The ``k`` nearest rows of every row, ties by row number, and the largest distance of every row.

    Tiles are merged in ascending order of their columns, so a later column replaces an earlier one only when it is
    strictly nearer: the result does not depend on the size of the tiles.

    Args:
        num_rows: N.
        k: neighbours kept, at most N.
        dtype: of the distances.
        device: of all tensors.

    Attributes:
        indices: ``(N, k)`` int64, nearest first.
        distances: ``(N, k)``.
        maxima: ``(N,)``, each row's largest distance.
    """

    def __init__(self, num_rows: int, k: int, *, dtype: torch.dtype, device: torch.device) -> None:
        self.distances = torch.full((num_rows, k), torch.inf, dtype=dtype, device=device)
        self.indices = torch.full((num_rows, k), -1, dtype=torch.long, device=device)
        self.maxima = torch.zeros(num_rows, dtype=dtype, device=device)

    def merge(self, rows: slice, tile: Tensor, first_col: int) -> None:
        """Add the distances ``tile (rows, C)`` to the columns from ``first_col`` on."""
        self._raise_maxima(rows, tile.amax(1))
        bound = self.distances[rows, -1:]
        mask = tile < bound
        if self._crowded(mask):
            mask &= tile <= self._kth(tile)
        row, col = mask.nonzero(as_tuple=True)
        self._insert(rows, row, col + first_col, tile[row, col])

    def merge_transposed(self, cols: slice, tile: Tensor, first_row: int) -> None:
        """Add the same ``tile (R, cols)`` as distances of columns to rows, without transposing it."""
        self._raise_maxima(cols, tile.amax(0))
        mask = tile < self.distances[cols, -1]
        if self._crowded(mask):
            mask &= tile <= self._kth(tile.t().contiguous()).t()
        row, col = mask.nonzero(as_tuple=True)
        order = torch.argsort(col, stable=True)
        row, col = row[order], col[order]
        self._insert(cols, col, row + first_row, tile[row, col])

    def _raise_maxima(self, rows: slice, values: Tensor) -> None:
        self.maxima[rows] = torch.maximum(self.maxima[rows], values)

    def _crowded(self, mask: Tensor) -> bool:
        """Return whether so many pairs pass that it is cheaper to find the k-th value of the tile first."""
        return int(torch.count_nonzero(mask)) > 4 * self.indices.shape[1] * max(mask.shape[0], mask.shape[1])

    def _kth(self, tile: Tensor) -> Tensor:
        k = min(self.indices.shape[1], tile.shape[1])
        return tile.topk(k, dim=1, largest=False, sorted=False).values.amax(1, keepdim=True)

    def _insert(self, rows: slice, row: Tensor, index: Tensor, distance: Tensor) -> None:
        """Merge candidates, sorted by ``row`` and then ``index``, into the lists of ``rows``."""
        if len(row) == 0:
            return
        size, k = rows.stop - rows.start, self.indices.shape[1]
        counts = torch.bincount(row, minlength=size)
        position = torch.arange(len(row), device=row.device) - (counts.cumsum(0) - counts)[row]
        width = k + int(counts.max())
        distances = distance.new_full((size, width), torch.inf)
        indices = index.new_full((size, width), -1)
        distances[:, :k], indices[:, :k] = self.distances[rows], self.indices[rows]
        distances[row, k + position], indices[row, k + position] = distance, index
        ordered, order = distances.sort(dim=1, stable=True)
        self.distances[rows] = ordered[:, :k]
        self.indices[rows] = indices.gather(1, order[:, :k])


def nearest_neighbours(source: AllPairsSource, k: int, chunk_size: int) -> Neighbours:
    """Return the neighbours of all rows of ``source``; a symmetric source computes each pair once.

    Args:
        source: where the distances come from.
        k: neighbours to keep, at most the number of rows.
        chunk_size: rows and columns of a tile.
    """
    kept = min(k + MARGIN, source.num_rows) if source.rounding else k
    result = Neighbours(source.num_rows, kept, dtype=source.dtype, device=source.device)
    blocks = list(row_blocks(source, chunk_size))
    for i, rows in enumerate(blocks):
        for j, cols in enumerate(blocks):
            if source.symmetric and j < i:
                continue
            tile = source.block(rows, cols)
            result.merge(rows, tile, cols.start)
            if source.symmetric and j > i:
                result.merge_transposed(cols, tile, rows.start)
    if source.rounding:
        settle(source, result, k)
    return result


def settle(source: AllPairsSource, neighbours: Neighbours, k: int) -> None:
    """Order the kept neighbours by their exact distances, ties by row number, and keep the ``k`` nearest.

    Only distances whose order the rounding of tiles could have decided are computed again.

    Args:
        source: of the distances.
        neighbours: ``k`` or more per row, ascending; changed in place.
        k: neighbours to keep.
    """
    distances, indices = neighbours.distances.double(), neighbours.indices
    row, place = undecided(distances, k, source.rounding).nonzero(as_tuple=True)
    distances[row, place] = source.pairs(row, indices[row, place]).double()
    indices, order = indices.sort(dim=1)
    distances, by_distance = distances.gather(1, order).sort(dim=1, stable=True)
    neighbours.distances = distances[:, :k].to(source.dtype).contiguous()
    neighbours.indices = indices.gather(1, by_distance[:, :k])


def undecided(distances: Tensor, k: int, rounding: float) -> Tensor:
    """Return ``(N, K)`` bool: which distances are so close to another that their order is uncertain.

    Distances further apart than twice the bound are in their true order. All members of a run of closer distances are
    uncertain, unless the run begins after the ``k`` nearest.

    Args:
        distances: ``(N, K)``, ascending, each at most ``rounding`` off.
        k: neighbours that count, at most K.
        rounding: may be infinite.
    """
    close = distances.diff(dim=1) <= 2 * rounding
    alone = close.new_zeros(len(close), 1)
    before, after = torch.cat([alone, close], dim=1), torch.cat([close, alone], dim=1)
    reaches = before[:, k:].cumprod(dim=1).bool()  # the run that holds the k-th may continue after it
    counts = torch.cat([torch.ones_like(before[:, :k]), reaches], dim=1)
    return (before | after) & counts


def row_blocks(source: AllPairsSource, chunk_size: int) -> Iterator[slice]:
    """Yield slices that cover all rows, none of them across the border of queries and gallery."""
    for first, last in ((0, source.num_queries), (source.num_queries, source.num_rows)):
        for start in range(first, last, chunk_size):
            yield slice(start, min(start + chunk_size, last))
