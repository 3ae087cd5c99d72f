"""SE-ResNet and SE-ResNeXt: ResNets with a squeeze-and-excitation gate in every block."""

from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn

from videoreid.models.factory import MODELS
from videoreid.models.frame_network import FrameNetwork, FrameOptions
from videoreid.models.layers.osnet_blocks import ChannelGate, embed

__all__ = ["SEBottleneck", "SENet"]


class SEBottleneck(nn.Module):
    """A bottleneck with a gate per channel before the shortcut is added.

    Args:
        in_channels: channels in.
        planes: a quarter of the channels out.
        stride: stride of the block; it is on the first 1x1 convolution if ``groups`` is 1 (as in the Caffe weights),
            else on the 3x3 convolution.
        groups: groups of the 3x3 convolution; with 32 groups the hidden width is twice ``planes``.
    """

    def __init__(self, in_channels: int, planes: int, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        mid = planes if groups == 1 else planes * 4 // 64 * groups
        first, second = (stride, 1) if groups == 1 else (1, stride)
        self.conv1 = nn.Conv2d(in_channels, mid, 1, stride=first, bias=False)
        self.bn1 = nn.BatchNorm2d(mid)
        self.conv2 = nn.Conv2d(mid, mid, 3, stride=second, padding=1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(mid)
        self.conv3 = nn.Conv2d(mid, planes * 4, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes * 4)
        self.se_module = ChannelGate(planes * 4, reduction=16)
        self.downsample = None
        if stride != 1 or in_channels != planes * 4:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, planes * 4, 1, stride=stride, bias=False), nn.BatchNorm2d(planes * 4)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C, h, w)`` to ``(N, 4 * planes, h / stride, w / stride)``."""
        out = torch.relu(self.bn1(self.conv1(x)))
        out = torch.relu(self.bn2(self.conv2(out)))
        out = self.se_module(self.bn3(self.conv3(out)))
        return torch.relu(out + (x if self.downsample is None else self.downsample(x)))


class SENet(FrameNetwork):
    """SE-ResNet and SE-ResNeXt.

    Args:
        num_classes: number of training identities K.
        blocks: number of blocks in each of the four stages.
        groups: groups of the 3x3 convolutions: 1 for SE-ResNet, 32 for SE-ResNeXt 32x4d.
        embed_dim: width of the embedding layer, or None for no embedding layer.
        last_stride: stride of the last stage.
        options: temporal head and neck.

    Reference:
        Hu et al., Squeeze-and-Excitation Networks, CVPR 2018, https://arxiv.org/abs/1709.01507
    """

    def __init__(
        self,
        num_classes: int,
        *,
        blocks: tuple[int, int, int, int] = (3, 4, 6, 3),
        groups: int = 1,
        embed_dim: int | None = None,
        last_stride: int = 2,
        options: FrameOptions | None = None,
    ) -> None:
        stem = OrderedDict(
            conv1=nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False),
            bn1=nn.BatchNorm2d(64),
            relu1=nn.ReLU(inplace=True),
            pool=nn.MaxPool2d(3, stride=2, ceil_mode=True),
        )
        trunk: dict[str, nn.Module] = {"layer0": nn.Sequential(stem)}
        channels = 64
        for index, (count, stride) in enumerate(zip(blocks, (1, 2, 2, last_stride), strict=True)):
            planes = 64 * 2**index
            stage = [SEBottleneck(channels, planes, stride=stride, groups=groups)]
            stage += [SEBottleneck(planes * 4, planes, groups=groups) for _ in range(count - 1)]
            trunk[f"layer{index + 1}"] = nn.Sequential(*stage)
            channels = planes * 4
        embedder = None if embed_dim is None else embed(channels, embed_dim)
        super().__init__(trunk, embed_dim or channels, num_classes, embedder=embedder, options=options)


@MODELS.register("se_resnet50")
def se_resnet50(num_classes: int = 1, **options: Any) -> SENet:
    """Build SE-ResNet-50."""
    return SENet(num_classes, options=FrameOptions.of(options))


@MODELS.register("se_resnet50_fc512")
def se_resnet50_fc512(num_classes: int = 1, **options: Any) -> SENet:
    """Build SE-ResNet-50 with last stride 1 and an embedding of 512."""
    return SENet(num_classes, embed_dim=512, last_stride=1, options=FrameOptions.of(options))


@MODELS.register("se_resnet101")
def se_resnet101(num_classes: int = 1, **options: Any) -> SENet:
    """Build SE-ResNet-101."""
    return SENet(num_classes, blocks=(3, 4, 23, 3), options=FrameOptions.of(options))


@MODELS.register("se_resnext50_32x4d")
def se_resnext50_32x4d(num_classes: int = 1, **options: Any) -> SENet:
    """Build SE-ResNeXt-50 with 32 groups of 4 channels."""
    return SENet(num_classes, groups=32, options=FrameOptions.of(options))


@MODELS.register("se_resnext101_32x4d")
def se_resnext101_32x4d(num_classes: int = 1, **options: Any) -> SENet:
    """Build SE-ResNeXt-101 with 32 groups of 4 channels."""
    return SENet(num_classes, blocks=(3, 4, 23, 3), groups=32, options=FrameOptions.of(options))
