"""SOLIDER: a Swin transformer with a semantic weight, applied to every frame of a clip."""

from typing import Any

from torch import Tensor

from videoreid.errors import ConfigError
from videoreid.models.base import ReIDModel
from videoreid.models.factory import MODELS
from videoreid.models.layers.bn_neck import bn_neck, identity_classifier
from videoreid.models.normalisation import find_normalisation
from videoreid.models.transformers.swin import SWIN_SIZES, SwinTransformer
from videoreid.types import ReIDOutput

__all__ = ["SOLIDER", "solider_swin_base", "solider_swin_small", "solider_swin_tiny"]


class SOLIDER(ReIDModel):
    """A Swin transformer with a semantic weight, pre-trained on people.

    The published network takes images. Here it runs on every frame, and the vectors are averaged over the clip. The
    embedding is the vector before the neck. Any image size works. SOLIDER's pre-trained files (``teacher``) and its
    fine-tuned re-ID files can be loaded.

    Args:
        num_classes: number of training identities K.
        backbone: a key of `videoreid.models.transformers.swin.SWIN_SIZES`.
        semantic_weight: 0..1; the published value for re-identification is 0.2.
        drop_path: drop-path rate of the last block; it grows linearly from 0 at the first block.
        normalisation: of the pixels: "half" as published (mean and standard deviation 0.5), "imagenet" or "clip".
        height: height of the input in pixels for which the weights were trained; any size works.
        width: width of the input in pixels.
        gradient_checkpointing: run each block again in the backward pass instead of keeping its activations.

    Raises:
        ConfigError: an unknown backbone, or a semantic weight outside 0..1.

    Reference:
        Chen et al., Beyond Appearance: a Semantic Controllable Self-Supervised Learning Framework for Human-Centric
        Visual Tasks, CVPR 2023. https://arxiv.org/abs/2303.17602
    """

    stages = ("backbone", "neck", "classifier")
    key_rules = (
        (r"relative_position_index$", None),
        # the published network has norms and semantic layers for every stage; the last maps do not use these
        (r"^(?:module\.)?(?:(?:base|backbone)\.)?(?:head|norm[012]|semantic_embed_[wb]\.3)\.", None),
        (r"^(?:module\.)?(?:base|backbone)\.", "backbone."),
        (r"^(patch_embed|stages|norm3|semantic_embed_[wb])\.", r"backbone.\1."),
        (r"^bottleneck\.", "neck."),
    )
    optional_keys = (r"^(?:neck|classifier)\.",)

    def __init__(
        self,
        num_classes: int,
        *,
        backbone: str = "swin_b",
        semantic_weight: float = 0.2,
        drop_path: float = 0.1,
        normalisation: str = "half",
        height: int = 384,
        width: int = 128,
        gradient_checkpointing: bool = False,
    ) -> None:
        super().__init__()
        if backbone not in SWIN_SIZES:
            raise ConfigError(f"unknown backbone {backbone!r}; choose one of {', '.join(SWIN_SIZES)}")
        if not 0 <= semantic_weight <= 1:
            raise ConfigError(f"semantic_weight must be in 0..1, got {semantic_weight}")
        self.input_size = (height, width)
        self.pixel_mean, self.pixel_std = find_normalisation(normalisation)
        self.backbone = SwinTransformer(
            SWIN_SIZES[backbone],
            semantic_weight=semantic_weight,
            drop_path=drop_path,
            gradient_checkpointing=gradient_checkpointing,
        )
        self.embedding_dim = self.backbone.out_channels
        self.neck = bn_neck(self.embedding_dim)
        self.classifier = identity_classifier(self.embedding_dim, num_classes, bias=False)

    def forward_clips(self, frames: Tensor) -> ReIDOutput:
        """Run the network; see `ReIDModel.forward_clips`."""
        embedding = self.backbone(frames.flatten(0, 1)).unflatten(0, frames.shape[:2]).mean(1)
        logits = (self.classifier(self.neck(embedding)),) if self.training else ()
        return ReIDOutput(embedding, logits, (embedding,))


@MODELS.register("solider_swin_base")
def solider_swin_base(num_classes: int = 1, **options: Any) -> SOLIDER:
    """Build SOLIDER on Swin-B; see its class."""
    return SOLIDER(num_classes, **options)


@MODELS.register("solider_swin_small")
def solider_swin_small(num_classes: int = 1, **options: Any) -> SOLIDER:
    """Build SOLIDER on Swin-S."""
    return SOLIDER(num_classes, **{"backbone": "swin_s", **options})


@MODELS.register("solider_swin_tiny")
def solider_swin_tiny(num_classes: int = 1, **options: Any) -> SOLIDER:
    """Build SOLIDER on Swin-T."""
    return SOLIDER(num_classes, **{"backbone": "swin_t", **options})
