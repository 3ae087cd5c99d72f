"""The non-local block: attention over all positions of a clip."""

import math

from torch import Tensor, nn
from torch.nn.functional import max_pool3d, scaled_dot_product_attention

__all__ = ["NON_LOCAL_KEY_RULES", "NonLocalBlock", "init_from_fan_out"]

NON_LOCAL_KEY_RULES: tuple[tuple[str, str], ...] = (
    ("g.0.", "value."),
    ("theta.", "query."),
    ("phi.0.", "key."),
    ("W.0.", "expand."),
    ("W.1.", "norm."),
)
"""(published, ours): prefixes of the parameter names."""


class NonLocalBlock(nn.Module):
    """Embedded-Gaussian attention over the positions of all frames, with a residual connection.

    Keys and values are max-pooled 2 x 2 in space. The weight of the last batch normalisation is initialised with 0, so
    the untrained block returns its input.

    Args:
        channels: C of the maps; queries and keys have C / 2 channels.

    Reference:
        Wang et al., Non-local Neural Networks, CVPR 2018. https://arxiv.org/abs/1711.07971
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = channels // 2
        self.value = nn.Conv3d(channels, inner, 1)
        self.query = nn.Conv3d(channels, inner, 1)
        self.key = nn.Conv3d(channels, inner, 1)
        self.expand = nn.Conv3d(inner, channels, 1)
        self.norm = nn.BatchNorm3d(channels)
        for conv in (self.value, self.query, self.key, self.expand):
            init_from_fan_out(conv)
        nn.init.zeros_(self.norm.weight)

    def forward(self, maps: Tensor) -> Tensor:
        """Return the maps ``(B, C, T, h, w)`` plus the attended maps."""
        query = self.query(maps).flatten(2).transpose(1, 2)  # (B, Thw, C/2)
        key, value = (
            max_pool3d(conv(maps), (1, 2, 2)).flatten(2).transpose(1, 2) for conv in (self.key, self.value)
        )
        seen = scaled_dot_product_attention(query, key, value, scale=1.0)
        return maps + self.norm(self.expand(seen.transpose(1, 2).unflatten(2, maps.shape[2:])))


def init_from_fan_out(conv: nn.Conv2d | nn.Conv3d) -> None:
    """Draw the kernel from N(0, sqrt(2 / n)), n = the first two kernel sides times the output channels.

    As published, these sides of a 3-D kernel are time and height. A bias is not changed.
    """
    fan = conv.kernel_size[0] * conv.kernel_size[1] * conv.out_channels
    nn.init.normal_(conv.weight, std=math.sqrt(2.0 / fan))
