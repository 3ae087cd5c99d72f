"""PSTA: pyramid spatial-temporal aggregation, which fuses the frames of a clip in pairs."""

from typing import Any

import torch
from torch import Tensor, nn

from videoreid.errors import ConfigError
from videoreid.models.backbones import build_backbone
from videoreid.models.base import ReIDModel
from videoreid.models.factory import MODELS
from videoreid.models.layers.bn_neck import bn_neck, identity_classifier
from videoreid.models.layers.pyramid_attention import PyramidFusion
from videoreid.models.layers.resnet_trunk import IMAGENET_KEY_RULES
from videoreid.types import ReIDOutput

__all__ = ["PSTA", "psta"]

_FUSION_RULES: tuple[tuple[str, str | None], ...] = tuple(
    (rf"^layer([1-3])\.{theirs}\.", rf"steps.\1.{ours}.")
    for theirs, ours in (
        ("Embed+ing", "embed"),  # the published name is "Embeding"
        ("conv_block", "mix"),
        (r"TRAG\.gamma_temporal", "temporal.gamma"),
        (r"TRAG\.beta_temporal", "temporal.beta"),
        (r"TRAG\.gg_temporal", "temporal.relate"),
        (r"TRAG\.tte_para", "temporal.pair"),
        (r"TRAG\.te_para", "temporal.position"),
        (r"TRAG\.theta_channel", "temporal.theta"),
        (r"TRAG\.channel_para", "temporal.channel"),
        (r"SRAG\.alphi_appearance", "spatial.alpha"),
        (r"SRAG\.delta_appearance", "spatial.delta"),
        (r"SRAG\.gg_spatial", "spatial.relate"),
        (r"SRAG\.spa_para", "spatial.position"),
        (r"SRAG\.app_channel", "spatial.channel"),
    )
)


class PSTA(ReIDModel):
    """Three fusion steps over ResNet maps; each halves the number of frames and has a head with losses.

    The input of head l is the mean of the clip vectors of steps 1..l; retrieval uses the vector of the last head after
    its neck. A clip of 8 frames ends in one map. For other lengths an odd last frame is paired with itself, and the
    maps after the third step are averaged.

    Args:
        num_classes: number of training identities K.
        backbone: see `videoreid.models.build_backbone`.
        height: height of the input in pixels; it is fixed, because relations between positions are channels.
        width: width of the input in pixels; likewise fixed.

    Raises:
        ConfigError: (in forward) frames of another size than the network was built for.

    Reference:
        Wang et al., Pyramid Spatial-Temporal Aggregation for Video-based Person Re-Identification, ICCV 2021.
    """

    stages = ("backbone", "reduce", "steps", "necks", "classifiers")
    map_layer = "reduce"
    key_rules = (
        (r"^base\.", "backbone."),
        (r"^down_channel\.", "reduce."),
        *_FUSION_RULES,
        (r"^bottleneck\.", "necks."),
        (r"^classifier\.", "classifiers."),
        *IMAGENET_KEY_RULES,
    )

    def __init__(
        self, num_classes: int, *, backbone: str = "resnet50", height: int = 256, width: int = 128
    ) -> None:
        super().__init__()
        self.input_size = (height, width)
        self.backbone = build_backbone(backbone)
        dim = self.backbone.out_channels // 2
        self.map_size = self.backbone.map_size(height, width)
        self.embedding_dim = dim
        self.reduce = nn.Sequential(
            nn.Conv2d(2 * dim, dim, 1, bias=False), nn.BatchNorm2d(dim), nn.ReLU(inplace=True)
        )
        positions = self.map_size[0] * self.map_size[1]
        self.steps = nn.ModuleDict({str(step): PyramidFusion(dim, positions) for step in (1, 2, 3)})
        self.necks = nn.ModuleList(bn_neck(dim) for _ in range(3))
        self.classifiers = nn.ModuleList(identity_classifier(dim, num_classes, bias=True) for _ in range(3))

    def forward_clips(self, frames: Tensor) -> ReIDOutput:
        """Run the network; see `ReIDModel.forward_clips`."""
        maps = self.backbone(frames)
        if tuple(maps.shape[-2:]) != self.map_size:
            raise ConfigError(
                f"this PSTA was built for frames of {self.input_size[0]} x {self.input_size[1]}, got "
                f"{frames.shape[-2]} x {frames.shape[-1]}; resize them, or build it with height and width"
            )
        maps = self.reduce(maps.flatten(0, 1)).unflatten(0, maps.shape[:2])
        vectors = []
        for step in self.steps.values():
            maps = step(maps)
            vectors.append(maps.mean((1, 3, 4)))
        levels = [torch.stack(vectors[: level + 1]).mean(0) for level in range(3)]
        if not self.training:
            embedding = self.necks[2](levels[2])
            return ReIDOutput(embedding, (), (embedding,))
        features = tuple(neck(level) for neck, level in zip(self.necks, levels, strict=True))
        logits = tuple(classify(vector) for classify, vector in zip(self.classifiers, features, strict=True))
        return ReIDOutput(features[2], logits, features)


@MODELS.register("psta")
def psta(num_classes: int = 1, **options: Any) -> PSTA:
    """Build PSTA; see its class."""
    return PSTA(num_classes, **options)
