"""ResNet-50 on every frame and a temporal head: average, attention or LSTM."""

from typing import Any

from torch import Tensor, nn

from videoreid.models.backbones import build_backbone
from videoreid.models.base import ReIDModel
from videoreid.models.factory import MODELS
from videoreid.models.layers.resnet_trunk import IMAGENET_KEY_RULES
from videoreid.models.temporal import build_temporal
from videoreid.types import ReIDOutput

__all__ = ["INDEXED_TRUNK_RULES", "ResNetTemporal", "resnet50_rnn", "resnet50_ta", "resnet50_tp"]

INDEXED_TRUNK_RULES: tuple[tuple[str, str | None], ...] = (
    (r"^base\.0\.", "backbone.conv1."),
    (r"^base\.1\.", "backbone.bn1."),
    *((rf"^base\.{stage + 3}\.", f"backbone.layer{stage}.") for stage in range(1, 5)),
)
"""Rules for published trunks that are a sequence of convolution, norm, ReLU, pooling and four stages."""


class ResNetTemporal(ReIDModel):
    """A ResNet on every frame with average pooling, a temporal head and a linear classifier.

    These networks are from the first comparison of temporal models with equal training. There is no batch
    normalisation after the embedding; metric losses use the embedding.

    Args:
        num_classes: number of training identities K.
        temporal: name of a temporal head.
        backbone: see `videoreid.models.build_backbone`.
        height: height of the input in pixels.
        width: width of the input in pixels.
        **options: options of the temporal head.

    Reference:
        Gao and Nevatia, Revisiting Temporal Modeling for Video-based Person ReID, 2018, https://arxiv.org/abs/1805.02104
    """

    stages = ("backbone", "temporal", "classifier")
    key_rules = (
        *INDEXED_TRUNK_RULES,
        (r"^attention_conv\.", "temporal.frame_conv."),
        (r"^attention_tconv\.", "temporal.time_conv."),
        (r"^lstm\.", "temporal.network."),
        *IMAGENET_KEY_RULES,
    )

    def __init__(
        self,
        num_classes: int,
        *,
        temporal: str,
        backbone: str = "resnet50",
        height: int = 224,
        width: int = 112,
        **options: Any,
    ) -> None:
        super().__init__()
        self.input_size = (height, width)
        self.backbone = build_backbone(backbone, last_stride=2)
        self.temporal = build_temporal(temporal, self.backbone.out_channels, **options)
        self.embedding_dim = self.temporal.out_dim
        self.classifier = nn.Linear(self.embedding_dim, num_classes)

    def forward_clips(self, frames: Tensor) -> ReIDOutput:
        """Run the network; see `ReIDModel.forward_clips`."""
        maps = self.backbone(frames)
        embedding = self.temporal(maps.mean((-2, -1)), maps)
        return ReIDOutput(embedding, (self.classifier(embedding),), (embedding,))


@MODELS.register("resnet50_tp")
def resnet50_tp(num_classes: int = 1, **options: Any) -> ResNetTemporal:
    """Build ResNet-50 with the average over time."""
    return ResNetTemporal(num_classes, temporal="average", **options)


@MODELS.register("resnet50_ta")
def resnet50_ta(
    num_classes: int = 1, *, height: int = 224, width: int = 112, **options: Any
) -> ResNetTemporal:
    """Build ResNet-50 with temporal attention; the input size is fixed to ``height`` x ``width``.

    Args:
        num_classes: number of training identities K.
        height: height of the input in pixels.
        width: width of the input in pixels.
        **options: ``backbone``, ``hidden`` and ``normalisation`` ("softmax", "sigmoid").
    """
    map_size = (-(-height // 32), -(-width // 32))
    return ResNetTemporal(
        num_classes, temporal="attention", height=height, width=width, map_size=map_size, **options
    )


@MODELS.register("resnet50_rnn")
def resnet50_rnn(num_classes: int = 1, **options: Any) -> ResNetTemporal:
    """Build ResNet-50 with an LSTM of 512 units, its outputs averaged over time."""
    return ResNetTemporal(num_classes, temporal="lstm", **options)
