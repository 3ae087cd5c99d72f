"""Batch normalisation with an activation, as one layer."""

from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["ActivatedBatchNorm2d", "conv_norm"]


class ActivatedBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation followed by a leaky ReLU; both are one entry of an `nn.Sequential`.

    Args:
        channels: C of the maps.
        slope: slope of the activation below zero.
    """

    def __init__(self, channels: int, slope: float = 0.01) -> None:
        super().__init__(channels)
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        """Normalise and activate ``(N, C, h, w)``."""
        return F.leaky_relu(super().forward(x), self.slope)


def conv_norm(channels: int, out: int, kernel: int = 1) -> list[nn.Module]:
    """Return a convolution without bias that keeps the map size, and an `ActivatedBatchNorm2d`."""
    return [
        nn.Conv2d(channels, out, kernel, padding=kernel // 2, bias=False),
        ActivatedBatchNorm2d(out),
    ]
