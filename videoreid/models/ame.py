"""Bidirectional multi-range motion excitation (AME)."""

from typing import Any

from torch import Tensor

from videoreid.models.backbones import build_backbone
from videoreid.models.base import ReIDModel
from videoreid.models.factory import MODELS
from videoreid.models.gcm import EXCITATION_KEY_RULES, trainable_neck
from videoreid.models.layers.bn_neck import identity_classifier
from videoreid.models.layers.motion_excitation import RangeMotionExcitation
from videoreid.models.layers.resnet_trunk import IMAGENET_KEY_RULES
from videoreid.types import ReIDOutput

__all__ = ["AME", "ame"]


class AME(ReIDModel):
    """A ResNet whose channels are gated by differences to the frames 1, 2 and 3 before and after.

    Modules follow the last two blocks of stage 2 and every block of stage 3. Frames are pooled by the maximum over
    positions and averaged; all losses use the vector after the batch normalisation. As published, the trunk has no ReLU
    after its first batch normalisation. The differences of a range that is longer than the clip are zero.

    Args:
        num_classes: number of training identities K.
        backbone: a torchvision ResNet.
        height: height of the input in pixels; any size works.
        width: width of the input in pixels.

    Reference:
        No paper; the code is public together with VPReID's.
    """

    stages = ("backbone", "neck", "classifier")
    key_rules = (
        *EXCITATION_KEY_RULES,
        *(
            (rf"^backbone\.ME_(\d)\.(\d+)\.[A-Za-z]+_?{i}$", rf"backbone.inserts.\1.\2.weights.{i - 1}")
            for i in range(1, 4)
        ),
        (r"^bn\.", "neck."),
        *IMAGENET_KEY_RULES,
    )

    def __init__(
        self, num_classes: int, *, backbone: str = "resnet50", height: int = 256, width: int = 128
    ) -> None:
        super().__init__()
        self.input_size = (height, width)
        inserts = {2: (2, RangeMotionExcitation), 3: (6, RangeMotionExcitation)}
        self.backbone = build_backbone(backbone, stem_relu=False, inserts=inserts)
        dim = self.backbone.out_channels
        self.embedding_dim = dim
        self.neck = trainable_neck(dim)
        self.classifier = identity_classifier(dim, num_classes, bias=True)

    def frame_features(self, frames: Tensor) -> Tensor:
        """Return the output of the published network in eval mode, ``(B, T, D)``, before the time mean and the neck.

        Args:
            frames: ``(B, T, 3, H, W)`` float, normalised.
        """
        return self.backbone(self._as_clips(frames)).amax((-2, -1))

    def forward_clips(self, frames: Tensor) -> ReIDOutput:
        """Run the network; see `ReIDModel.forward_clips`."""
        embedding = self.neck(self.frame_features(frames).mean(1))
        return ReIDOutput(embedding, (self.classifier(embedding),), (embedding,))


@MODELS.register("ame")
def ame(num_classes: int = 1, **options: Any) -> AME:
    """Build AME; see its class."""
    return AME(num_classes, **options)
