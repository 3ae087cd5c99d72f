"""The k nearest gallery rows of every query."""

import numpy as np
import torch
from torch import Tensor

from videoreid.distances import DistanceSource
from videoreid.metrics.ranking.pairs import SamePersonPairs

__all__ = ["TopRows"]


class TopRows:
    """Collect the nearest gallery rows of every query, junk left out, ties in gallery order.

    Args:
        source: the distances.
        pairs: which rows are junk for which query.
        top_k: how many; at most G.
    """

    def __init__(self, source: DistanceSource, pairs: SamePersonPairs, top_k: int) -> None:
        queries, gallery = source.shape
        self.top_k = min(top_k, gallery)
        self.indices = np.full((queries, self.top_k), -1, dtype=np.int64)
        self.distances = np.full((queries, self.top_k), np.nan, dtype=np.float32)
        self._source, self._pairs = source, pairs
        self._junk = np.bincount(pairs.queries[~pairs.is_match], minlength=queries)
        self._junk_codes = pairs.queries[~pairs.is_match] * gallery + pairs.rows[~pairs.is_match]
        self._nearest: Tensor | None = None  # the smallest positions of the current rows so far
        self._found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def see(self, rows: slice, span: slice, block: Tensor) -> None:
        """Add one block; blocks must come row by row, from left to right.

        Args:
            rows: queries of the block.
            span: gallery rows of the block.
            block: ``(rows, span)`` positions; infinite for excluded pairs.
        """
        if self.top_k == 0:
            return
        wanted = self.top_k + int(self._junk[rows].max())  # enough rows to hold top_k that are not junk
        nearest = block.topk(min(wanted, block.shape[1]), dim=1, largest=False).values
        if self._nearest is not None:
            nearest = torch.cat([self._nearest, nearest], dim=1)
            nearest = nearest.topk(min(wanted, nearest.shape[1]), dim=1, largest=False).values
        self._nearest = nearest
        slack = torch.from_numpy(2 * self._source.tolerance(rows)).to(nearest)
        limit = torch.nextafter(nearest.amax(dim=1) + slack, nearest.new_tensor(torch.inf))
        # at most the largest finite number, because hidden rows are infinite
        near = block <= limit.clamp_max(torch.finfo(limit.dtype).max).unsqueeze(1)
        if near.device.type == "cpu":
            place = np.flatnonzero(near.numpy())  # faster than torch where little is found
        else:
            place = near.flatten().nonzero().flatten().cpu().numpy()
        line, column = np.divmod(place, near.shape[1])
        index = torch.from_numpy(line).to(block.device), torch.from_numpy(column).to(block.device)
        self._found.append((line, column + span.start, block[index].cpu().numpy()))
        if span.stop == self._source.shape[1]:
            self._finish(rows, limit.cpu().numpy())

    def _finish(self, rows: slice, limit: np.ndarray) -> None:
        line, column, position = (np.concatenate(parts) for parts in zip(*self._found, strict=True))
        self._nearest, self._found = None, []
        keep = position <= limit[line]
        keep &= ~np.isin((line + rows.start) * self._source.shape[1] + column, self._junk_codes)
        line, column, position = line[keep], column[keep], position[keep]
        count = np.bincount(line, minlength=rows.stop - rows.start)
        crowded = np.flatnonzero(count > max(4 * self.top_k, 256))
        for row in crowded.tolist():
            self._from_whole_row(row + rows.start)
        keep = ~np.isin(line, crowded)
        line, column, key = self._settle(rows, line[keep], column[keep], position[keep])
        place = np.arange(len(line)) - np.searchsorted(line, line)
        first = place < self.top_k
        self.indices[line[first] + rows.start, place[first]] = column[first]
        self.distances[line[first] + rows.start, place[first]] = key[first]

    def _settle(
        self, rows: slice, line: np.ndarray, column: np.ndarray, position: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sort by query and distance; distances that rounding could reorder are computed again in float64."""
        if len(line) == 0:
            return line, column, position
        order = np.lexsort((column, position, line))
        line, column, position = line[order], column[order], position[order].astype(np.float64)
        if not self._source.is_exact:
            position = np.maximum(position, 0.0)  # rounding may give negative values
        tolerance = self._source.tolerance(rows)[line]
        close = (line[1:] == line[:-1]) & (np.diff(position) <= 2 * tolerance[1:])
        again = np.append(close, False) | np.insert(close, 0, False)
        # in practice errors are at most a quarter of the bound; a square root enlarges those of small distances
        shown = self._source.keys(position)
        again |= self._source.keys(position + tolerance / 4) - shown > 1e-6 * np.maximum(shown, 1.0)
        position[again] = self._source.positions(line[again] + rows.start, column[again])
        key = self._source.keys(position)
        order = np.lexsort((column, key, line))
        return line[order], column[order], key[order]

    def _from_whole_row(self, query: int) -> None:
        """Sort one whole row, where so many distances are equal that a selection would not be faster."""
        keys = self._source.exact_rows(np.array([query]))[0].cpu().numpy()
        order = np.argsort(keys, kind="stable")
        hidden = self._junk_codes[self._junk_codes // len(keys) == query] % len(keys)
        best = order[~np.isin(order, np.concatenate([hidden, self._pairs.excluded]))][: self.top_k]
        self.indices[query, : len(best)] = best
        self.distances[query, : len(best)] = keys[best]
