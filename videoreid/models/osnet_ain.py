"""OSNet-AIN: OSNet with instance norms at positions found by a search, for unseen domains."""

from typing import Any

import torch
from torch import Tensor, nn

from videoreid.models.factory import MODELS
from videoreid.models.frame_network import FrameNetwork, FrameOptions
from videoreid.models.layers.osnet_blocks import ChannelGate, ConvNorm, LightConv3x3, embed
from videoreid.models.osnet import WIDTHS

__all__ = ["AINBlock", "OSNetAIN"]


class LightStream(nn.Module):
    """A sequence of light 3x3 convolutions.

    Args:
        channels: channels in and out.
        depth: number of convolutions.
    """

    def __init__(self, channels: int, depth: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(LightConv3x3(channels, channels) for _ in range(depth)))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C, h, w)`` to the same shape."""
        return self.layers(x)


class AINBlock(nn.Module):
    """The OSNet block with batch norm or instance norm before the shortcut is added.

    Args:
        in_channels: channels in.
        out_channels: channels out; the streams have a quarter of them.
        instance_norm: use instance norm instead of batch norm on the residual branch.
    """

    def __init__(self, in_channels: int, out_channels: int, *, instance_norm: bool) -> None:
        super().__init__()
        mid = out_channels // 4
        self.conv1 = ConvNorm(in_channels, mid)
        self.conv2 = nn.ModuleList(LightStream(mid, depth) for depth in range(1, 5))
        self.gate = ChannelGate(mid)
        self.conv3 = ConvNorm(mid, out_channels, norm="none" if instance_norm else "batch", relu=False)
        self.IN = nn.InstanceNorm2d(out_channels, affine=True) if instance_norm else None
        self.downsample = (
            ConvNorm(in_channels, out_channels, relu=False) if in_channels != out_channels else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C, h, w)`` to ``(N, out_channels, h, w)``."""
        y = self.conv1(x)
        out = self.conv3(self.gate.sum([stream(y) for stream in self.conv2]))
        if self.IN is not None:
            out = self.IN(out)
        return torch.relu(out + (x if self.downsample is None else self.downsample(x)))


class OSNetAIN(FrameNetwork):
    """Omni-scale network with instance norms at the published positions.

    Args:
        num_classes: number of training identities K.
        widths: channels of the stem and of the three stages.
        options: temporal head and neck.

    Reference:
        Zhou et al., Learning Generalisable Omni-Scale Representations for Person Re-Identification, TPAMI 2021,
        https://arxiv.org/abs/1910.06827
    """

    channels_last_on_cpu = True

    def __init__(
        self,
        num_classes: int,
        *,
        widths: tuple[int, int, int, int] = WIDTHS["x1_0"],
        options: FrameOptions | None = None,
    ) -> None:
        stem, first, second, third = widths
        trunk = {
            "conv1": ConvNorm(3, stem, 7, stride=2, norm="instance"),
            "maxpool": nn.MaxPool2d(3, stride=2, padding=1),
            "conv2": _stage(stem, first, instance_norms=(True, True)),
            "pool2": nn.Sequential(ConvNorm(first, first), nn.AvgPool2d(2)),
            "conv3": _stage(first, second, instance_norms=(False, True)),
            "pool3": nn.Sequential(ConvNorm(second, second), nn.AvgPool2d(2)),
            "conv4": _stage(second, third, instance_norms=(True, False)),
            "conv5": ConvNorm(third, third),
        }
        super().__init__(trunk, 512, num_classes, embedder=embed(third, 512), options=options)
        self.init_published_parts()


def _stage(in_channels: int, out_channels: int, *, instance_norms: tuple[bool, bool]) -> nn.Sequential:
    first, second = instance_norms
    return nn.Sequential(
        AINBlock(in_channels, out_channels, instance_norm=first),
        AINBlock(out_channels, out_channels, instance_norm=second),
    )


@MODELS.register("osnet_ain_x1_0")
def osnet_ain_x1_0(num_classes: int = 1, **options: Any) -> OSNetAIN:
    """Build OSNet-AIN at full width."""
    return OSNetAIN(num_classes, options=FrameOptions.of(options))


@MODELS.register("osnet_ain_x0_75")
def osnet_ain_x0_75(num_classes: int = 1, **options: Any) -> OSNetAIN:
    """Build OSNet-AIN at three quarters of the width."""
    return OSNetAIN(num_classes, widths=WIDTHS["x0_75"], options=FrameOptions.of(options))


@MODELS.register("osnet_ain_x0_5")
def osnet_ain_x0_5(num_classes: int = 1, **options: Any) -> OSNetAIN:
    """Build OSNet-AIN at half the width."""
    return OSNetAIN(num_classes, widths=WIDTHS["x0_5"], options=FrameOptions.of(options))


@MODELS.register("osnet_ain_x0_25")
def osnet_ain_x0_25(num_classes: int = 1, **options: Any) -> OSNetAIN:
    """Build OSNet-AIN at a quarter of the width."""
    return OSNetAIN(num_classes, widths=WIDTHS["x0_25"], options=FrameOptions.of(options))
