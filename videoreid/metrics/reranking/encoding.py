"""k-reciprocal encoding: each row becomes a sparse vector over the rows that are its mutual neighbours."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from videoreid.distances import AllPairsSource
from videoreid.metrics.reranking.neighbours import Neighbours

__all__ = ["SparseRows", "average_rows", "encode_rows", "expand_ranges", "reciprocal_mask"]

CHUNK_ELEMENTS = 1 << 20
"""Index elements per step: 8 MiB of int64."""


class SparseRows(NamedTuple):
    """A sparse matrix by rows.

    Args:
        starts: ``(N + 1,)`` int64, where each row begins.
        cols: ``(M,)`` int64, ascending within a row.
        values: ``(M,)`` float.
    """

    starts: Tensor
    cols: Tensor
    values: Tensor


def expand_ranges(starts: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``(owner, position)`` of every element of the ranges ``starts[i] .. starts[i] + counts[i] - 1``."""
    owner = torch.repeat_interleave(torch.arange(len(counts), device=counts.device), counts)
    shift = starts - (counts.cumsum(0) - counts)
    return owner, torch.arange(len(owner), device=counts.device) + shift[owner]


def reciprocal_mask(indices: Tensor) -> Tensor:
    """Return ``(N, k)`` bool: whether row ``i`` is among the k neighbours of its a-th neighbour."""
    n, k = indices.shape
    result = torch.empty(n, k, dtype=torch.bool, device=indices.device)
    step = max(1, CHUNK_ELEMENTS // (k * k))
    for start in range(0, n, step):
        near = indices[start : start + step]
        own = torch.arange(start, start + len(near), device=indices.device)
        result[start : start + step] = (indices[near] == own[:, None, None]).any(2)
    return result


def encode_rows(source: AllPairsSource, neighbours: Neighbours, k1: int, exponent: float) -> SparseRows:
    """Return the weights of every row's expanded k-reciprocal set, normalised to sum 1.

    The weight of member j of row i is ``exp(-d(i, j))``, with the distance divided by the largest of row i.

    Args:
        source: distances of the pairs that are in no neighbour list.
        neighbours: at least ``k1 + 1`` for every row, or all rows if there are fewer.
        k1: size of the neighbourhoods.
        exponent: power the distances are raised to.

    Reference: Zhong et al., "Re-ranking person re-identification with k-reciprocal encoding", CVPR 2017, eq. 3-7.
    """
    near = neighbours.indices[:, : k1 + 1]
    half = near[:, : round_half_even(k1) + 1]
    mask, half_mask = reciprocal_mask(near), reciprocal_mask(half)
    absent = len(near)  # sorts behind every row number
    counts, cols, values = [], [], []
    step = max(1, CHUNK_ELEMENTS // (near.shape[1] * (half.shape[1] + 1)))
    half = half.masked_fill(~half_mask, absent)
    for start in range(0, len(near), step):
        rows = slice(start, start + step)
        members = expand_sets(near[rows], mask[rows], half, absent)
        keep = members < absent
        row, _ = keep.nonzero(as_tuple=True)
        counts.append(keep.sum(1))
        cols.append(members[keep])
        distance = set_distances(source, neighbours, row + start, cols[-1])
        weight = torch.exp(-(distance**exponent) * row_scale(neighbours.maxima[rows], exponent)[row])
        total = torch.zeros(len(keep), dtype=weight.dtype, device=weight.device).index_add_(0, row, weight)
        values.append(weight / total[row])
    return SparseRows(_starts(torch.cat(counts)), torch.cat(cols), torch.cat(values))


def expand_sets(near: Tensor, mask: Tensor, half: Tensor, absent: int) -> Tensor:
    """Return ``(B, S)`` members of the expanded sets of some rows, ascending; ``absent`` fills unused places.

    A member's own reciprocal set of half the size is added if more than two thirds of it are in the set already.
    """
    own = near.masked_fill(~mask, absent).sort(dim=1).values
    candidates = half[near]  # (B, k, h), the half-size reciprocal sets of all neighbours
    valid = (candidates < absent) & mask[:, :, None]
    flat = candidates.flatten(1)
    place = torch.searchsorted(own, flat).clamp_(max=own.shape[1] - 1)
    inside = ((own.gather(1, place) == flat).view_as(candidates) & valid).sum(2)
    joins = 3 * inside > 2 * valid.sum(2)
    added = candidates.masked_fill_(~(valid & joins[:, :, None]), absent).flatten(1)
    members = torch.cat([own, added], dim=1).sort(dim=1).values
    members[:, 1:].masked_fill_(members[:, 1:] == members[:, :-1].clone(), absent)
    return members


def set_distances(source: AllPairsSource, neighbours: Neighbours, rows: Tensor, cols: Tensor) -> Tensor:
    """Return distances ``(M,)`` of pairs, from the neighbour lists if they hold the pair, otherwise computed."""
    first, last = (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (0, 0)
    sorted_near, order = neighbours.indices[first:last].sort(dim=1)
    keys = (sorted_near + torch.arange(first, last, device=rows.device)[:, None] * source.num_rows).flatten()
    wanted = rows * source.num_rows + cols
    place = torch.searchsorted(keys, wanted).clamp_(max=max(len(keys) - 1, 0))
    result = neighbours.distances[first:last].gather(1, order).flatten()[place]
    missing = (keys[place] != wanted).nonzero().flatten()
    result[missing] = source.pairs(rows[missing], cols[missing]).to(result.dtype)
    return result


def average_rows(rows: SparseRows, groups: Tensor) -> SparseRows:
    """Return the mean of the sparse rows ``groups[i]`` for every ``i`` (local query expansion).

    Args:
        rows: N sparse rows.
        groups: ``(N, k2)`` int64 row numbers.
    """
    n, k2 = groups.shape
    lengths = rows.starts.diff()
    mean_length = max(1, len(rows.cols) // n)
    step = max(1, CHUNK_ELEMENTS // (k2 * mean_length))
    counts, cols, values = [], [], []
    for start in range(0, n, step):
        members = groups[start : start + step]
        size = len(members)
        owner, position = expand_ranges(rows.starts[members.flatten()], lengths[members.flatten()])
        keys, order = torch.sort((owner // k2) * n + rows.cols[position])
        keys, group = torch.unique_consecutive(keys, return_inverse=True)
        total = torch.zeros(len(keys), dtype=rows.values.dtype, device=keys.device)
        total.index_add_(0, group, rows.values[position[order]])
        counts.append(torch.bincount(keys // n, minlength=size))
        cols.append(keys % n)
        values.append(total / k2)
    return SparseRows(_starts(torch.cat(counts)), torch.cat(cols), torch.cat(values))


def row_scale(maxima: Tensor, exponent: float) -> Tensor:
    """Return ``(N,)`` factors of the rows' powered distances: 1 over their largest, or 1 where all are 0."""
    powered = maxima**exponent
    return torch.where(powered > 0, 1 / powered, torch.ones_like(powered))


def round_half_even(k1: int) -> int:
    """Return half of ``k1`` as the published code rounds it: 5 gives 2, 7 gives 4."""
    return int(np.around(k1 / 2))


def _starts(counts: Tensor) -> Tensor:
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)])
