"""Jaccard distances of the encodings, mixed with the original distances."""

from collections.abc import Iterator

import torch
from torch import Tensor

from videoreid.distances import AllPairsSource
from videoreid.errors import ProtocolError
from videoreid.metrics.reranking.encoding import (
    CHUNK_ELEMENTS,
    SparseRows,
    average_rows,
    encode_rows,
    expand_ranges,
    row_scale,
)
from videoreid.metrics.reranking.neighbours import nearest_neighbours

__all__ = ["RerankedDistances"]

BLOCK_ELEMENTS = 1 << 23
"""Distances in a yielded block: 32 MiB of float32; three blocks are held at a time."""


class RerankedDistances:
    """Re-ranked distances of any queries; the costly part, over all pairs of rows, runs in the constructor.

    Args:
        source: the original distances.
        k1: size of the reciprocal neighbourhoods.
        k2: size of the query expansion; 1 skips it.
        lambda_value: weight of the original distance, 0..1.
        exponent: power the original distances are raised to.
        chunk_size: rows and columns of a tile, and the largest number of queries per step.

    Raises:
        ProtocolError: the powers of the distances are beyond their floating type.
    """

    def __init__(
        self,
        source: AllPairsSource,
        *,
        k1: int,
        k2: int,
        lambda_value: float,
        exponent: float,
        chunk_size: int,
    ) -> None:
        kept = min(max(k1 + 1, k2), source.num_rows)
        neighbours = nearest_neighbours(source, kept, chunk_size)
        _check_powers(neighbours.maxima, exponent)
        encoded = encode_rows(source, neighbours, k1, exponent)
        if k2 > 1:
            encoded = average_rows(encoded, neighbours.indices[:, :k2])
        self._scale = lambda_value * row_scale(neighbours.maxima[: source.num_queries], exponent)
        del neighbours
        self._encoded = encoded
        self._inverted = invert_rows(encoded, source.num_queries, source.num_rows)
        self._source, self._lambda, self._exponent = source, lambda_value, exponent
        self.shape = source.num_queries, source.num_rows - source.num_queries
        self.row_step = min(chunk_size, max(1, BLOCK_ELEMENTS // self.shape[1]))

    def rows(self, rows: slice) -> Tensor:
        """Return the distances ``(rows, G)`` of some queries."""
        overlap = shared_mass(self._encoded, self._inverted, rows, self.shape[1])
        block = overlap.div_(2 - overlap).mul_(self._lambda - 1).add_(1 - self._lambda)
        if self._lambda > 0:  # the original distances of these rows are computed again rather than kept
            original = self._source.block(rows, slice(self._source.num_queries, self._source.num_rows))
            original = original if self._exponent == 1 else original.pow_(self._exponent)
            block.addcmul_(original, self._scale[rows, None])
        return block

    def blocks(self) -> Iterator[tuple[slice, Tensor]]:
        """Yield ``(query rows, distances (rows, G))``, ``row_step`` queries at a time."""
        for start in range(0, self.shape[0], self.row_step):
            rows = slice(start, min(start + self.row_step, self.shape[0]))
            yield rows, self.rows(rows)


def _check_powers(maxima: Tensor, exponent: float) -> None:
    """Raise ProtocolError if the powers of the largest distances ``(N,)`` overflow, or round to zero."""
    powers = maxima**exponent
    lost = (maxima > 0) & (powers < torch.finfo(powers.dtype).tiny)
    if lost.any() or not torch.isfinite(powers).all():
        largest = float(maxima[lost].min() if lost.any() else maxima.max())
        raise ProtocolError(
            f"distances of up to {largest:.3g}, raised to the power {exponent:g}, leave the range of "
            f"{powers.dtype}; scale or normalise the features"
        )


def invert_rows(encoded: SparseRows, first_row: int, num_cols: int) -> SparseRows:
    """Return the inverted index: for every column, which rows from ``first_row`` on hold it, counted from there."""
    begin = int(encoded.starts[first_row])
    lengths = encoded.starts[first_row:].diff()
    owner = torch.repeat_interleave(torch.arange(len(lengths), device=lengths.device), lengths)
    cols, order = torch.sort(encoded.cols[begin:], stable=True)
    counts = torch.bincount(cols, minlength=num_cols)
    starts = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    return SparseRows(starts, owner[order], encoded.values[begin:][order])


def shared_mass(encoded: SparseRows, inverted: SparseRows, rows: slice, num_gallery: int) -> Tensor:
    """Return ``(rows, G)`` sums of the element-wise minima of query and gallery encodings."""
    size = rows.stop - rows.start
    first, last = int(encoded.starts[rows.start]), int(encoded.starts[rows.stop])
    lengths = encoded.starts[rows.start : rows.stop + 1].diff()
    row = torch.repeat_interleave(torch.arange(size, device=lengths.device), lengths)
    cols, values = encoded.cols[first:last], encoded.values[first:last]
    counts = inverted.starts[cols + 1] - inverted.starts[cols]
    shared = torch.zeros(size * num_gallery, dtype=values.dtype, device=values.device)
    for piece in _pieces(counts):
        owner, position = expand_ranges(inverted.starts[cols[piece]], counts[piece])
        least = torch.minimum(values[piece][owner], inverted.values[position])
        target = inverted.cols[position].add_((row[piece] * num_gallery)[owner])
        shared.index_add_(0, target, least)
    return shared.view(size, num_gallery)


def _pieces(counts: Tensor) -> Iterator[slice]:
    """Yield slices of ``counts`` that sum to about `CHUNK_ELEMENTS` each."""
    ends = counts.cumsum(0)
    total = int(ends[-1]) if len(ends) else 0
    borders = torch.arange(CHUNK_ELEMENTS, total + CHUNK_ELEMENTS, CHUNK_ELEMENTS, device=counts.device)
    start = 0
    for stop in [*torch.searchsorted(ends, borders, right=True).tolist(), len(counts)]:
        if stop > start:
            yield slice(start, stop)
            start = stop
