"""The VPReID family (GCM): generalised-mean pooling, motion excitation, coordinate attention, frame subsets."""

from typing import Any

import torch
from torch import Tensor, nn

from videoreid.models.backbones import build_backbone
from videoreid.models.base import ReIDModel
from videoreid.models.factory import MODELS
from videoreid.models.layers.bn_neck import identity_classifier
from videoreid.models.layers.coordinate_attention import ClipCoordinateAttention
from videoreid.models.layers.gem import GeM
from videoreid.models.layers.motion_excitation import MotionExcitation
from videoreid.models.layers.resnet_trunk import IMAGENET_KEY_RULES
from videoreid.types import ReIDOutput

__all__ = [
    "EXCITATION_KEY_RULES",
    "GCM",
    "gcm",
    "gcm_baseline",
    "gcm_coordatt",
    "gcm_me",
    "gcm_multiloss",
    "trainable_neck",
]

_SLOT = r"^backbone\.(?:Ins|ME)_(\d)\.(\d+)\."
_HERE = r"backbone.inserts.\1.\2."
EXCITATION_KEY_RULES: tuple[tuple[str, str | None], ...] = (
    (_SLOT + r"Mconv1\.", _HERE + "squeeze."),
    (_SLOT + r"Mbn1\.", _HERE + "squeeze_bn."),
    (_SLOT + r"Mconv2\.", _HERE + "shift."),
    (_SLOT + r"Mconv3\.", _HERE + "expand."),
    (_SLOT + r"Mbn3\.", _HERE + "expand_bn."),
    (_SLOT + r"avg_pool\.p$", _HERE + "pool.p"),
)
"""Rules for the published names of the motion modules in a trunk."""


def trainable_neck(dim: int) -> nn.BatchNorm1d:
    """Build the neck of this family: weight ~ N(1, 0.02), bias initialised with 0 and trained."""
    neck = nn.BatchNorm1d(dim)
    nn.init.normal_(neck.weight, mean=1.0, std=0.02)
    return neck


