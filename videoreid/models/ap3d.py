"""AP3D, and the 3-D ResNets of its comparison: C2D, I3D, P3D and non-local blocks."""

from typing import Any

from videoreid.models.clip_resnet import ClipResNet
from videoreid.models.factory import MODELS
from videoreid.models.layers.non_local import NON_LOCAL_KEY_RULES, NonLocalBlock
from videoreid.models.layers.resnet3d_trunk import PLUGINS_AFTER, TrunkPlan
from videoreid.models.layers.temporal_convs import ConvKind

__all__ = ["AP3D", "ap3d_resnet50"]


class AP3D(ClipResNet):
    """A ResNet with temporal kernels in five of its 3 x 3 convolutions, with or without appearance preservation.

    Any clip length and input size. The published evaluation splits a tracklet into clips of 32 consecutive frames.

    Args:
        num_classes: number of training identities K.
        block: the kind of the five convolutions: "c2d" (no temporal kernel), "i3d", "p3da", "p3db", "p3dc"; with
            appearance preservation "api3d", "app3da", "app3db", "app3dc" (the published AP3D).
        nonlocal_blocks: add five non-local blocks, after blocks 1 and 3 of stage 2 and 1, 3 and 5 of stage 3.
        options: options of `ClipResNet`.

    Raises:
        ConfigError: unknown block or backbone.

    Reference:
        Gu et al., Appearance-Preserving 3D Convolution for Video-based Person Re-identification, ECCV 2020.
        https://arxiv.org/abs/2007.08434
    """

    def __init__(
        self, num_classes: int, *, block: ConvKind = "app3dc", nonlocal_blocks: bool = False, **options: Any
    ) -> None:
        plugins = {
            stage: dict.fromkeys(after, NonLocalBlock) if nonlocal_blocks else {}
            for stage, after in PLUGINS_AFTER.items()
        }
        plan = TrunkPlan(conv=block, plugins=plugins, plugin_rules=NON_LOCAL_KEY_RULES)
        super().__init__(num_classes, plan, **options)


@MODELS.register("ap3d_resnet50")
def ap3d_resnet50(num_classes: int = 1, **options: Any) -> AP3D:
    """Build AP3D or one of its relatives; see `AP3D`."""
    return AP3D(num_classes, **options)
