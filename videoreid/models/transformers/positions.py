"""Position embeddings of one grid of patches, brought to another."""

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
        positions: ``(N + h * w, D)`` of ``old_grid``; the first N belong to class and part tokens and are kept.
        grid: (rows, columns) wanted.
        old_grid: (rows, columns) given.

    Returns:
        ``(N + rows * columns, D)``, of the same type.
    """
    tokens = len(positions) - old_grid[0] * old_grid[1]
    first, rest = positions[:tokens], positions[tokens:]
    maps = rest.float().t().reshape(1, -1, *old_grid)
    resized = F.interpolate(maps, size=grid, mode="bilinear", align_corners=False)
    return torch.cat([first, resized[0].flatten(1).t().to(positions)])


def source_grid(count: int) -> tuple[int, int] | None:
    """Return (rows, columns) of a grid with so many patches: square, or twice or three times as high as wide.

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
    """Return the position embeddings of published weights on a network's own grid.

    Args:
        positions: ``(tokens + n, D)`` or ``(1, tokens + n, D)``.
        grid: (rows, columns) of the network.
        tokens: how many class and part tokens come first.

    Returns:
        The same with ``rows * columns`` patches; untouched where that is what they have.

    Raises:
        WeightsError: n patches of which no grid is known.
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
