"""ResNet-50 with mid-level features from the two blocks before the last."""

from typing import Any

import torch
from torch import Tensor

from videoreid.models.factory import MODELS
from videoreid.models.frame_network import FrameNetwork, FrameOptions
from videoreid.models.layers.osnet_blocks import embed
from videoreid.models.resnet import TORCHVISION_KEY_RULES, resnet_stages

__all__ = ["ResNet50Mid"]


class ResNet50Mid(FrameNetwork):
    """ResNet-50 with mid-level features: 1024 values fused from the two blocks before the last, and 2048 of the last.

    Args:
        num_classes: number of training identities K.
        options: temporal head and neck.

    Reference:
        Yu et al., The Devil is in the Middle: Exploiting Mid-level Representations for Cross-Domain Instance Matching,
        2017, https://arxiv.org/abs/1711.08106
    """

    key_rules = TORCHVISION_KEY_RULES

    def __init__(self, num_classes: int, *, options: FrameOptions | None = None) -> None:
        super().__init__(resnet_stages("resnet50"), 3072, num_classes, options=options)
        self.fc_fusion = embed(4096, 1024)
        self.stages = (*self.stages, "fc_fusion")
        self.init_published_parts()

    def feature_maps(self, images: Tensor) -> Tensor:
        """Return the maps ``(N, 6144, h, w)`` of the three blocks of the last stage, in order."""
        for name in self.trunk_names[:-1]:
            images = getattr(self, name)(images)
        maps = []
        for block in self.get_submodule("layer4").children():
            images = block(images)
            maps.append(images)
        return torch.cat(maps, dim=1)

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the maps ``(N, 6144, h, w)`` and the vectors ``(N, 3072)`` of images ``(N, 3, H, W)``."""
        maps = self.feature_maps(images)
        middle, last = maps.mean(dim=(2, 3)).split([4096, 2048], dim=1)
        return maps, torch.cat([self.fc_fusion(middle), last], dim=1)


@MODELS.register("resnet50mid")
def resnet50mid(num_classes: int = 1, **options: Any) -> ResNet50Mid:
    """Build ResNet-50 with mid-level features."""
    return ResNet50Mid(num_classes, options=FrameOptions.of(options))
