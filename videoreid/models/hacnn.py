"""HACNN: a small network with soft attention on the whole body and hard attention on four regions."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from videoreid.errors import ConfigError
from videoreid.models.factory import MODELS
from videoreid.models.frame_network import FrameNetwork, FrameOptions
from videoreid.models.layers.conv_block import ConvBlock
from videoreid.models.layers.harmonious_attention import HarmoniousAttention, crop_region
from videoreid.models.layers.inception import InceptionA, InceptionB
from videoreid.models.layers.osnet_blocks import embed

__all__ = ["HACNN"]

_REGIONS = 4
_REGION_SIZES = ((24, 28), (12, 14), (6, 7))  # (height, width) of a region at the three depths


class HACNN(FrameNetwork):
    """Harmonious attention network: 512 values for the whole body and 512 for four regions, each L2-normalised.

    Published for frames of 160 x 64.

    Args:
        num_classes: number of training identities K.
        options: temporal head and neck; the head must keep the width of 1024.

    Raises:
        ConfigError: a temporal head that changes the width, or a neck.

    Reference:
        Li et al., Harmonious Attention Network for Person Re-Identification, CVPR 2018,
        https://arxiv.org/abs/1802.08122
    """

    map_layer = "inception3"

    def __init__(self, num_classes: int, *, options: FrameOptions | None = None) -> None:
        trunk: dict[str, nn.Module] = {"conv": ConvBlock(3, 32, 3, stride=2)}
        channels = 32
        for depth, width in enumerate((128, 256, 384), 1):
            trunk[f"inception{depth}"] = nn.Sequential(InceptionA(channels, width), InceptionB(width, width))
            trunk[f"ha{depth}"] = HarmoniousAttention(width)
            trunk[f"local_conv{depth}"] = InceptionB(channels, width)
            channels = width
        trunk["fc_global"] = embed(channels, 512)
        trunk["fc_local"] = embed(channels * _REGIONS, 512)
        super().__init__(trunk, 1024, num_classes, options=options)
        self.input_size = (160, 64)
        if self.embedding_dim != 1024 or self.neck is not None:
            raise ConfigError(
                "hacnn classifies body and regions separately: it takes no neck, and only temporal heads that keep the "
                "width of 1024 (average, maximum, gem, attention, self_attention)"
            )

    def build_classifiers(self, num_classes: int, *, bias: bool) -> None:
        """Create the classifiers of the whole body and of the regions."""
        self.classifier_global = nn.Linear(512, num_classes, bias=bias)
        self.classifier_local = nn.Linear(512, num_classes, bias=bias)

    def feature_maps(self, images: Tensor) -> Tensor:
        """Return the last attended map ``(N, 384, h, w)`` of the whole body."""
        return self._run(images, with_regions=False)[0]

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the last map and the vectors ``(N, 1024)`` of images, not normalised."""
        maps, regions = self._run(images, with_regions=True)
        body = self.get_submodule("fc_global")(maps.mean(dim=(2, 3)))
        parts = torch.cat([region.mean(dim=(2, 3)) for region in regions], dim=1)
        return maps, torch.cat([body, self.get_submodule("fc_local")(parts)], dim=1)

    def _run(self, images: Tensor, *, with_regions: bool) -> tuple[Tensor, list[Tensor]]:
        x = self.get_submodule("conv")(images)
        regions: list[Tensor] = []
        for depth, size in enumerate(_REGION_SIZES, 1):
            seen = self.get_submodule(f"inception{depth}")(x)
            weights, centres = self.get_submodule(f"ha{depth}")(seen)
            if with_regions:
                local = self.get_submodule(f"local_conv{depth}")
                crops = [crop_region(x, centres[:, region], size) for region in range(_REGIONS)]
                # input of a depth: its crop plus the output of this region at the previous depth
                regions = [local(crop + (regions[i] if regions else 0)) for i, crop in enumerate(crops)]
            x = seen * weights
        return x, regions

    def published_vectors(self, vectors: Tensor) -> Tensor:
        """L2-normalise both halves of ``(..., 1024)``."""
        return F.normalize(vectors.unflatten(-1, (2, 512)), dim=-1).flatten(-2)

    def split_features(self, features: Tensor) -> tuple[Tensor, ...]:
        """Return the body's ``(B, 512)`` and the regions' ``(B, 512)``."""
        return tuple(features.split(512, dim=1))

    def classify(self, features: Tensor) -> tuple[Tensor, ...]:
        """Return the logits of the body and of the regions, each ``(B, K)``."""
        body, parts = features.split(512, dim=1)
        return self.classifier_global(body), self.classifier_local(parts)


@MODELS.register("hacnn")
def hacnn(num_classes: int = 1, **options: Any) -> HACNN:
    """Build HACNN."""
    return HACNN(num_classes, options=FrameOptions.of(options))
