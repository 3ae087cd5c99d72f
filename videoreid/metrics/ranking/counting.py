"""Ranks of true matches, by counting the nearer gallery rows instead of sorting."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from videoreid.distances import DistanceSource
from videoreid.metrics.ranking.pairs import SamePersonPairs
from videoreid.types import SamePersonRows

__all__ = ["BLOCK_ELEMENTS", "ranked_matches", "ranks_of_matches"]

BLOCK_ELEMENTS = 4 << 20  # 16 MiB of float32 distances at a time


@dataclass(eq=False)
class _Work:
    """Matches and intermediate counts of some queries."""

    rows: slice
    owner: np.ndarray  # (p,) query of each pair, counted from rows.start
    columns: np.ndarray  # (p,) gallery row of each pair
    low: np.ndarray  # (p,) rows at smaller positions certainly rank before the pair's gallery row
    high: np.ndarray  # (p,) rows at larger positions certainly rank after it
    before: np.ndarray  # (p,) gallery rows counted as before
    close_pairs: list[np.ndarray] = field(default_factory=list)
    close_columns: list[np.ndarray] = field(default_factory=list)
    crowded: set[int] = field(
        default_factory=set
    )  # queries with so many close distances that their whole row is computed in float64

    def add_close(self, pair: int, columns: np.ndarray) -> None:
        self.close_pairs.append(np.full(len(columns), pair))
        self.close_columns.append(columns)


def ranks_of_matches(
    source: DistanceSource,
    pairs: SamePersonPairs,
    *,
    watch: Callable[[slice, slice, Tensor], None] | None = None,
    block_elements: int = BLOCK_ELEMENTS,
) -> np.ndarray:
    """Return the ranks ``(number of matches,)`` int64 of `ranked_matches` alone."""
    return ranked_matches(source, pairs, watch=watch, block_elements=block_elements)[0]


def ranked_matches(
    source: DistanceSource,
    pairs: SamePersonPairs,
    *,
    watch: Callable[[slice, slice, Tensor], None] | None = None,
    block_elements: int = BLOCK_ELEMENTS,
) -> tuple[np.ndarray, SamePersonRows]:
    """Return the 1-based rank of every true match without junk, ties in gallery order, and the rows of each person.

    The rank of a match is one more than the number of kept gallery rows before it, and a count needs
    no order: each block of distances is compared with the few distances of the true matches and discarded.

    Args:
        source: the distances.
        pairs: matches and junk of every query.
        watch: called with every block (queries, gallery rows, positions) before it is discarded.
        block_elements: distances held at a time; the ranks do not depend on it.

    Returns:
        Ranks ``(number of matches,)`` int64, query by query, ascending in each; and all rows of the query's person in
        the same order.
    """
    offsets = pairs.offsets
    keys = np.empty(len(pairs.queries))
    before = np.zeros(len(keys), dtype=np.int64)
    height = max(1, min(1024, block_elements // source.shape[1]))
    if not source.is_exact:  # enough rows for an efficient product; the width of a block follows from them
        height = max(height, min(256, block_elements))
    height = (
        source.row_step or height
    )  # rows that are computed together are used together, hence computed once
    for start in range(0, source.shape[0], height):
        rows = slice(start, min(start + height, source.shape[0]))
        mine = np.arange(offsets[rows.start], offsets[rows.stop])
        positions = source.positions(pairs.queries[mine], pairs.rows[mine])
        keys[mine] = source.keys(positions)
        chosen = mine[pairs.is_match[mine]]
        work = _open_work(source, pairs, rows, chosen, positions[pairs.is_match[mine]])
        if source.is_exact:
            _pass_exact(source, pairs.excluded, work, watch)
        else:
            _pass_near(source, pairs.excluded, work, watch, block_elements)
            _settle_close_calls(source, work, keys[chosen])
            _settle_crowded_rows(source, pairs.excluded, work, block_elements)
        before[chosen] = work.before
    # the counts include junk; in sorted order the junk before a match is a running sum
    order = np.lexsort((pairs.rows, keys, pairs.queries))
    is_junk = ~(pairs.is_match | np.isin(pairs.rows, pairs.excluded))
    running = np.concatenate([[0], np.cumsum(is_junk[order])])
    junk_before = running[1:] - running[np.repeat(offsets[:-1], np.diff(offsets))]
    is_match = pairs.is_match[order]
    same = SamePersonRows(pairs.rows[order], keys[order].astype(np.float32), is_match, offsets)
    return (before[order] - junk_before + 1)[is_match], same


def _open_work(
    source: DistanceSource, pairs: SamePersonPairs, rows: slice, chosen: np.ndarray, positions: np.ndarray
) -> _Work:
    """Return the matches ``chosen`` among the pairs, with the bounds around their positions."""
    owner = pairs.queries[chosen] - rows.start
    tolerance = source.tolerance(rows)[owner]
    low = np.nextafter((positions - tolerance).astype(np.float32), np.float32(-np.inf))
    high = np.nextafter((positions + tolerance).astype(np.float32), np.float32(np.inf))
    return _Work(rows, owner, pairs.rows[chosen], low, high, np.zeros(len(chosen), dtype=np.int64))


def _pass_exact(
    source: DistanceSource,
    hidden: np.ndarray,
    work: _Work,
    watch: Callable[[slice, slice, Tensor], None] | None,
) -> None:
    block = source.block(work.rows, slice(None))
    index = torch.from_numpy(work.owner).to(block.device), torch.from_numpy(work.columns).to(block.device)
    marks = block[index]  # before hiding: a single-shot draw may hide the match itself
    if len(hidden):
        block = block.index_fill(1, torch.from_numpy(hidden).to(block.device), torch.inf)
    work.before[:] = _count_exact(block, marks, work.owner, work.columns)
    if watch is not None:
        watch(work.rows, slice(0, source.shape[1]), block)


def _pass_near(
    source: DistanceSource,
    hidden: np.ndarray,
    work: _Work,
    watch: Callable[[slice, slice, Tensor], None] | None,
    block_elements: int,
) -> None:
    if watch is None and len(work.owner) == 0:
        return
    width = max(1, block_elements // (work.rows.stop - work.rows.start))
    for start in range(0, source.shape[1], width):
        span = slice(start, min(start + width, source.shape[1]))
        block = source.block(work.rows, span)
        inside = hidden[(hidden >= span.start) & (hidden < span.stop)] - span.start
        if len(inside):
            block.index_fill_(1, torch.from_numpy(inside).to(block.device), torch.inf)
        if len(work.owner):
            (_count_on_cpu if block.device.type == "cpu" else _count_on_device)(block, span, work)
        if watch is not None:
            watch(work.rows, span, block)
        del block  # before the next one is made


def _count_exact(block: Tensor, marks: Tensor, owner: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return, for each pair, how many columns of its row are smaller than its mark, or equal and further left."""
    if block.device.type != "cpu":
        return _count_exact_on_device(block, marks, owner, columns)
    values, targets, result = block.numpy(), marks.numpy(), np.empty(len(owner), dtype=np.int64)
    below = np.empty(block.shape[1], dtype=bool)  # one for all pairs: it stays in the cache
    for pair, (row, column) in enumerate(zip(owner.tolist(), columns.tolist(), strict=True)):
        line, mark = values[row], targets[pair]
        np.less_equal(line[:column], mark, out=below[:column])
        np.less(line[column:], mark, out=below[column:])
        result[pair] = np.count_nonzero(below)
    return result


