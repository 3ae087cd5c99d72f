"""ResNet-50 with temporal attention and the video bag of tricks: last stride 1 and a BN neck."""

from torch import Tensor, nn

from videoreid.models.backbones import build_backbone
from videoreid.models.base import ReIDModel
from videoreid.models.factory import MODELS
from videoreid.models.layers.bn_neck import bn_neck, identity_classifier
from videoreid.models.layers.resnet_trunk import IMAGENET_KEY_RULES
from videoreid.models.resnet50_temporal import INDEXED_TRUNK_RULES
from videoreid.models.temporal import AttentionPool
from videoreid.types import ReIDOutput

__all__ = ["BagOfTricks", "resnet50_ta_bot"]


class BagOfTricks(ReIDModel):
    """Temporal attention over ResNet maps of stride 16, then a BN neck.

    All losses and retrieval use the vector after the neck (with the usual BN neck, metric losses use the vector before
    it). ``extras["frame_scores"]`` holds the raw scores ``(B, T)`` for the frame-attention loss.

    Args:
        num_classes: number of training identities K.
        backbone: see `videoreid.models.build_backbone`.
        height: height of the input in pixels; the attention fixes it.
        width: width of the input in pixels; likewise fixed.

    Reference:
        Pathak, Eshratifar and Gormish, Video Person Re-ID: Fantastic Techniques and Where to Find Them, AAAI 2020,
        https://arxiv.org/abs/1912.05295
    """

    stages = ("backbone", "temporal", "neck", "classifier")
    key_rules = (
        *INDEXED_TRUNK_RULES,
        (r"^attention_conv\.", "temporal.frame_conv."),
        (r"^attention_tconv\.", "temporal.time_conv."),
        (r"^classifier\.bn\.", "neck."),
        (r"^classifier\.classifier\.", "classifier."),
        *IMAGENET_KEY_RULES,
    )

    def __init__(
        self, num_classes: int, *, backbone: str = "resnet50", height: int = 224, width: int = 112
    ) -> None:
        super().__init__()
        self.input_size = (height, width)
        self.backbone = build_backbone(backbone, last_stride=1)
        dim = self.backbone.out_channels
        self.embedding_dim = dim
        self.temporal = AttentionPool(dim, map_size=self.backbone.map_size(height, width))
        for conv in (self.temporal.frame_conv, self.temporal.time_conv):
            nn.init.kaiming_normal_(conv.weight)
            nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
        self.neck = bn_neck(dim)
        self.classifier = identity_classifier(dim, num_classes, bias=False)

    def forward_clips(self, frames: Tensor) -> ReIDOutput:
        """Run the network; see `ReIDModel.forward_clips`."""
        maps = self.backbone(frames)
        features = maps.mean((-2, -1))
        scores = self.temporal.scores(features, maps)
        embedding = self.neck(self.temporal.pool(features, scores))
        return ReIDOutput(embedding, (self.classifier(embedding),), (embedding,), {"frame_scores": scores})


@MODELS.register("resnet50_ta_bot")
def resnet50_ta_bot(
    num_classes: int = 1, *, backbone: str = "resnet50", height: int = 224, width: int = 112
) -> BagOfTricks:
    """Build the bag-of-tricks network; see `BagOfTricks`."""
    return BagOfTricks(num_classes, backbone=backbone, height=height, width=width)
