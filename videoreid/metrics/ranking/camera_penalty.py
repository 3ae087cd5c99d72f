"""Camera-aware distances: the largest distance is added to every same-camera pair."""

import numpy as np
import torch
from torch import Tensor

from videoreid.distances import DistanceSource

__all__ = ["SameCameraPenalty"]

_UNIT = 2.0**-24  # half the spacing of float32 at one
_BLOCK_BYTES = 16 << 20


class SameCameraPenalty:
    """Distances of features with the largest distance added to every same-camera pair.

    Args:
        source: the distances to change; an inexact source.
        q_camids: ``(Q,)`` int64.
        g_camids: ``(G,)`` int64.
        visible: ``(G,)`` bool, the gallery rows whose distances count for the largest distance.
    """

    is_exact = False
    metric: str | None = None
    row_step: int | None = None

    def __init__(
        self, source: DistanceSource, q_camids: np.ndarray, g_camids: np.ndarray, visible: np.ndarray
    ) -> None:
        self.shape = source.shape
        self._source, self._q_camids, self._g_camids = source, q_camids, g_camids
        step = max(1, _BLOCK_BYTES // (4 * self.shape[1]))
        columns = torch.from_numpy(np.flatnonzero(visible))
        largest = 0.0
        for start in range(0, self.shape[0], step):
            block = source.block(slice(start, start + step), slice(None))
            largest = max(largest, float(block.index_select(1, columns.to(block.device)).max()))
        self._penalty = largest

    def block(self, rows: slice, columns: slice) -> Tensor:
        """Return a changed copy of the block ``(rows, columns)``."""
        block = self._source.block(rows, columns)
        same = torch.from_numpy(self._q_camids[rows, None] == self._g_camids[columns])
        return block + same.to(block.device, block.dtype) * self._penalty

    def positions(self, queries: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return positions ``(P,)`` with the penalty."""
        same = self._q_camids[queries] == self._g_camids[rows]
        return self._source.positions(queries, rows) + same * self._penalty

    def keys(self, positions: np.ndarray) -> np.ndarray:
        """Return distances ``(P,)`` with the penalty."""
        return self._source.keys(positions)

    def tolerance(self, rows: slice) -> np.ndarray:
        """Return the error bounds ``(rows,)`` of the unchanged distances, widened for the rounding of the sum."""
        return self._source.tolerance(rows) + 4 * _UNIT * self._penalty

    def exact_rows(self, rows: np.ndarray) -> Tensor:
        """Return whole rows ``(n, G)`` with the penalty."""
        block = self._source.exact_rows(rows)
        same = torch.from_numpy(self._q_camids[rows, None] == self._g_camids)
        return block + same.to(block.device, block.dtype) * float(self.keys(np.array([self._penalty]))[0])

    def rows(self, rows: slice) -> Tensor:
        """Return the distances ``(rows, G)`` of some queries, with the penalty."""
        return self.exact_rows(np.arange(*rows.indices(self.shape[0])))

    def dense(self) -> Tensor:
        """Return all distances ``(Q, G)`` with the penalty."""
        return self.exact_rows(np.arange(self.shape[0]))
