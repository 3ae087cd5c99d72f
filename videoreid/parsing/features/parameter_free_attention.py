"""Parameter-free spatial attention: positions weighted by the activity of their channels."""

from typing import Literal

import torch
from torch import Tensor, nn

from videoreid.errors import ConfigError

__all__ = ["ParameterFreeAttention", "parameter_free_weights"]


def parameter_free_weights(maps: Tensor, mode: Literal["softmax", "share"] = "softmax") -> Tensor:
    """Return weights ``(N, 1, h, w)`` with mean 1 from the activation of each position.

    Args:
        maps: ``(N, C, h, w)``.
        mode: "softmax" is the softmax over positions of the sum over channels, as in the paper; "share" is the mean
            over channels divided by its sum over positions, as in the released code, for maps after a ReLU.

    Raises:
        ConfigError: another mode.
    """
    if mode not in ("softmax", "share"):
        raise ConfigError(f"unknown mode {mode!r}; choose 'softmax' or 'share'")
    positions = maps.shape[2] * maps.shape[3]
    if mode == "softmax":
        weights = maps.sum(1, keepdim=True).flatten(2).softmax(2)
    else:
        activation = maps.mean(1, keepdim=True).flatten(2).clamp_min(0)
        total = activation.sum(2, keepdim=True)
        flat = torch.full_like(activation, 1 / positions)
        weights = torch.where(total > 0, activation / total.clamp_min(torch.finfo(maps.dtype).tiny), flat)
    return positions * weights.unflatten(2, maps.shape[2:])


class ParameterFreeAttention(nn.Module):
    """Weights the positions of a map by their activation; can be placed between the stages of any trunk.

    The published weights sum to 1, which divides a map by its number of positions; here their mean is 1, so that the
    following layers get the scale they were trained for.

    Args:
        mode: see `parameter_free_weights`.

    Reference:
        Wang et al., Parameter-Free Spatial Attention Network for Person Re-Identification, 2018,
        https://arxiv.org/abs/1811.12150
    """

    def __init__(self, mode: Literal["softmax", "share"] = "softmax") -> None:
        super().__init__()
        parameter_free_weights(torch.zeros(1, 1, 1, 1), mode)
        self.mode: Literal["softmax", "share"] = mode

    def forward(self, maps: Tensor, num_frames: int = 1) -> Tensor:
        """Return the weighted maps ``(N, C, h, w)``; trunks pass ``num_frames``, which is not used here."""
        return maps * parameter_free_weights(maps, self.mode)
