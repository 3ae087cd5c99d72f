"""The one home of distance arithmetic and of frame normalisation."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from videoreid.errors import ConfigError

__all__ = [
    "DISTANCES",
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "cosine_distance",
    "euclidean_distance",
    "normalise_frames",
    "pairwise_distance",
    "pairwise_distance_chunks",
    "squared_euclidean_distance",
]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def normalise_frames(
    frames: Tensor,
    mean: Sequence[float] = IMAGENET_MEAN,
    std: Sequence[float] = IMAGENET_STD,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Turn uint8 frames into network input on the device they are on; leave float frames as they are.

    One multiply-add per pixel: ``x / 255`` and ``(x - mean) / std`` are folded into ``x * scale + shift``.

    Args:
        frames: ``(..., 3, H, W)``, uint8 RGB in 0..255, or float that is normalised already.
        mean: per channel, on the 0..1 scale.
        std: per channel, on the 0..1 scale.
        dtype: floating type of the result.

    Returns:
        ``(..., 3, H, W)`` of ``dtype``.
    """
    if frames.is_floating_point():
        return frames.to(dtype)
    exact = torch.promote_types(dtype, torch.float32)
    std_ = torch.tensor(std, device=frames.device, dtype=exact)
    mean_ = torch.tensor(mean, device=frames.device, dtype=exact)
    scale = (1.0 / (255.0 * std_)).view(-1, 1, 1)
    shift = (-mean_ / std_).view(-1, 1, 1)
    if frames.device.type == "cpu":  # addcmul does not vectorise over broadcast channels there
        return frames.to(exact).mul_(scale).add_(shift).to(dtype)
    return torch.addcmul(shift, frames.to(exact), scale).to(dtype)


def squared_euclidean_distance(x: Tensor, y: Tensor) -> Tensor:
    """Return ``(N, M)`` squared Euclidean distances of the rows of ``x (N, D)`` and ``y (M, D)``.

    Computed as ``|x|^2 + |y|^2 - 2 x.y`` and clamped at zero, where rounding would make it negative.
    """
    squares = x.square().sum(1, keepdim=True) + y.square().sum(1)
    return torch.addmm(squares, x, y.t(), alpha=-2.0).clamp_min_(0.0)


def euclidean_distance(x: Tensor, y: Tensor) -> Tensor:
    """Return ``(N, M)`` Euclidean distances of the rows of ``x (N, D)`` and ``y (M, D)``."""
    return squared_euclidean_distance(x, y).sqrt_()


def cosine_distance(x: Tensor, y: Tensor) -> Tensor:
    """Return ``(N, M)`` values ``1 - cos``, in 0..2, of the rows of ``x (N, D)`` and ``y (M, D)``."""
    return 1.0 - F.normalize(x, dim=1) @ F.normalize(y, dim=1).t()


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

    Raises:
        ConfigError: unknown metric, or widths that differ.
    """
    return _distance_function(x, y, metric)(x, y)


def pairwise_distance_chunks(
    x: Tensor, y: Tensor, metric: str = "cosine", chunk_size: int = 1024
) -> Iterator[tuple[slice, Tensor]]:
    """Yield ``(rows, distances)``: the distance matrix in blocks of ``chunk_size`` rows, never held whole.

    Args:
        x: ``(N, D)`` float.
        y: ``(M, D)`` float.
        metric: a key of `DISTANCES`.
        chunk_size: rows of ``x`` per block; a block takes ``4 * chunk_size * M`` bytes.
    """
    function = _distance_function(x, y, metric)
    if metric == "cosine":  # normalise once, not once per block
        x, y = F.normalize(x, dim=1), F.normalize(y, dim=1)

        def function(a: Tensor, b: Tensor) -> Tensor:
            return 1.0 - a @ b.t()

    for start in range(0, len(x), chunk_size):
        rows = slice(start, min(start + chunk_size, len(x)))
        yield rows, function(x[rows], y)


def _distance_function(x: Tensor, y: Tensor, metric: str) -> Callable[[Tensor, Tensor], Tensor]:
    if metric not in DISTANCES:
        raise ConfigError(f"unknown metric {metric!r}; choose one of {', '.join(DISTANCES)}")
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise ConfigError(f"expected (N, D) and (M, D), got {tuple(x.shape)} and {tuple(y.shape)}")
    return DISTANCES[metric]
