"""The two inception blocks of HACNN: A keeps the map size, B halves it."""

import torch
from torch import Tensor, nn

from videoreid.models.layers.conv_block import ConvBlock

__all__ = ["InceptionA", "InceptionB"]


class InceptionA(nn.Module):
    """Concatenate four streams of equal width; the map size stays.

    Args:
        in_channels: channels in.
        out_channels: channels out, a multiple of four.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        mid = out_channels // 4
        self.stream1 = nn.Sequential(ConvBlock(in_channels, mid), ConvBlock(mid, mid, 3))
        self.stream2 = nn.Sequential(ConvBlock(in_channels, mid), ConvBlock(mid, mid, 3))
        self.stream3 = nn.Sequential(ConvBlock(in_channels, mid), ConvBlock(mid, mid, 3))
        self.stream4 = nn.Sequential(nn.AvgPool2d(3, stride=1, padding=1), ConvBlock(in_channels, mid))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C, h, w)`` to ``(N, out_channels, h, w)``."""
        return torch.cat([self.stream1(x), self.stream2(x), self.stream3(x), self.stream4(x)], dim=1)


class InceptionB(nn.Module):
    """Concatenate two strided streams and a max-pooling stream of double width; the map size is halved.

    Args:
        in_channels: channels in.
        out_channels: channels out, a multiple of four.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        mid = out_channels // 4
        self.stream1 = nn.Sequential(ConvBlock(in_channels, mid), ConvBlock(mid, mid, 3, stride=2))
        self.stream2 = nn.Sequential(
            ConvBlock(in_channels, mid), ConvBlock(mid, mid, 3), ConvBlock(mid, mid, 3, stride=2)
        )
        self.stream3 = nn.Sequential(nn.MaxPool2d(3, stride=2, padding=1), ConvBlock(in_channels, mid * 2))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C, h, w)`` to ``(N, out_channels, h / 2, w / 2)``."""
        return torch.cat([self.stream1(x), self.stream2(x), self.stream3(x)], dim=1)
