"""Adaptive average pooling that can be exported for any map size."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["GridMeans", "grid_means"]


def grid_means(maps: Tensor, cells: tuple[int, int]) -> Tensor:
    """Return the means over the cells, ``(N, C, *cells)``, of maps ``(N, C, h, w)``.

    Cells overlap where their number does not divide a side, as in `torch.nn.functional.adaptive_avg_pool2d`. ONNX has
    no operator for that; while tracing, the means are two products with constant matrices, for the traced map size.

    Args:
        maps: ``(N, C, h, w)``.
        cells: (rows, columns) of the grid.
    """
    if not torch.jit.is_tracing():  # type: ignore[attr-defined]
        return F.adaptive_avg_pool2d(maps, cells)
    height, width = (int(side) for side in maps.shape[2:])
    rows, columns = (_means(side, count) for side, count in ((height, cells[0]), (width, cells[1])))
    return rows.to(maps) @ maps @ columns.T.to(maps)


def _means(length: int, cells: int) -> Tensor:
    """Return ``(cells, length)``: each row averages the positions of one cell."""
    weights = torch.zeros(cells, length)
    for cell in range(cells):
        first, last = cell * length // cells, -(-(cell + 1) * length // cells)
        weights[cell, first:last] = 1 / (last - first)
    return weights


class GridMeans(nn.Module):
    """Module version of `grid_means`.

    Args:
        cells: (rows, columns) of the grid.
    """

    def __init__(self, cells: tuple[int, int]) -> None:
        super().__init__()
        self.cells = cells

    def forward(self, maps: Tensor) -> Tensor:
        """Return ``(N, C, *cells)`` of ``(N, C, h, w)``."""
        return grid_means(maps, self.cells)
