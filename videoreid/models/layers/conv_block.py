"""Convolution with bias, batch norm and ReLU, as HACNN and MuDeep use it."""

from torch import Tensor, nn

__all__ = ["ConvBlock"]


class ConvBlock(nn.Module):
    """Convolution, batch norm and ReLU with "same" padding for odd kernels.

    Args:
        in_channels: channels in.
        out_channels: channels out.
        kernel_size: side of the kernel, or (height, width).
        stride: step of the kernel.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int | tuple[int, int] = 1, *, stride: int = 1
    ) -> None:
        super().__init__()
        sides = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
        padding = (sides[0] // 2, sides[1] // 2)
        self.conv = nn.Conv2d(in_channels, out_channels, sides, stride=stride, padding=padding)
        self.bn = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C, h, w)`` to ``(N, out_channels, h / stride, w / stride)``."""
        return self.relu(self.bn(self.conv(x)))
