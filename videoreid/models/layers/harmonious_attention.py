"""Harmonious attention: soft attention per position and channel, and hard attention on four regions."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from videoreid.models.layers.conv_block import ConvBlock

__all__ = ["HarmoniousAttention", "crop_region"]

_REGION_HEIGHT = 0.25
_FIRST_CENTRES = (-0.75, -0.25, 0.25, 0.75)  # of the four regions from top to bottom, on the -1..1 scale


class SpatialAttention(nn.Module):
    """One value per position, computed from the mean over channels at half the map size."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = ConvBlock(1, 1, 3, stride=2)
        self.conv2 = ConvBlock(1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C, h, w)`` to ``(N, 1, h, w)``."""
        small = self.conv1(x.mean(dim=1, keepdim=True))
        return self.conv2(F.interpolate(small, size=x.shape[2:], mode="bilinear", align_corners=True))


class ChannelAttention(nn.Module):
    """One value per channel, computed from the mean over positions by two layers.

    Args:
        channels: channels in and out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = ConvBlock(channels, channels // 16)
        self.conv2 = ConvBlock(channels // 16, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C, h, w)`` to ``(N, C, 1, 1)``."""
        return self.conv2(self.conv1(x.mean(dim=(2, 3), keepdim=True)))


class SoftAttention(nn.Module):
    """The product of spatial and channel attention, after a convolution and a sigmoid.

    Args:
        channels: channels in and out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.spatial_attn = SpatialAttention()
        self.channel_attn = ChannelAttention(channels)
        self.conv = ConvBlock(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return weights of the shape of ``x (N, C, h, w)``."""
        return self.conv(self.spatial_attn(x) * self.channel_attn(x)).sigmoid()


class HardAttention(nn.Module):
    """The centres of four regions; before training they are spaced evenly from top to bottom.

    Args:
        channels: channels in.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc = nn.Linear(channels, 8)
        self.reset()

    @torch.no_grad()
    def reset(self) -> None:
        """Reset the regions to their initial positions."""
        self.fc.weight.zero_()
        self.fc.bias.copy_(torch.tensor([value for centre in _FIRST_CENTRES for value in (0.0, centre)]))

    def forward(self, x: Tensor) -> Tensor:
        """Return the (x, y) centres ``(N, 4, 2)`` in -1..1 for maps ``(N, C, h, w)``."""
        return torch.tanh(self.fc(x.mean(dim=(2, 3)))).view(-1, 4, 2)


class HarmoniousAttention(nn.Module):
    """Soft and hard attention of one map.

    Args:
        channels: channels in and out.

    Reference:
        Li et al., Harmonious Attention Network for Person Re-Identification, CVPR 2018.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.soft_attn = SoftAttention(channels)
        self.hard_attn = HardAttention(channels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return soft weights ``(N, C, h, w)`` and region centres ``(N, 4, 2)``."""
        return self.soft_attn(x), self.hard_attn(x)


def crop_region(maps: Tensor, centres: Tensor, size: tuple[int, int]) -> Tensor:
    """Sample a region of full width and a quarter of the height, then resize it.

    Args:
        maps: ``(N, C, h, w)``.
        centres: ``(N, 2)``, x and y in -1..1.
        size: (height, width) of the result.

    Returns:
        ``(N, C, *size)``; zeros where the region leaves the map.
    """
    scale = maps.new_tensor([[1.0, 0.0], [0.0, _REGION_HEIGHT]]).expand(maps.shape[0], 2, 2)
    transform = torch.cat([scale, centres.to(maps.dtype)[:, :, None]], dim=2)  # (N, 2, 3)
    grid = F.affine_grid(transform, list(maps.shape), align_corners=False)
    region = F.grid_sample(maps, grid, align_corners=False)
    return F.interpolate(region, size=size, mode="bilinear", align_corners=True)
