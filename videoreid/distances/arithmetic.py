"""Distances of two sets of rows."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor
from torch.nn import functional as F

from videoreid.distances.rounding import LONGEST, LONGEST_FLOAT64, check_lengths
from videoreid.errors import ConfigError

__all__ = [
    "DISTANCES",
    "cosine_distance",
    "euclidean_distance",
    "pairwise_distance",
    "pairwise_distance_chunks",
    "squared_euclidean_distance",
]


def squared_euclidean_distance(x: Tensor, y: Tensor) -> Tensor:
    """Return ``(N, M)`` squared Euclidean distances of the rows of ``x (N, D)`` and ``y (M, D)``.

    Computed as ``|x|^2 + |y|^2 - 2 x.y`` and clamped at zero, because rounding can make it negative. 16-bit features
    are converted to float32, also under autocast, because the largest float16 is 65,504.
    """
    x, y = _widened(x), _widened(y)
    squares = x.square().sum(1, keepdim=True) + y.square().sum(1)
    with _without_autocast(x.device):
        return torch.addmm(squares, x, y.t(), alpha=-2.0).clamp_min_(0.0)


def euclidean_distance(x: Tensor, y: Tensor) -> Tensor:
    """Return ``(N, M)`` Euclidean distances of the rows of ``x (N, D)`` and ``y (M, D)``."""
    return squared_euclidean_distance(x, y).sqrt_()


def cosine_distance(x: Tensor, y: Tensor) -> Tensor:
    """Return ``(N, M)`` values ``1 - cos``, in 0..2, of the rows of ``x (N, D)`` and ``y (M, D)``.

    16-bit features are converted to float32, also under autocast.
    """
    with _without_autocast(x.device):
        return 1.0 - F.normalize(_widened(x), dim=1) @ F.normalize(_widened(y), dim=1).t()


def _widened(rows: Tensor) -> Tensor:
    """Return 16-bit rows as float32, since their squares and sums leave the range of float16; others as they are."""
    return rows.float() if rows.dtype in (torch.float16, torch.bfloat16) else rows


def _without_autocast(device: torch.device) -> AbstractContextManager[object]:
    """Return a context in which products keep the type of their factors."""
    if device.type != "meta" and torch.is_autocast_enabled(device.type):
        return torch.autocast(device.type, enabled=False)
    return nullcontext()


DISTANCES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cosine": cosine_distance,
    "euclidean": euclidean_distance,
    "squared_euclidean": squared_euclidean_distance,
}


def pairwise_distance(x: Tensor, y: Tensor, metric: str = "cosine") -> Tensor:
    """Return the ``(N, M)`` distance matrix of two sets of rows.

    Args:
        x: ``(N, D)`` float.
        y: ``(M, D)`` float.
        metric: a key of `DISTANCES`; note that torchreid's "euclidean" is our "squared_euclidean".

    Returns:
        ``(N, M)`` of the type of ``x`` and ``y``; float32 for 16-bit features.

    Raises:
        ConfigError: unknown metric, or widths that differ.
        ProtocolError: a row is NaN, infinite, or too long for float32.
    """
    return _distance_function(x, y, metric)(x, y)


def pairwise_distance_chunks(
    x: Tensor, y: Tensor, metric: str = "cosine", chunk_size: int = 1024
) -> Iterator[tuple[slice, Tensor]]:
    """Yield ``(rows, distances)``: the distance matrix in blocks of ``chunk_size`` rows, one in memory at a time.

    Args:
        x: ``(N, D)`` float.
        y: ``(M, D)`` float.
        metric: a key of `DISTANCES`.
        chunk_size: rows of ``x`` per block; a block takes ``4 * chunk_size * M`` bytes.

    Raises:
        ConfigError: unknown metric, or widths that differ.
        ProtocolError: a row is NaN, infinite, or too long for float32.
    """
    function = _distance_function(x, y, metric)
    x, y = _widened(x), _widened(y)
    if metric == "cosine":  # normalise once, not once per block
        x, y = F.normalize(x, dim=1), F.normalize(y, dim=1)

        def function(a: Tensor, b: Tensor) -> Tensor:
            with _without_autocast(a.device):
                return 1.0 - a @ b.t()

    for start in range(0, len(x), chunk_size):
        rows = slice(start, min(start + chunk_size, len(x)))
        yield rows, function(x[rows], y)


def _distance_function(x: Tensor, y: Tensor, metric: str) -> Callable[[Tensor, Tensor], Tensor]:
    if metric not in DISTANCES:
        raise ConfigError(f"unknown metric {metric!r}; choose one of {', '.join(DISTANCES)}")
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise ConfigError(f"expected (N, D) and (M, D), got {tuple(x.shape)} and {tuple(y.shape)}")
    wide = torch.float64 in (x.dtype, y.dtype)
    dtype, longest = (torch.float64, LONGEST_FLOAT64) if wide else (torch.float32, LONGEST)
    norms = (torch.linalg.vector_norm(rows.detach().to(dtype), dim=1) for rows in (x, y))
    check_lengths(*norms, longest=longest)
    return DISTANCES[metric]
