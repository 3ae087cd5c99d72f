"""ResNets and ResNeXts: torchvision's networks with their published parameter names, for clips."""

from typing import Any

import torchvision
from torch import nn

from videoreid.models.factory import MODELS
from videoreid.models.frame_network import FrameNetwork, FrameOptions
from videoreid.models.layers.osnet_blocks import embed

__all__ = ["TORCHVISION_KEY_RULES", "ResNet", "resnet_stages"]

TORCHVISION_KEY_RULES: tuple[tuple[str, str | None], ...] = ((r"^fc\.(weight|bias)$", None),)
"""ImageNet weights fit unchanged, without their classifier of 1000 classes."""


def resnet_stages(name: str, *, last_stride: int = 2) -> dict[str, nn.Module]:
    """Return the modules of a torchvision ResNet before pooling, by name, in the order of the data flow.

    Args:
        name: name of a torchvision ResNet or ResNeXt ("resnet50").
        last_stride: stride of the last stage: 2 gives maps at 1/32 of the input size, 1 at 1/16.
    """
    net = torchvision.models.get_model(name, weights=None)
    if last_stride != 2:
        first = net.layer4[0]
        strided = first.conv2 if hasattr(first, "conv3") else first.conv1
        strided.stride = first.downsample[0].stride = (last_stride, last_stride)
    names = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")
    return {part: getattr(net, part) for part in names}


class ResNet(FrameNetwork):
    """A ResNet or ResNeXt, with or without an embedding layer after the pooling.

    Args:
        name: name of the torchvision network.
        num_classes: number of training identities K.
        dim: channels of the last stage.
        embed_dim: width of the embedding layer, or None for no embedding layer.
        last_stride: stride of the last stage.
        options: temporal head and neck.

    Reference:
        He et al., Deep Residual Learning for Image Recognition, CVPR 2016, https://arxiv.org/abs/1512.03385;
        Xie et al., Aggregated Residual Transformations for Deep Neural Networks, CVPR 2017.
    """

    key_rules = TORCHVISION_KEY_RULES

    def __init__(
        self,
        name: str,
        num_classes: int,
        *,
        dim: int = 2048,
        embed_dim: int | None = None,
        last_stride: int = 2,
        options: FrameOptions | None = None,
    ) -> None:
        trunk = resnet_stages(name, last_stride=last_stride)
        embedder = None if embed_dim is None else embed(dim, embed_dim)
        super().__init__(trunk, embed_dim or dim, num_classes, embedder=embedder, options=options)
        self.init_published_parts()


@MODELS.register("resnet18")
def resnet18(num_classes: int = 1, **options: Any) -> ResNet:
    """Build ResNet-18."""
    return ResNet("resnet18", num_classes, dim=512, options=FrameOptions.of(options))


@MODELS.register("resnet34")
def resnet34(num_classes: int = 1, **options: Any) -> ResNet:
    """Build ResNet-34."""
    return ResNet("resnet34", num_classes, dim=512, options=FrameOptions.of(options))


@MODELS.register("resnet50")
def resnet50(num_classes: int = 1, **options: Any) -> ResNet:
    """Build ResNet-50."""
    return ResNet("resnet50", num_classes, options=FrameOptions.of(options))


@MODELS.register("resnet101")
def resnet101(num_classes: int = 1, **options: Any) -> ResNet:
    """Build ResNet-101."""
    return ResNet("resnet101", num_classes, options=FrameOptions.of(options))


@MODELS.register("resnet152")
def resnet152(num_classes: int = 1, **options: Any) -> ResNet:
    """Build ResNet-152."""
    return ResNet("resnet152", num_classes, options=FrameOptions.of(options))


@MODELS.register("resnet50_fc512")
def resnet50_fc512(num_classes: int = 1, **options: Any) -> ResNet:
    """Build ResNet-50 with last stride 1 and an embedding of 512."""
    return ResNet("resnet50", num_classes, embed_dim=512, last_stride=1, options=FrameOptions.of(options))


@MODELS.register("resnext50_32x4d")
def resnext50_32x4d(num_classes: int = 1, **options: Any) -> ResNet:
    """Build ResNeXt-50 with 32 groups of 4 channels."""
    return ResNet("resnext50_32x4d", num_classes, options=FrameOptions.of(options))


@MODELS.register("resnext101_32x8d")
def resnext101_32x8d(num_classes: int = 1, **options: Any) -> ResNet:
    """Build ResNeXt-101 with 32 groups of 8 channels."""
    return ResNet("resnext101_32x8d", num_classes, options=FrameOptions.of(options))
