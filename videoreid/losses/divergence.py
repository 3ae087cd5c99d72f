"""Divergence loss: it moves the attention maps of neighbouring frames to different parts of a person."""

import math
from itertools import combinations

import torch
from torch import Tensor, nn

from videoreid.errors import ConfigError
from videoreid.losses._checks import safe_sqrt
from videoreid.types import Clip, ReIDOutput

__all__ = ["DivergenceLoss", "DivergenceTerm", "divergence_loss"]


def divergence_loss(attention: Tensor) -> Tensor:
    """Return how much the attention maps of a group of frames overlap.

    The published loss of a pair of maps is the Frobenius norm of (Gram matrix of their square roots - identity),
    divided by 4. As the maps sum to 1, this is ``sqrt(2) / 4`` times their Bhattacharyya coefficient: 0 for maps
    without a common part, 0.354 for equal maps. The first map of a group gets no gradient.

    Args:
        attention: ``(..., M, S)``: groups of M maps over S parts; values are at least 0, each map sums to 1.

    Returns:
        The mean over groups and pairs, a scalar.

    Raises:
        ConfigError: fewer than two maps in a group, or an empty batch.

    Reference:
        Hou et al., BiCnet-TKS: Learning Efficient Spatial-Temporal Representation for Video Person Re-Identification,
        CVPR 2021.
    """
    if attention.ndim < 2 or attention.shape[-2] < 2 or attention.numel() == 0:
        raise ConfigError(f"expected two maps or more (..., M, S), got {tuple(attention.shape)}")
    maps = list(attention.unbind(-2))
    maps[0] = maps[0].detach()
    roots = [safe_sqrt(part) for part in maps]
    overlaps = [(one * other).sum(-1).mean() for one, other in combinations(roots, 2)]
    return torch.stack(overlaps).mean() * (math.sqrt(2.0) / 4.0)


class DivergenceLoss(nn.Module):
    """Module version of `divergence_loss`."""

    def forward(self, attention: Tensor) -> Tensor:
        """Return the loss of ``attention (..., M, S)``."""
        return divergence_loss(attention)


class DivergenceTerm(nn.Module):
    """Divergence of ``extras["strip_attention"]`` (BiCnet-TKS)."""

    def forward(self, output: ReIDOutput, clip: Clip) -> Tensor:
        """Return the scalar loss of ``extras["strip_attention"]``, ``(B, T/4, 3, 8)``.

        Raises:
            ConfigError: the model does not return this entry.
        """
        if "strip_attention" not in output.extras:
            raise ConfigError("output.extras lacks strip_attention: train bicnet_tks")
        return divergence_loss(output.extras["strip_attention"])
