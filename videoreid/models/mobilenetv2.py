"""MobileNetV2: inverted residual bottlenecks, for mobile devices."""

from typing import Any

from torch import Tensor, nn

from videoreid.models.factory import MODELS
from videoreid.models.frame_network import FrameNetwork, FrameOptions

__all__ = ["InvertedResidual", "MobileNetV2"]

# (stage, expansion, channels at width 1, blocks, stride of the first)
_PLAN = (
    ("conv2", 1, 16, 1, 1),
    ("conv3", 6, 24, 2, 2),
    ("conv4", 6, 32, 3, 2),
    ("conv5", 6, 64, 4, 2),
    ("conv6", 6, 96, 3, 1),
    ("conv7", 6, 160, 3, 2),
    ("conv8", 6, 320, 1, 1),
)


class ConvNormReLU6(nn.Module):
    """Convolution without bias, batch norm, ReLU6."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int = 1, *, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels,
            out_channels,
            kernel_size,
            stride=stride,
            padding=kernel_size // 2,
            groups=groups,
            bias=False,
        )
        self.bn = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU6(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C, h, w)`` to ``(N, out_channels, h / stride, w / stride)``."""
        return self.relu(self.bn(self.conv(x)))


class InvertedResidual(nn.Module):
    """Expand, depthwise convolution, project without activation; with a shortcut if the shapes are equal.

    Args:
        in_channels: channels in.
        out_channels: channels out.
        expansion: ratio of the hidden channels to ``in_channels``.
        stride: step of the depthwise convolution.
    """

    def __init__(self, in_channels: int, out_channels: int, expansion: int, stride: int) -> None:
        super().__init__()
        mid = in_channels * expansion
        self.has_shortcut = stride == 1 and in_channels == out_channels
        self.conv1 = ConvNormReLU6(in_channels, mid)
        self.dwconv2 = ConvNormReLU6(mid, mid, 3, stride=stride, groups=mid)
        self.conv3 = nn.Sequential(nn.Conv2d(mid, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C, h, w)`` to ``(N, out_channels, h / stride, w / stride)``."""
        out = self.conv3(self.dwconv2(self.conv1(x)))
        return x + out if self.has_shortcut else out


class MobileNetV2(FrameNetwork):
    """MobileNetV2 under its published re-identification names.

    Args:
        num_classes: number of training identities K.
        width: multiplier of all channel numbers; the products are rounded down.
        options: temporal head and neck.

    Reference:
        Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, CVPR 2018,
        https://arxiv.org/abs/1801.04381
    """

    channels_last_on_cpu = True

    def __init__(self, num_classes: int, *, width: float = 1.0, options: FrameOptions | None = None) -> None:
        channels = int(32 * width)
        trunk: dict[str, nn.Module] = {"conv1": ConvNormReLU6(3, channels, 3, stride=2)}
        for name, expansion, base, blocks, stride in _PLAN:
            out = int(base * width)
            stage = [InvertedResidual(channels, out, expansion, stride)]
            stage += [InvertedResidual(out, out, expansion, 1) for _ in range(blocks - 1)]
            trunk[name] = nn.Sequential(*stage)
            channels = out
        dim = int(1280 * max(width, 1.0))
        trunk["conv9"] = ConvNormReLU6(channels, dim)
        super().__init__(trunk, dim, num_classes, options=options)
        self.init_published_parts()


@MODELS.register("mobilenetv2_x1_0")
def mobilenetv2_x1_0(num_classes: int = 1, **options: Any) -> MobileNetV2:
    """Build MobileNetV2 at full width."""
    return MobileNetV2(num_classes, options=FrameOptions.of(options))


@MODELS.register("mobilenetv2_x1_4")
def mobilenetv2_x1_4(num_classes: int = 1, **options: Any) -> MobileNetV2:
    """Build MobileNetV2, 1.4 times as wide."""
    return MobileNetV2(num_classes, width=1.4, options=FrameOptions.of(options))
