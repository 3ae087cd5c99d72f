"""The final distance, streamed: Jaccard distance of the encodings, mixed with the original one."""

from collections.abc import Iterator

import torch
from torch import Tensor

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
from videoreid.metrics.reranking.sources import DistanceSource

__all__ = ["rerank_blocks"]

BLOCK_ELEMENTS = 1 << 23
"""Distances in a yielded block: 32 MiB of float32, of which three are held at a time."""


def rerank_blocks(
    source: DistanceSource,
    *,
    k1: int,
    k2: int,
    lambda_value: float,
    exponent: float,
    chunk_size: int,
) -> Iterator[tuple[slice, Tensor]]:
    """Yield ``(query rows, distances (rows, G))``; the heavy work is done before the first block comes.

    Args:
        source: the original distances.
        k1: size of the reciprocal neighbourhoods.
        k2: size of the query expansion; 1 leaves it out.
        lambda_value: weight of the original distance, 0..1.
        exponent: power the original distances are raised to.
        chunk_size: rows and columns of a tile, and at most so many rows of a yielded block.

    Raises:
        ProtocolError: the powers of the distances are beyond their floating type.
    """
    kept = min(max(k1 + 1, k2), source.num_rows)
    neighbours = nearest_neighbours(source, kept, chunk_size)
    largest = neighbours.maxima.max()
    if not torch.isfinite(largest**exponent):
        raise ProtocolError(
            f"distances of up to {float(largest):.3g}, raised to the power {exponent:g}, leave the range of "
            f"{neighbours.maxima.dtype}; scale or normalise the features"
        )
    encoded = encode_rows(source, neighbours, k1, exponent)
    if k2 > 1:
        encoded = average_rows(encoded, neighbours.indices[:, :k2])
    scale = lambda_value * row_scale(neighbours.maxima[: source.num_queries], exponent)
    del neighbours
    inverted = invert_rows(encoded, source.num_queries, source.num_rows)
    num_gallery = source.num_rows - source.num_queries
    step = min(chunk_size, max(1, BLOCK_ELEMENTS // num_gallery))
    for start in range(0, source.num_queries, step):
        rows = slice(start, min(start + step, source.num_queries))
        overlap = shared_mass(encoded, inverted, rows, num_gallery)
        block = overlap.div_(2 - overlap).mul_(lambda_value - 1).add_(1 - lambda_value)
        if lambda_value > 0:  # the original distances of these rows are computed again rather than kept
            original = source.block(rows, slice(source.num_queries, source.num_rows))
            original = original if exponent == 1 else original.pow_(exponent)
            block.addcmul_(original, scale[rows, None])
        yield rows, block


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
