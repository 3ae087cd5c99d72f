"""Building blocks of OSNet and OSNet-AIN."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ["ChannelGate", "ConvNorm", "LightConv3x3", "embed"]


class ConvNorm(nn.Module):
    """Convolution, normalisation and, by default, ReLU; "same" padding.

    Args:
        in_channels: channels in.
        out_channels: channels out.
        kernel_size: side of the kernel.
        stride: step of the kernel.
        norm: "batch", "instance" (published under the same name, ``bn``) or "none".
        relu: end with a ReLU.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 1,
        *,
        stride: int = 1,
        norm: str = "batch",
        relu: bool = True,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, out_channels, kernel_size, stride=stride, padding=kernel_size // 2, bias=False
        )
        self.bn: nn.Module | None = None
        if norm != "none":
            self.bn = (
                nn.InstanceNorm2d(out_channels, affine=True)
                if norm == "instance"
                else nn.BatchNorm2d(out_channels)
            )
        self.relu = nn.ReLU(inplace=True) if relu else None

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C, h, w)`` to ``(N, out_channels, h / stride, w / stride)``."""
        x = self.conv(x)
        if self.bn is not None:
            x = self.bn(x)
        return x if self.relu is None else self.relu(x)


class LightConv3x3(nn.Module):
    """A 3x3 convolution factorised into a 1x1 and a depthwise 3x3, then batch norm and ReLU."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, groups=out_channels, bias=False)
        self.bn = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C, h, w)`` to ``(N, out_channels, h, w)``."""
        return self.relu(self.bn(self.conv2(self.conv1(x))))


class ChannelGate(nn.Module):
    """Scale each channel by a weight in 0..1 that two layers compute from the pooled map.

    Args:
        channels: channels in and out.
        reduction: the hidden layer has ``channels // reduction`` units.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // reduction, 1)
        self.relu = nn.ReLU(inplace=True)
        self.fc2 = nn.Conv2d(channels // reduction, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x (N, C, h, w)`` with its channels scaled."""
        return x * self._weights(x.mean(dim=(2, 3), keepdim=True))

    def sum(self, streams: Sequence[Tensor]) -> Tensor:
        """Return the sum of streams ``(N, C, h, w)``, each with its channels scaled.

        The layers see the pooled maps of all streams at once: at the small sizes of re-ID, many small operations take
        longer than their arithmetic.
        """
        pooled = torch.cat([stream.mean(dim=(2, 3), keepdim=True) for stream in streams])
        weights = self._weights(pooled).chunk(len(streams))
        total = streams[0] * weights[0]
        for stream, weight in zip(streams[1:], weights[1:], strict=True):
            total = torch.addcmul(total, stream, weight)
        return total

    def _weights(self, pooled: Tensor) -> Tensor:
        return self.fc2(self.relu(self.fc1(pooled))).sigmoid()


def embed(in_dim: int, out_dim: int) -> nn.Sequential:
    """Build the published embedding layer: linear, batch norm, ReLU."""
    return nn.Sequential(nn.Linear(in_dim, out_dim), nn.BatchNorm1d(out_dim), nn.ReLU(inplace=True))
