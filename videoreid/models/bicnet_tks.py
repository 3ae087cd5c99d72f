"""BiCnet-TKS: detail frames at full size, context frames at half the size."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool3d

from videoreid.errors import ConfigError
from videoreid.models.base import ReIDModel
from videoreid.models.factory import MODELS
from videoreid.models.gcm import trainable_neck
from videoreid.models.layers.bn_neck import identity_classifier
from videoreid.models.layers.resnet3d_trunk import ResNet3DTrunk, TrunkPlan
from videoreid.models.layers.two_stream import (
    DIVERGED_ATTENTION_KEY_RULES,
    GROUP,
    KERNEL_SELECTION_KEY_RULES,
    DivergedAttention,
    KernelSelection,
    by_kind,
)
from videoreid.types import ReIDOutput

__all__ = ["BiCnet", "bicnet_tks"]

_CONTEXT = GROUP - 1


def _rules(published: str, ours: str, inner: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (rf"^{published}\.{theirs.replace('.', chr(92) + '.')}", f"{ours}.{mine}") for theirs, mine in inner
    )


class BiCnet(ReIDModel):
    """One ResNet over two streams: detail frames 0, 4, ... and the three context frames after each, at half the size.

    After each of the first three stages the features of a detail frame are added to its three context frames. After
    stage 2 two temporal convolutions are mixed (TKS), after stage 3 the frames attend to different strips (DAO). In
    train mode ``extras["strip_attention"]`` ``(B, T/4, 3, 8)`` holds the attention maps for `divergence_loss`.

    Args:
        num_classes: number of training identities K.
        backbone: a key of `RESNET3D_DEPTHS`.
        clip_length: T, a multiple of 4; published with 8.
        height: height of the input in pixels; any size works.
        width: width of the input in pixels.
        gradient_checkpointing: less memory, more computation; see `ResNet3DTrunk`.

    Raises:
        ConfigError: a clip length that is not a multiple of 4, or an unknown backbone.

    Reference:
        Hou et al., BiCnet-TKS: Learning Efficient Spatial-Temporal Representation for Video Person Re-Identification,
        CVPR 2021. https://arxiv.org/abs/2104.14783
    """

    stages = ("backbone", "tell", "selection", "attention", "neck", "classifier")
    key_rules = (
        (r"^layer([1-3])_h2l\.", r"tell.\1."),
        *_rules("TKS", "selection", KERNEL_SELECTION_KEY_RULES),
        *_rules("DAO", "attention", DIVERGED_ATTENTION_KEY_RULES),
        (r"^bn\.", "neck."),
    )

    def __init__(
        self,
        num_classes: int,
        *,
        backbone: str = "resnet50",
        clip_length: int = 8,
        height: int = 256,
        width: int = 128,
        gradient_checkpointing: bool = False,
    ) -> None:
        super().__init__()
        if clip_length < GROUP or clip_length % GROUP:
            raise ConfigError(f"clip_length must be a multiple of {GROUP}, got {clip_length}")
        self.frames = clip_length
        self.input_size = (height, width)
        self.backbone = ResNet3DTrunk(TrunkPlan(), backbone, gradient_checkpointing=gradient_checkpointing)
        self.map_layer = f"backbone.layer4.{len(self.backbone.layer4) - 1}"
        dim = self.backbone.out_channels
        self.embedding_dim = dim
        self.tell = nn.ModuleDict(
            {
                str(stage): nn.Conv3d(channels, _CONTEXT * channels, 1, bias=False)
                for stage, channels in ((1, dim // 8), (2, dim // 4), (3, dim // 2))
            }
        )
        self.selection = KernelSelection(dim // 4)
        self.attention = DivergedAttention(dim // 2)
        self.neck = trainable_neck(dim)
        self.classifier = identity_classifier(dim, num_classes, bias=True)

    def forward_clips(self, frames: Tensor) -> ReIDOutput:
        """Run the network; see `ReIDModel.forward_clips`."""
        detail, context = by_kind(self.backbone.stem(frames))
        context = max_pool3d(context, (1, 2, 2))
        for stage in range(1, 5):
            detail, context = (self.backbone.run_stage(stage, stream) for stream in (detail, context))
            if stage < 4:
                context = self._tell(stage, detail, context)
            if stage == 2:
                detail, context = self.selection(detail, context)
            elif stage == 3:
                detail, context, attention = self.attention(detail, context)
        both = [torch.amax(stream, (3, 4)).mean(2) for stream in (detail, context)]
        embedding = self.neck((both[0] + both[1]) / 2)
        extras = {"strip_attention": attention} if self.training else {}
        return ReIDOutput(embedding, (self.classifier(embedding),), (embedding,), extras)

    def map_order(self, frames: int) -> list[int]:
        """Return the frame index of each map: detail frames first, then context frames."""
        detail = list(range(0, frames, GROUP))
        return detail + [frame for frame in range(frames) if frame % GROUP]

    def translate_state_dict(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the state dict of a published, a 2-D or one of our checkpoints under our names."""
        return super().translate_state_dict(self.backbone.translate(state))

    def _tell(self, stage: int, detail: Tensor, context: Tensor) -> Tensor:
        told = self.tell[str(stage)](max_pool3d(detail, (1, 2, 2)))  # (B, 3 C, T/4, h, w)
        told = told.unflatten(1, (_CONTEXT, -1)).permute(0, 2, 3, 1, 4, 5)
        return context + told.flatten(2, 3)


@MODELS.register("bicnet_tks")
def bicnet_tks(num_classes: int = 1, **options: Any) -> BiCnet:
    """Build BiCnet-TKS; see `BiCnet`."""
    return BiCnet(num_classes, **options)
