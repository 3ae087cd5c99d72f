"""MuDeep: parallel streams of several scales, fused by learnt weights per channel."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from videoreid.models.factory import MODELS
from videoreid.models.frame_network import FrameNetwork, FrameOptions
from videoreid.models.layers.conv_block import ConvBlock
from videoreid.models.layers.osnet_blocks import embed

__all__ = ["MuDeep"]


class Stem(nn.Module):
    """Two 3x3 convolutions and a max-pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = ConvBlock(3, 48, 3)
        self.conv2 = ConvBlock(48, 96, 3)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, 3, H, W)`` to ``(N, 96, H / 2, W / 2)``."""
        return self.maxpool(self.conv2(self.conv1(x)))


class MultiScaleA(nn.Module):
    """Concatenate streams with receptive fields of 1, 3 and 5 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.stream1 = nn.Sequential(ConvBlock(96, 96), ConvBlock(96, 24, 3))
        self.stream2 = nn.Sequential(nn.AvgPool2d(3, stride=1, padding=1), ConvBlock(96, 24))
        self.stream3 = ConvBlock(96, 24)
        self.stream4 = nn.Sequential(ConvBlock(96, 16), ConvBlock(16, 24, 3), ConvBlock(24, 24, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, 96, h, w)`` to the same shape."""
        return torch.cat([self.stream1(x), self.stream2(x), self.stream3(x), self.stream4(x)], dim=1)


class Reduction(nn.Module):
    """Halve the map size: concatenate max-pooling and two strided streams."""

    def __init__(self) -> None:
        super().__init__()
        self.stream1 = nn.MaxPool2d(3, stride=2, padding=1)
        self.stream2 = ConvBlock(96, 96, 3, stride=2)
        self.stream3 = nn.Sequential(ConvBlock(96, 48), ConvBlock(48, 56, 3), ConvBlock(56, 64, 3, stride=2))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, 96, h, w)`` to ``(N, 256, h / 2, w / 2)``."""
        return torch.cat([self.stream1(x), self.stream2(x), self.stream3(x)], dim=1)


class MultiScaleB(nn.Module):
    """Four streams of 256 channels with different receptive fields."""

    def __init__(self) -> None:
        super().__init__()
        self.stream1 = nn.Sequential(nn.AvgPool2d(3, stride=1, padding=1), ConvBlock(256, 256))
        self.stream2 = nn.Sequential(
            ConvBlock(256, 64), ConvBlock(64, 128, (1, 3)), ConvBlock(128, 256, (3, 1))
        )
        self.stream3 = ConvBlock(256, 256)
        self.stream4 = nn.Sequential(
            ConvBlock(256, 64),
            ConvBlock(64, 64, (1, 3)),
            ConvBlock(64, 128, (3, 1)),
            ConvBlock(128, 128, (1, 3)),
            ConvBlock(128, 256, (3, 1)),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return four maps ``(N, 256, h, w)``."""
        return self.stream1(x), self.stream2(x), self.stream3(x), self.stream4(x)


class Fusion(nn.Module):
    """Add four maps with a learnt weight per stream and channel, then average over 16 x 8 cells."""

    def __init__(self) -> None:
        super().__init__()
        self.a1 = nn.Parameter(torch.rand(1, 256, 1, 1))
        self.a2 = nn.Parameter(torch.rand(1, 256, 1, 1))
        self.a3 = nn.Parameter(torch.rand(1, 256, 1, 1))
        self.a4 = nn.Parameter(torch.rand(1, 256, 1, 1))

    def forward(self, maps: tuple[Tensor, Tensor, Tensor, Tensor]) -> Tensor:
        """Fuse four ``(N, 256, h, w)`` to ``(N, 256, 16, 8)``; published for 64 x 32, with cells of 4 x 4."""
        first, second, third, fourth = maps
        fused = self.a1 * first + self.a2 * second + self.a3 * third + self.a4 * fourth
        if fused.shape[2:] == (64, 32):
            return F.avg_pool2d(fused, 4)  # equal to the line below, and all exporters support it
        return F.adaptive_avg_pool2d(fused, (16, 8))


class MuDeep(FrameNetwork):
    """Multi-scale deep network, without ImageNet weights, with an embedding of 4096 values.

    Published for 256 x 128; maps of other sizes are averaged over the same 16 x 8 cells.

    Args:
        num_classes: number of training identities K.
        options: temporal head and neck.

    Reference:
        Qian et al., Multi-Scale Deep Learning Architectures for Person Re-Identification, ICCV 2017,
        https://arxiv.org/abs/1709.05165
    """

    def __init__(self, num_classes: int, *, options: FrameOptions | None = None) -> None:
        trunk = {
            "block1": Stem(),
            "block2": MultiScaleA(),
            "block3": Reduction(),
            "block4": MultiScaleB(),
            "block5": Fusion(),
        }
        super().__init__(trunk, 4096, num_classes, embedder=embed(256 * 16 * 8, 4096), options=options)
        self.init_published_parts()

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the fused maps ``(N, 256, 16, 8)`` and the vectors ``(N, 4096)``."""
        maps = self.feature_maps(images)
        return maps, self.fc(maps.flatten(1))


@MODELS.register("mudeep")
def mudeep(num_classes: int = 1, **options: Any) -> MuDeep:
    """Build MuDeep."""
    return MuDeep(num_classes, options=FrameOptions.of(options))
