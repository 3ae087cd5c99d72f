"""PCB: a ResNet with one classifier per horizontal stripe."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from videoreid.errors import ConfigError
from videoreid.models.factory import MODELS
from videoreid.models.frame_network import FrameNetwork, FrameOptions
from videoreid.models.resnet import TORCHVISION_KEY_RULES, resnet_stages

__all__ = ["PCB"]


class DimReduction(nn.Module):
    """A 1x1 convolution, batch norm and ReLU.

    Args:
        in_channels: channels in.
        out_channels: channels out.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C, h, w)`` to ``(N, out_channels, h, w)``."""
        return self.layers(x)


class PCB(FrameNetwork):
    """Part-based convolutional baseline: the map is averaged in horizontal stripes.

    The embedding is the L2-normalised vectors of all stripes, 2048 values each; the classifiers use stripes that are
    reduced to 256 channels.

    Args:
        num_classes: number of training identities K.
        parts: number of stripes.
        options: temporal head; it must keep the width.

    Raises:
        ConfigError: a temporal head that changes the width, or a neck.

    Reference:
        Sun et al., Beyond Part Models: Person Retrieval with Refined Part Pooling, ECCV 2018,
        https://arxiv.org/abs/1711.09349
    """

    key_rules = TORCHVISION_KEY_RULES

    def __init__(self, num_classes: int, *, parts: int = 4, options: FrameOptions | None = None) -> None:
        self.parts = parts
        super().__init__(resnet_stages("resnet50", last_stride=1), 2048 * parts, num_classes, options=options)
        if self.embedding_dim != 2048 * parts or self.neck is not None:
            raise ConfigError(
                "pcb classifies each part separately: it takes no neck, and only temporal heads that keep the width "
                f"of {2048 * parts} (average, maximum, gem, attention, self_attention)"
            )
        self.conv5 = DimReduction(2048, 256)
        self.init_published_parts()
        self.stages = (*self.stages, "conv5")

    def build_classifiers(self, num_classes: int, *, bias: bool) -> None:
        """Create one classifier per part."""
        self.classifier = nn.ModuleList(nn.Linear(256, num_classes, bias=bias) for _ in range(self.parts))

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the maps ``(N, 2048, h, w)`` and the parts ``(N, 2048 * parts)`` of images, not normalised."""
        maps = self.feature_maps(images)
        return maps, stripe_means(maps, self.parts).flatten(1)

    def published_vectors(self, vectors: Tensor) -> Tensor:
        """L2-normalise each part of ``(..., 2048 * parts)``."""
        return F.normalize(vectors.unflatten(-1, (2048, self.parts)), dim=-2).flatten(-2)

    def split_features(self, features: Tensor) -> tuple[Tensor, ...]:
        """Return the concatenated L2-normalised parts ``(B, 2048 * parts)`` as the feature of metric losses."""
        return (self.published_vectors(features),)

    def classify(self, features: Tensor) -> tuple[Tensor, ...]:
        """Return the logits ``(B, K)`` of every part of ``(B, 2048 * parts)``."""
        parts = F.dropout(features.view(-1, 2048, self.parts, 1), 0.5, self.training)
        reduced = self.conv5(parts).squeeze(3)  # (B, 256, parts)
        return tuple(head(reduced[:, :, part]) for part, head in enumerate(self.classifier.children()))


def stripe_means(maps: Tensor, parts: int) -> Tensor:
    """Average maps ``(N, C, h, w)`` over ``parts`` horizontal stripes: ``(N, C, parts)``.

    If h is not a multiple of ``parts``, neighbouring stripes share a row, as in adaptive pooling.
    """
    height = maps.shape[2]
    bounds = [(part * height // parts, -(-(part + 1) * height // parts)) for part in range(parts)]
    return torch.stack([maps[:, :, start:end].mean(dim=(2, 3)) for start, end in bounds], dim=2)


@MODELS.register("pcb_p4")
def pcb_p4(num_classes: int = 1, **options: Any) -> PCB:
    """Build PCB with four parts."""
    return PCB(num_classes, parts=4, options=FrameOptions.of(options))


@MODELS.register("pcb_p6")
def pcb_p6(num_classes: int = 1, **options: Any) -> PCB:
    """Build PCB with six parts."""
    return PCB(num_classes, parts=6, options=FrameOptions.of(options))
