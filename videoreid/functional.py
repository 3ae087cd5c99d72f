"""Distances between features, and normalisation of frames."""

from collections.abc import Sequence

import torch
from torch import Tensor

from videoreid.distances import (
    DISTANCES,
    cosine_distance,
    euclidean_distance,
    pairwise_distance,
    pairwise_distance_chunks,
    squared_euclidean_distance,
)

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
    """Normalise uint8 frames on their device as network input; float frames only change their type.

    One multiply-add per pixel: ``x / 255`` and ``(x - mean) / std`` are folded into ``x * scale + shift``.

    Args:
        frames: ``(..., 3, H, W)``, uint8 RGB in 0..255, or float and already normalised.
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
    if frames.device.type == "cpu":  # addcmul does not vectorise over broadcast channels on the CPU
        return frames.to(exact).mul_(scale).add_(shift).to(dtype)
    return torch.addcmul(shift, frames.to(exact), scale).to(dtype)
