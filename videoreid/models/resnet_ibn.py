"""ResNet-50 with instance and batch normalisation (IBN-a, IBN-b), for unseen domains."""

from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck

from videoreid.models.factory import MODELS
from videoreid.models.frame_network import FrameNetwork, FrameOptions
from videoreid.models.resnet import TORCHVISION_KEY_RULES, resnet_stages

__all__ = ["HalfInstanceNorm", "InstanceNormBottleneck", "ResNetIBN"]


class HalfInstanceNorm(nn.Module):
    """Instance norm on the first half of the channels, batch norm on the rest.

    Args:
        channels: channels in and out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.split_at = channels // 2
        self.IN = nn.InstanceNorm2d(self.split_at, affine=True)
        self.BN = nn.BatchNorm2d(channels - self.split_at)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``(N, C, h, w)``."""
        return torch.cat([self.IN(x[:, : self.split_at]), self.BN(x[:, self.split_at :])], dim=1)


class InstanceNormBottleneck(Bottleneck):
    """A bottleneck with instance norm after the shortcut is added.

    Args:
        channels: channels in and out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels // 4)
        self.IN = nn.InstanceNorm2d(channels, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C, h, w)`` to the same shape."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        return self.relu(self.IN(self.bn3(self.conv3(out)) + x))


class ResNetIBN(FrameNetwork):
    """ResNet-50 with IBN-a (inside the blocks) or IBN-b (after stages).

    Args:
        num_classes: number of training identities K.
        trunk: the stages of a ResNet-50 with these norms.
        options: temporal head and neck.

    Reference:
        Pan et al., Two at Once: Enhancing Learning and Generalization Capacities via IBN-Net, ECCV 2018,
        https://arxiv.org/abs/1807.09441
    """

    key_rules = TORCHVISION_KEY_RULES

    def __init__(
        self, num_classes: int, trunk: dict[str, nn.Module], *, options: FrameOptions | None = None
    ) -> None:
        super().__init__(trunk, 2048, num_classes, options=options)
        self.init_published_parts()


@MODELS.register("resnet50_ibn_a")
def resnet50_ibn_a(num_classes: int = 1, **options: Any) -> ResNetIBN:
    """Build ResNet-50-IBN-a: instance norm on half the channels of the first norm in every block of stages 1 to 3."""
    trunk = resnet_stages("resnet50")
    for name in ("layer1", "layer2", "layer3"):
        for block in trunk[name].children():
            block.bn1 = HalfInstanceNorm(block.bn1.num_features)  # type: ignore[union-attr, arg-type]
    return ResNetIBN(num_classes, trunk, options=FrameOptions.of(options))


@MODELS.register("resnet50_ibn_b")
def resnet50_ibn_b(num_classes: int = 1, **options: Any) -> ResNetIBN:
    """Build ResNet-50-IBN-b: instance norm in the stem and in the last block of stages 1 and 2."""
    trunk = resnet_stages("resnet50")
    trunk["bn1"] = nn.InstanceNorm2d(64, affine=True)
    for name, channels in (("layer1", 256), ("layer2", 512)):
        stage = trunk[name]
        assert isinstance(stage, nn.Sequential)
        stage[-1] = InstanceNormBottleneck(channels)
    return ResNetIBN(num_classes, trunk, options=FrameOptions.of(options))