class GCM(ReIDModel):
    """A ResNet with optional motion excitation, coordinate attention and several heads over frame subsets.

    With one head, frames are averaged. With several heads, head i pools a random subset of the frames by a generalised
    mean; the subsets grow to the whole clip (with four heads and four frames 1, 2, 3 and 4 frames). This makes the
    embedding robust to missing frames; retrieval uses the vector of the last head. All losses use the vector after the
    batch normalisation. As published, the trunk has no ReLU after its first batch normalisation.

    Args:
        num_classes: number of training identities K.
        backbone: a torchvision ResNet.
        motion: pooling of differences in the motion excitation of stages 2 and 3: "average", "gem", or None for no
            motion excitation.
        coordinate_attention: gate the last maps along height, width and time.
        heads: number of frame subsets, or 1 for the average over frames.
        height: height of the input in pixels; any size works.
        width: width of the input in pixels.

    Reference:
        No paper; the system is public under the name VPReID.
    """

    stages: tuple[str, ...] = ("backbone", "frame_pool", "clip_pool", "neck", "classifiers")
    key_rules = (
        *EXCITATION_KEY_RULES,
        (_SLOT + r"conv1\.", _HERE + "squeeze."),
        (_SLOT + r"bn1\.", _HERE + "bn."),
        (_SLOT + r"conv_h\.", _HERE + "height."),
        (_SLOT + r"conv_w\.", _HERE + "width."),
        (_SLOT + r"conv_t\.", _HERE + "time."),
        (r"^gemp2d\.", "frame_pool."),
        (r"^gemp1d\.", "clip_pool."),
        (r"^bn\.", "neck."),
        (r"^classifier\.", "classifiers.0."),
        *((rf"^classifier{i}\.", f"classifiers.{i - 1}.") for i in range(1, 5)),
        *IMAGENET_KEY_RULES,
    )

    def __init__(
        self,
        num_classes: int,
        *,
        backbone: str = "resnet50",
        motion: str | None = None,
        coordinate_attention: bool = False,
        heads: int = 1,
        height: int = 256,
        width: int = 128,
    ) -> None:
        super().__init__()
        inserts: dict[int, tuple[int, Any]] = {}
        if motion is not None:

            def excitation(channels: int) -> MotionExcitation:
                return MotionExcitation(channels, learned_pooling=motion == "gem")

            inserts |= {2: (2, excitation), 3: (3, excitation)}
        if coordinate_attention:
            inserts[4] = (1, ClipCoordinateAttention)
        self.input_size = (height, width)
        self.backbone = build_backbone(backbone, stem_relu=False, inserts=inserts)
        dim = self.backbone.out_channels
        self.embedding_dim = dim
        self.frame_pool = GeM(axes=2)
        self.clip_pool = GeM(axes=1) if heads > 1 else None
        if self.clip_pool is None:
            self.stages = ("backbone", "frame_pool", "neck", "classifiers")
        self.neck = trainable_neck(dim)
        self.classifiers = nn.ModuleList(
            identity_classifier(dim, num_classes, bias=True) for _ in range(heads)
        )

    def frame_features(self, frames: Tensor) -> Tensor:
        """Return the output of the published network in eval mode, before the time mean and the neck.

        Args:
            frames: ``(B, T, 3, H, W)`` float, normalised.

        Returns:
            ``(B, D, T)``; with several heads ``(B, D, 1)``, all frames pooled.
        """
        pooled = self._pooled_frames(self._as_clips(frames))
        return pooled if self.clip_pool is None else self.clip_pool(pooled)[..., None]

    def forward_clips(self, frames: Tensor) -> ReIDOutput:
        """Run the network; see `ReIDModel.forward_clips`."""
        pooled = self._pooled_frames(frames)
        if not self.training:
            embedding = self.neck(pooled.mean(2) if self.clip_pool is None else self.clip_pool(pooled))
            return ReIDOutput(embedding, (), (embedding,))
        if self.clip_pool is None:
            subsets = [pooled.mean(2)]
        else:
            subsets = [self.clip_pool(pooled[:, :, chosen]) for chosen in self._subsets(pooled.shape[2])]
        features = tuple(self.neck(subset) for subset in subsets)
        logits = tuple(classify(vector) for classify, vector in zip(self.classifiers, features, strict=True))
        return ReIDOutput(features[-1], logits, features)

    def _pooled_frames(self, frames: Tensor) -> Tensor:
        return self.frame_pool(self.backbone(frames)).transpose(1, 2)  # (B, D, T)

    def _subsets(self, num_frames: int) -> list[Tensor]:
        """Draw one random subset of frames per head, the same for the whole batch; the last has all frames.

        The subsets come from PyTorch's generator, like dropout.
        """
        heads = len(self.classifiers)
        sizes = [-(-num_frames * (i + 1) // heads) for i in range(heads)]
        return [torch.randperm(num_frames)[:size] for size in sizes]


@MODELS.register("gcm_baseline")
def gcm_baseline(num_classes: int = 1, **options: Any) -> GCM:
    """Build ResNet-50, generalised-mean pooling and the average over time."""
    return GCM(num_classes, **options)


@MODELS.register("gcm_me")
def gcm_me(num_classes: int = 1, **options: Any) -> GCM:
    """Build the baseline with motion excitation in stages 2 and 3."""
    return GCM(num_classes, motion="average", **options)


@MODELS.register("gcm_coordatt")
def gcm_coordatt(num_classes: int = 1, **options: Any) -> GCM:
    """Build the baseline with coordinate attention over height, width and time."""
    return GCM(num_classes, coordinate_attention=True, **options)


@MODELS.register("gcm_multiloss")
def gcm_multiloss(num_classes: int = 1, **options: Any) -> GCM:
    """Build the baseline with four heads over frame subsets."""
    return GCM(num_classes, heads=4, **options)


@MODELS.register("gcm")
def gcm(num_classes: int = 1, **options: Any) -> GCM:
    """Build the whole system: motion excitation, coordinate attention, four heads."""
    return GCM(num_classes, motion="gem", coordinate_attention=True, heads=4, **options)
