"""OSNet: small residual blocks with four scales, weighted per channel."""

from typing import Any

from torch import Tensor, nn

from videoreid.models.factory import MODELS
from videoreid.models.frame_network import FrameNetwork, FrameOptions
from videoreid.models.layers.osnet_blocks import ChannelGate, ConvNorm, LightConv3x3, embed

__all__ = ["OSBlock", "OSNet"]

WIDTHS = {
    "x1_0": (64, 256, 384, 512),
    "x0_75": (48, 192, 288, 384),
    "x0_5": (32, 128, 192, 256),
    "x0_25": (16, 64, 96, 128),
}
"""Channels of the stem and of the three stages, by width multiplier."""


class OSBlock(nn.Module):
    """Add four streams of 1 to 4 light 3x3 convolutions, weighted by one shared gate.

    Args:
        in_channels: channels in.
        out_channels: channels out; the streams have a quarter of them.
        instance_norm: use instance norm after the shortcut is added (the "ibn" network).
    """

    def __init__(self, in_channels: int, out_channels: int, *, instance_norm: bool = False) -> None:
        super().__init__()
        mid = out_channels // 4
        self.conv1 = ConvNorm(in_channels, mid)
        self.conv2a = LightConv3x3(mid, mid)
        self.conv2b = nn.Sequential(*(LightConv3x3(mid, mid) for _ in range(2)))
        self.conv2c = nn.Sequential(*(LightConv3x3(mid, mid) for _ in range(3)))
        self.conv2d = nn.Sequential(*(LightConv3x3(mid, mid) for _ in range(4)))
        self.gate = ChannelGate(mid)
        self.conv3 = ConvNorm(mid, out_channels, relu=False)
        self.downsample = (
            ConvNorm(in_channels, out_channels, relu=False) if in_channels != out_channels else None
        )
        self.IN = nn.InstanceNorm2d(out_channels, affine=True) if instance_norm else None
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C, h, w)`` to ``(N, out_channels, h, w)``."""
        y = self.conv1(x)
        fused = self.gate.sum([self.conv2a(y), self.conv2b(y), self.conv2c(y), self.conv2d(y)])
        out = self.conv3(fused) + (x if self.downsample is None else self.downsample(x))
        if self.IN is not None:
            out = self.IN(out)
        return self.relu(out)


class OSNet(FrameNetwork):
    """Omni-scale network.

    Args:
        num_classes: number of training identities K.
        widths: channels of the stem and of the three stages.
        instance_norm: instance normalisation in the stem and the first stage, for unseen domains.
        options: temporal head and neck.

    Reference:
        Zhou et al., Omni-Scale Feature Learning for Person Re-Identification, ICCV 2019,
        https://arxiv.org/abs/1905.00953
    """

    channels_last_on_cpu = True

    def __init__(
        self,
        num_classes: int,
        *,
        widths: tuple[int, int, int, int] = WIDTHS["x1_0"],
        instance_norm: bool = False,
        options: FrameOptions | None = None,
    ) -> None:
        stem, *stages = widths
        trunk = {
            "conv1": ConvNorm(3, stem, 7, stride=2, norm="instance" if instance_norm else "batch"),
            "maxpool": nn.MaxPool2d(3, stride=2, padding=1),
            "conv2": _stage(stem, stages[0], reduce=True, instance_norm=instance_norm),
            "conv3": _stage(stages[0], stages[1], reduce=True),
            "conv4": _stage(stages[1], stages[2]),
            "conv5": ConvNorm(stages[2], stages[2]),
        }
        super().__init__(trunk, 512, num_classes, embedder=embed(stages[2], 512), options=options)
        self.init_published_parts()


def _stage(
    in_channels: int, out_channels: int, *, reduce: bool = False, instance_norm: bool = False
) -> nn.Sequential:
    blocks: list[nn.Module] = [
        OSBlock(in_channels, out_channels, instance_norm=instance_norm),
        OSBlock(out_channels, out_channels, instance_norm=instance_norm),
    ]
    if reduce:
        blocks.append(nn.Sequential(ConvNorm(out_channels, out_channels), nn.AvgPool2d(2)))
    return nn.Sequential(*blocks)


@MODELS.register("osnet_x1_0")
def osnet_x1_0(num_classes: int = 1, **options: Any) -> OSNet:
    """Build OSNet at full width."""
    return OSNet(num_classes, options=FrameOptions.of(options))


@MODELS.register("osnet_x0_75")
def osnet_x0_75(num_classes: int = 1, **options: Any) -> OSNet:
    """Build OSNet at three quarters of the width."""
    return OSNet(num_classes, widths=WIDTHS["x0_75"], options=FrameOptions.of(options))


@MODELS.register("osnet_x0_5")
def osnet_x0_5(num_classes: int = 1, **options: Any) -> OSNet:
    """Build OSNet at half the width."""
    return OSNet(num_classes, widths=WIDTHS["x0_5"], options=FrameOptions.of(options))


@MODELS.register("osnet_x0_25")
def osnet_x0_25(num_classes: int = 1, **options: Any) -> OSNet:
    """Build OSNet at a quarter of the width; it can be trained on a CPU."""
    return OSNet(num_classes, widths=WIDTHS["x0_25"], options=FrameOptions.of(options))


@MODELS.register("osnet_ibn_x1_0")
def osnet_ibn_x1_0(num_classes: int = 1, **options: Any) -> OSNet:
    """Build OSNet at full width with instance normalisation in its first layers."""
    return OSNet(num_classes, instance_norm=True, options=FrameOptions.of(options))
