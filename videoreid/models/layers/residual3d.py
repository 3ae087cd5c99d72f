"""Residual blocks with 3-D convolutions, for all 3-D ResNets of the library."""

from typing import ClassVar

import torch
from torch import Tensor, nn

__all__ = ["RESNET3D_DEPTHS", "BasicBlock3D", "Bottleneck3D", "ResidualBlock3D", "block_of", "inflate"]

RESNET3D_DEPTHS: dict[str, tuple[int, int, int, int]] = {
    "resnet18": (2, 2, 2, 2),
    "resnet18_half": (2, 2, 2, 2),
    "resnet34": (3, 4, 6, 3),
    "resnet50": (3, 4, 6, 3),
    "resnet101": (3, 4, 23, 3),
}
"""Blocks per stage; "resnet18_half" has half the channels, for small machines."""


class ResidualBlock3D(nn.Module):
    """A residual block with a projection shortcut where the shape changes (shortcut B).

    Args:
        channels: channels of the input.
        width: channels of the branch; the output has ``width * expansion`` channels.
        stride: spatial stride of the block.
        frames: kernel size in time of the 3 x 3 convolutions; with 1 each frame is processed separately.
        time_stride: temporal stride of the block.
        bias: give the convolutions a bias, although a batch normalisation follows.
    """

    expansion: ClassVar[int]

    def __init__(
        self,
        channels: int,
        width: int,
        *,
        stride: int = 1,
        frames: int = 1,
        time_stride: int = 1,
        bias: bool = False,
    ) -> None:
        super().__init__()
        out = width * self.expansion
        steps = (time_stride, stride, stride)
        self.downsample = (
            nn.Sequential(nn.Conv3d(channels, out, 1, stride=steps, bias=bias), nn.BatchNorm3d(out))
            if steps != (1, 1, 1) or channels != out
            else nn.Identity()
        )
        self._add_branch(channels, width, steps, frames, bias=bias)

    def _add_branch(
        self, channels: int, width: int, steps: tuple[int, int, int], frames: int, *, bias: bool
    ) -> None:
        raise NotImplementedError

    def branch(self, maps: Tensor) -> Tensor:
        """Return what is added to the shortcut, ``(B, C', T', h', w')``."""
        raise NotImplementedError

    def forward(self, maps: Tensor) -> Tensor:
        """Return ``ReLU(branch + shortcut)``, ``(B, C', T', h', w')``, of maps ``(B, C, T, h, w)``."""
        return torch.relu(self.branch(maps) + self.downsample(maps))


class BasicBlock3D(ResidualBlock3D):
    """Two 3 x 3 convolutions; see `ResidualBlock3D`."""

    expansion = 1

    def _add_branch(
        self, channels: int, width: int, steps: tuple[int, int, int], frames: int, *, bias: bool
    ) -> None:
        self.conv1 = _conv3x3(channels, width, steps, frames, bias=bias)
        self.bn1 = nn.BatchNorm3d(width)
        self.conv2 = _conv3x3(width, width, (1, 1, 1), frames, bias=bias)
        self.bn2 = nn.BatchNorm3d(width)

    def branch(self, maps: Tensor) -> Tensor:
        """Return what is added to the shortcut, ``(B, C', T', h', w')``."""
        hidden: Tensor = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(maps)))))
        return hidden


class Bottleneck3D(ResidualBlock3D):
    """A 3 x 3 convolution between two 1 x 1 ones; see `ResidualBlock3D`."""

    expansion = 4

    def _add_branch(
        self, channels: int, width: int, steps: tuple[int, int, int], frames: int, *, bias: bool
    ) -> None:
        self.conv1 = nn.Conv3d(channels, width, 1, bias=bias)
        self.bn1 = nn.BatchNorm3d(width)
        self.conv2 = _conv3x3(width, width, steps, frames, bias=bias)
        self.bn2 = nn.BatchNorm3d(width)
        self.conv3 = nn.Conv3d(width, width * self.expansion, 1, bias=bias)
        self.bn3 = nn.BatchNorm3d(width * self.expansion)

    def branch(self, maps: Tensor) -> Tensor:
        """Return what is added to the shortcut, ``(B, C', T', h', w')``."""
        hidden = torch.relu(self.bn1(self.conv1(maps)))
        out: Tensor = self.bn3(self.conv3(torch.relu(self.bn2(self.conv2(hidden)))))
        return out


def block_of(backbone: str) -> type[ResidualBlock3D]:
    """Return the block class of a backbone, a key of `RESNET3D_DEPTHS`."""
    return Bottleneck3D if backbone in ("resnet50", "resnet101") else BasicBlock3D


def inflate(kernel: Tensor, frames: int) -> Tensor:
    """Return a 3-D kernel with a 2-D kernel at its middle frame and zeros at the other frames.

    Args:
        kernel: ``(out, in, h, w)``.
        frames: size in time of the 3-D kernel.

    Returns:
        ``(out, in, frames, h, w)``.
    """
    inflated = kernel.new_zeros(*kernel.shape[:2], frames, *kernel.shape[2:])
    inflated[:, :, frames // 2] = kernel
    return inflated


def _conv3x3(channels: int, width: int, steps: tuple[int, int, int], frames: int, *, bias: bool) -> nn.Conv3d:
    return nn.Conv3d(channels, width, (frames, 3, 3), stride=steps, padding=(frames // 2, 1, 1), bias=bias)
