"""Average pooling of a feature map over soft parts."""

import torch
from torch import Tensor
from torch.nn import functional as F

from videoreid.errors import ConfigError

__all__ = ["pool_parts"]


def pool_parts(maps: Tensor, parts: Tensor) -> tuple[Tensor, Tensor]:
    """Average a feature map over every part, each pixel weighted by the probability of the part.

    Parts are averaged over the cells of the feature grid. A part that is absent gives zeros and visibility 0.

    Args:
        maps: ``(N, D, h, w)`` features.
        parts: ``(N, P, H, W)`` probabilities of any resolution.

    Returns:
        Vectors ``(N, P, D)``, and visibilities ``(N, P)``: the share of the picture that each part covers.

    Raises:
        ConfigError: shapes do not fit.
    """
    if maps.ndim != 4 or parts.ndim != 4 or len(maps) != len(parts):
        raise ConfigError(
            f"expected maps (N, D, h, w) and parts (N, P, H, W), got {tuple(maps.shape)} and {tuple(parts.shape)}"
        )
    weights = F.adaptive_avg_pool2d(parts.to(maps.dtype), (maps.shape[2], maps.shape[3]))
    sums = torch.einsum("ndhw,nphw->npd", maps, weights)
    mass = weights.sum(dim=(2, 3))
    vectors = sums / mass.clamp_min(1e-6).unsqueeze(2)
    return vectors, mass / (maps.shape[2] * maps.shape[3])
