"""The first gallery rows of every query, for pictures and tables."""

import numpy as np
import torch

from ._pairs import SamePersonPairs
from ._scores import Scores

__all__ = ["top_rows"]


def top_rows(
    scores: Scores, pairs: SamePersonPairs, top_k: int, *, block_elements: int = 8 << 20
) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest gallery rows of every query, junk left out, ties in gallery order.

    Args:
        scores: the distances.
        pairs: which rows are junk for which query.
        top_k: how many.
        block_elements: distances held at a time.

    Returns:
        Gallery rows ``(Q, k)`` int64 padded with -1, and distances ``(Q, k)`` float32 padded with NaN.
    """
    queries, gallery = scores.shape
    top_k = min(top_k, gallery)
    indices = np.full((queries, top_k), -1, dtype=np.int64)
    distances = np.full((queries, top_k), np.nan, dtype=np.float32)
    if top_k == 0:
        return indices, distances
    offsets = pairs.offsets
    height = max(1, min(1024, block_elements // gallery))
    for start in range(0, queries, height):
        rows = slice(start, min(start + height, queries))
        mine = np.arange(offsets[rows.start], offsets[rows.stop])
        mine = mine[~pairs.is_match[mine]]
        block = scores.block(rows, slice(None)).clone()
        block[:, torch.from_numpy(pairs.excluded).to(block.device)] = torch.inf
        junk = torch.from_numpy(pairs.queries[mine] - start), torch.from_numpy(pairs.rows[mine])
        block[junk[0].to(block.device), junk[1].to(block.device)] = torch.inf
        limit = block.topk(top_k, dim=1, largest=False).values[:, -1].cpu().numpy()
        values, tolerance = block.cpu().numpy(), 2 * scores.tolerance(rows)
        for line in range(len(values)):
            near = _near(values[line], limit[line] + tolerance[line])
            keys = scores.keys(scores.positions(np.full(len(near), start + line), near))
            best = np.lexsort((near, keys))[:top_k]
            indices[start + line, : len(best)] = near[best]
            distances[start + line, : len(best)] = keys[best]
    return indices, distances


def _near(values: np.ndarray, limit: float) -> np.ndarray:
    """Return the columns up to ``limit``, which is infinite where there are fewer visible rows than asked for."""
    with np.errstate(over="ignore"):
        bound = np.nextafter(values.dtype.type(limit), values.dtype.type(np.inf))
    return np.flatnonzero((values <= bound) & np.isfinite(values))
