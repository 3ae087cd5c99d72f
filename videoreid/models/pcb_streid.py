"""The visual stream of st-ReID: a PCB with six horizontal stripes."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from videoreid.models.backbones import build_backbone
from videoreid.models.base import ReIDModel
from videoreid.models.factory import MODELS
from videoreid.models.layers.bn_neck import identity_classifier
from videoreid.models.layers.grid_means import grid_means
from videoreid.types import ReIDOutput

__all__ = ["PCBSTReID", "pcb_streid"]


class PCBSTReID(ReIDModel):
    """A ResNet of stride 16 whose map is averaged over six horizontal stripes.

    In training each stripe is reduced to 256 channels and classified. The embedding is made of the stripes before this
    reduction, each L2-normalised, so the dot product of two embeddings is the sum of six cosine similarities. The maps
    of a clip are averaged over its frames first.

    Args:
        num_classes: number of training identities K.
        backbone: see `videoreid.models.build_backbone`.
        parts: number of stripes.
        mirror: in eval mode add the stripes of the mirrored frames before the L2 normalisation, as in the published
            test (averaging the two embeddings instead is close but not equal).
        height: height of the input in pixels; any size works.
        width: width of the input in pixels.

    Reference:
        Wang et al., Spatial-Temporal Person Re-identification, AAAI 2019, https://arxiv.org/abs/1812.03282; Sun et al.,
        Beyond Part Models, ECCV 2018.
    """

    stages = ("backbone", "heads")
    key_rules = (
        (r"^model\.fc\.", None),
        (r"^model\.", "backbone."),
        (r"^classifier(\d+)\.add_block\.0\.", r"heads.\1.reduce."),
        (r"^classifier(\d+)\.add_block\.1\.", r"heads.\1.bn."),
        (r"^classifier(\d+)\.classifier\.0\.", r"heads.\1.classifier."),
        (r"^(conv1|bn1|layer[1-4])\.", r"backbone.\1."),
        (r"^fc\.", None),
    )
    optional_keys = (r"^heads\.",)

    def __init__(
        self,
        num_classes: int,
        *,
        backbone: str = "resnet50",
        parts: int = 6,
        mirror: bool = False,
        height: int = 384,
        width: int = 192,
    ) -> None:
        super().__init__()
        self.input_size = (height, width)
        self.backbone = build_backbone(backbone)
        dim = self.backbone.out_channels
        self.parts, self.mirror = parts, mirror
        self.embedding_dim = dim * parts
        self.dropout = nn.Dropout(0.5)
        self.heads = nn.ModuleList(_PartHead(dim, num_classes) for _ in range(parts))

    def part_features(self, frames: Tensor) -> Tensor:
        """Return the stripes of a clip before any normalisation, ``(B, D, parts)``.

        Args:
            frames: ``(B, T, 3, H, W)`` or ``(B, 3, H, W)`` float, normalised.
        """
        maps = self.backbone(self._as_clips(frames)).mean(1)
        return grid_means(maps, (self.parts, 1)).squeeze(3)

    def part_logits(self, frames: Tensor) -> Tensor:
        """Return the logits of every stripe's classifier, ``(B, parts, K)``; frames as for `part_features`."""
        return self._classify(self.part_features(frames))

    def forward_clips(self, frames: Tensor) -> ReIDOutput:
        """Run the network; see `ReIDModel.forward_clips`."""
        parts = self.part_features(frames)
        if self.training:
            logits = self._classify(parts).unbind(1)
            return ReIDOutput(_unit_parts(parts), logits, (parts.flatten(1),))
        if self.mirror:
            parts = parts + self.part_features(frames.flip(-1))
        return ReIDOutput(_unit_parts(parts), (), ())

    def _classify(self, parts: Tensor) -> Tensor:
        dropped = self.dropout(parts).unbind(2)
        return torch.stack([head(part) for head, part in zip(self.heads, dropped, strict=True)], dim=1)


class _PartHead(nn.Module):
    """Reduce a stripe to 256 channels (no activation), then classify it."""

    def __init__(self, dim: int, num_classes: int, reduced: int = 256) -> None:
        super().__init__()
        self.reduce = nn.Linear(dim, reduced)
        nn.init.kaiming_normal_(self.reduce.weight, mode="fan_out")
        nn.init.zeros_(self.reduce.bias)
        self.bn = nn.BatchNorm1d(reduced)
        nn.init.normal_(self.bn.weight, mean=1.0, std=0.02)
        self.dropout = nn.Dropout(0.5)
        self.classifier = identity_classifier(reduced, num_classes, bias=True)

    def forward(self, part: Tensor) -> Tensor:
        """Return logits ``(B, K)`` of a stripe ``(B, D)``."""
        return self.classifier(self.dropout(self.bn(self.reduce(part))))


def _unit_parts(parts: Tensor) -> Tensor:
    """L2-normalise every stripe of ``(B, D, parts)`` and flatten, channels first."""
    return F.normalize(parts, dim=1).flatten(1)


@MODELS.register("pcb_streid")
def pcb_streid(num_classes: int = 1, **options: Any) -> PCBSTReID:
    """Build st-ReID's visual stream; see `PCBSTReID`."""
    return PCBSTReID(num_classes, **options)
