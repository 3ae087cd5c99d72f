"""Interpolation of position embeddings to another grid of patches."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from videoreid.errors import WeightsError

__all__ = ["fit_positions", "resize_positions", "source_grid"]

_ASPECTS = (1, 2, 3)  # rows per column: 224 x 224, 256 x 128 and 384 x 128 pixels


def resize_positions(positions: Tensor, grid: tuple[int, int], old_grid: tuple[int, int]) -> Tensor:
    """Interpolate position embeddings to another grid, bilinearly, as the published re-ID transformers do.

    Args:
        positions: ``(N + h * w, D)`` on ``old_grid``; the first N belong to class and part tokens and are kept.
        grid: (rows, columns) of the result.
        old_grid: (rows, columns) of ``positions``, (h, w).

    Returns:
        ``(N + rows * columns, D)``, of the same dtype.
    """
    tokens = len(positions) - old_grid[0] * old_grid[1]
    first, rest = positions[:tokens], positions[tokens:]
    maps = rest.float().t().reshape(1, -1, *old_grid)
    resized = F.interpolate(maps, size=grid, mode="bilinear", align_corners=False)
    return torch.cat([first, resized[0].flatten(1).t().to(positions)])


def source_grid(count: int) -> tuple[int, int] | None:
    """Return (rows, columns) of the grid with ``count`` patches: square, 2:1 or 3:1 (height to width), else None.

    Example:
        >>> source_grid(196), source_grid(128), source_grid(192), source_grid(210)
        ((14, 14), (16, 8), (24, 8), None)
    """
    for aspect in _ASPECTS:
        columns = math.isqrt(count // aspect)
        if columns and aspect * columns * columns == count:
            return aspect * columns, columns
    return None


def fit_positions(positions: Tensor, grid: tuple[int, int], tokens: int = 1) -> Tensor:
    """Return the position embeddings of published weights on the grid of a network.

    Args:
        positions: ``(tokens + n, D)`` or ``(1, tokens + n, D)``.
        grid: (rows, columns) of the network.
        tokens: number of class and part tokens before the patches.

    Returns:
        The embeddings of ``rows * columns`` patches, in the same layout; unchanged if n is already that number.

    Raises:
        WeightsError: n patches do not form a known grid.
    """
    rows = positions.reshape(-1, positions.shape[-1])
    count = len(rows) - tokens
    if count == grid[0] * grid[1]:
        return positions
    old_grid = source_grid(count)
    if old_grid is None:
        raise WeightsError(
            f"the weights hold position embeddings of {count} patches, which is neither this network's grid of "
            f"{grid[0]} x {grid[1]} nor a square, 2:1 or 3:1 grid: build the network with the height, width and "
            "stride that the weights were trained at"
        )
    resized = resize_positions(rows, grid, old_grid)
    return resized.reshape(*positions.shape[:-2], *resized.shape)