def _count_exact_on_device(
    block: Tensor, marks: Tensor, owner: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    result = np.empty(len(owner), dtype=np.int64)
    place = torch.arange(block.shape[1], device=block.device)
    for rows, pairs in _turns(owner, block.shape[0]):
        part = block[torch.from_numpy(rows).to(block.device)]
        mark = marks[torch.from_numpy(pairs).to(block.device)].unsqueeze(1)
        column = torch.from_numpy(columns[pairs]).to(block.device).unsqueeze(1)
        before = (part < mark) | ((part == mark) & (place < column))
        result[pairs] = before.sum(1).cpu().numpy()
    return result


def _turns(owner: np.ndarray, height: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the rows that have an n-th pair, and that pair, for n = 0, 1, ...: one pair a row at a time."""
    first = np.searchsorted(owner, np.arange(height + 1))
    for turn in range(int(np.diff(first).max())):
        rows = np.flatnonzero(np.diff(first) > turn)
        yield rows, first[rows] + turn


def _count_on_cpu(block: Tensor, span: slice, work: _Work) -> None:
    """Count one block with NumPy, which is the fastest way on the CPU while a row fits the cache."""
    values, most = block.numpy(), max(64, block.shape[1] // 64)
    low, high = work.low, work.high
    found: dict[int, int] = {}
    hit = np.empty(block.shape[1], dtype=bool)  # one for all pairs: it stays in the cache
    for pair, (row, column) in enumerate(zip(work.owner.tolist(), work.columns.tolist(), strict=True)):
        line = values[row]
        below = np.count_nonzero(np.less(line, low[pair], out=hit))
        close = np.count_nonzero(np.less_equal(line, high[pair], out=hit)) - below
        work.before[pair] += below
        if close > (span.start <= column < span.stop):
            found[row] = found.get(row, 0) + close
            if found[row] > most:
                work.crowded.add(row)
            elif row not in work.crowded:
                near = np.flatnonzero((line >= low[pair]) & (line <= high[pair]))
                work.add_close(pair, near + span.start)


def _count_on_device(block: Tensor, span: slice, work: _Work) -> None:
    """Count one block on an accelerator: one comparison of the whole block for the n-th match of every query."""
    most = max(64, block.shape[1] // 64)
    for rows, pairs in _turns(work.owner, block.shape[0]):
        part = block[torch.from_numpy(rows).to(block.device)]
        low = torch.from_numpy(work.low[pairs]).to(part).unsqueeze(1)
        high = torch.from_numpy(work.high[pairs]).to(part).unsqueeze(1)
        below = (part < low).sum(1).cpu().numpy()
        near = (part >= low) & (part <= high)
        close = near.sum(1).cpu().numpy()
        work.before[pairs] += below
        inside = (work.columns[pairs] >= span.start) & (work.columns[pairs] < span.stop)
        work.crowded.update(rows[close > most].tolist())
        wanted = np.flatnonzero((close > inside) & (close <= most))
        if len(wanted):
            which, columns = near[torch.from_numpy(wanted).to(near.device)].nonzero(as_tuple=True)
            work.close_pairs.append(pairs[wanted][which.cpu().numpy()])
            work.close_columns.append(columns.cpu().numpy() + span.start)


def _settle_close_calls(source: DistanceSource, work: _Work, keys: np.ndarray) -> None:
    """Decide in float64 whether gallery rows within the rounding error of a match rank before it."""
    if not work.close_pairs:
        return
    pair, column = np.concatenate(work.close_pairs), np.concatenate(work.close_columns)
    row = work.owner[pair]
    wanted = (column != work.columns[pair]) & ~np.isin(row, list(work.crowded))
    pair, column, row = pair[wanted], column[wanted], row[wanted]
    code = row * source.shape[1] + column
    unique, inverse = np.unique(code, return_inverse=True)
    rows, columns = np.divmod(unique, source.shape[1])
    key = source.keys(source.positions(rows + work.rows.start, columns))[inverse]
    first = (key < keys[pair]) | ((key == keys[pair]) & (column < work.columns[pair]))
    work.before += np.bincount(pair, weights=first, minlength=len(work.before)).astype(np.int64)


def _settle_crowded_rows(
    source: DistanceSource, hidden: np.ndarray, work: _Work, block_elements: int
) -> None:
    """Count from float64 distances in rows that hold many distances within the rounding error of a match."""
    crowded = np.array(sorted(work.crowded), dtype=np.int64)
    step = max(1, block_elements // source.shape[1])
    for part in (crowded[start : start + step] for start in range(0, len(crowded), step)):
        mine = np.flatnonzero(np.isin(work.owner, part))
        block = source.exact_rows(part + work.rows.start)
        owner, columns = np.searchsorted(part, work.owner[mine]), work.columns[mine]
        index = torch.from_numpy(owner).to(block.device), torch.from_numpy(columns).to(block.device)
        marks = block[index]
        block.index_fill_(1, torch.from_numpy(hidden).to(block.device), torch.inf)
        work.before[mine] = _count_exact(block, marks, owner, columns)
