"""Temporal self-attention."""

import math

import torch
from torch import Tensor, nn

from videoreid.models.layers.attention_block import AttentionBlock
from videoreid.models.temporal.registry import TEMPORAL, TemporalHead

__all__ = ["SelfAttentionPool", "sinusoidal_positions"]


def sinusoidal_positions(length: int, dim: int) -> Tensor:
    """Return position codes ``(length, dim)``: sines in the even columns, cosines in the odd ones.

    Reference:
        Vaswani et al., Attention Is All You Need, NeurIPS 2017, section 3.5.
    """
    steps = torch.arange(length, dtype=torch.float32)[:, None]
    rates = torch.exp(torch.arange(0, dim, 2, dtype=torch.float32) * (-math.log(10000.0) / dim))
    angles = steps * rates
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)[:, :dim]


@TEMPORAL.register("self_attention")
class SelfAttentionPool(TemporalHead):
    """Run a transformer encoder over the frame vectors, then average.

    The encoder is pre-norm. Its branches start near zero, so the untrained head is nearly the average. Positions are
    sinusoidal, so clips can have any length.

    Args:
        dim: width D of the frame vectors.
        layers: number of encoder layers.
        heads: attention heads; must divide D.
        expansion: width of the feed-forward layer in multiples of D.

    Raises:
        ConfigError: heads do not divide D.
    """

    def __init__(self, dim: int, *, layers: int = 1, heads: int = 8, expansion: float = 1.0) -> None:
        super().__init__()
        self.out_dim = dim
        self.layers = nn.ModuleList(
            AttentionBlock(dim, heads=heads, expansion=expansion, start_as_identity=True)
            for _ in range(layers)
        )

    def forward(self, features: Tensor, maps: Tensor | None = None) -> Tensor:
        """Return the mean ``(B, D)`` over ``features (B, T, D)`` after they have attended to each other."""
        codes = sinusoidal_positions(features.shape[1], self.out_dim).to(features)
        attended = features + codes
        for layer in self.layers:
            attended = layer(attended)
        return (attended - codes).mean(dim=1)
