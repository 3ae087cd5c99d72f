"""PASS: a vision transformer with part tokens, applied to every frame of a clip."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from videoreid.errors import ConfigError
from videoreid.models.factory import MODELS
from videoreid.models.layers.bn_neck import bn_neck, identity_classifier
from videoreid.models.normalisation import find_normalisation
from videoreid.models.transformers.cameras import CameraModel, camera_offsets
from videoreid.models.transformers.positions import fit_positions
from videoreid.models.transformers.vit import VisionTransformer, ViTOptions
from videoreid.models.transreid import VIT_KEY_RULES, split_options
from videoreid.types import ReIDOutput

__all__ = ["PASS", "pass_vit_b16", "pass_vit_s16"]

_PARTS = 3
_TOKENS = ("cls_pos", *(f"part{i}_pos" for i in range(1, _PARTS + 1)))


class PASS(CameraModel):
    """A vision transformer whose embedding is made of the class token and three part tokens.

    The published network takes images. Here it runs on every frame, and the vectors are averaged over the clip before
    the neck. PASS's pre-trained files (DINO's layout, ``teacher``) and its fine-tuned files can be loaded.

    Args:
        num_classes: number of training identities K.
        fusion: "cat" concatenates the class token and the mean of the part tokens, "mean" averages the two.
        normalisation: of the pixels: "half" as published (mean and standard deviation 0.5), "imagenet" or "clip".
        options: options of the trunk.

    Raises:
        ConfigError: options that do not fit each other; (in forward) frames of another size, no cameras for a network
            with `num_cameras`, or a camera beyond it.

    Reference:
        Zhu et al., PASS: Part-Aware Self-Supervised Pre-Training for Person Re-Identification, ECCV 2022.
        https://arxiv.org/abs/2203.03931
    """

    stages = ("backbone", "neck", "classifier")
    key_rules = (
        *VIT_KEY_RULES,
        (r"^bottleneck_\d\.", None),  # of the variant with a neck for each token
        (r"^bottleneck\.", "neck."),
    )
    optional_keys = (r"^(?:neck|classifier)\.",)

    def __init__(
        self, num_classes: int, *, fusion: str = "cat", normalisation: str = "half", options: ViTOptions
    ) -> None:
        super().__init__()
        if fusion not in ("cat", "mean"):
            raise ConfigError(f"unknown fusion {fusion!r}; choose 'cat' or 'mean'")
        self.fusion = fusion
        self.input_size = (options.height, options.width)
        self.pixel_mean, self.pixel_std = find_normalisation(normalisation)
        self.uses_cameras = options.num_cameras > 0
        self.backbone = VisionTransformer(options, part_tokens=_PARTS)
        self.embedding_dim = options.size.dim * (2 if fusion == "cat" else 1)
        self.neck = bn_neck(self.embedding_dim)
        self.classifier = identity_classifier(self.embedding_dim, num_classes, bias=False)

    def forward_clips(self, frames: Tensor, camids: Tensor | None = None) -> ReIDOutput:
        """Run the network; see `CameraModel.forward_clips`."""
        offsets = camera_offsets(self.backbone.camera_embeddings, camids, frames)
        tokens = self.backbone(frames.flatten(0, 1), offsets).unflatten(0, frames.shape[:2]).mean(1)
        whole, parts = tokens[:, 0], tokens[:, 1 : 1 + _PARTS].mean(1)
        embedding = torch.cat([whole, parts], dim=1) if self.fusion == "cat" else (whole + parts) / 2
        logits = (self.classifier(self.neck(embedding)),) if self.training else ()
        return ReIDOutput(embedding, logits, (embedding,))

    def translate_state_dict(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return a published state dict under our names: part tokens in one tensor, positions on our grid.

        Raises:
            WeightsError: position embeddings of an unknown grid.
        """
        translated = super().translate_state_dict(state)
        here = "backbone."
        parts = [translated.pop(f"{here}part_token{i}", None) for i in range(1, _PARTS + 1)]
        if all(part is not None for part in parts):
            translated[here + "part_tokens"] = torch.cat([p for p in parts if p is not None], dim=1)
        first = [translated.pop(here + name, None) for name in _TOKENS]
        positions = translated.get(here + "pos_embed")
        if positions is not None:
            own = all(
                token is None for token in first
            )  # a file of this library: its pos_embed holds the tokens' positions
            tokens = 1 + _PARTS if own else 0
            fitted = fit_positions(positions, self.backbone.grid, tokens)
            translated[here + "pos_embed"] = torch.cat([*(t for t in first if t is not None), fitted], dim=1)
        return translated


def _build(num_classes: int, options: Mapping[str, Any], **defaults: Any) -> PASS:
    own, trunk = split_options(options, ("fusion", "normalisation"), defaults)
    return PASS(num_classes, options=trunk, **own)


@MODELS.register("pass_vit_b16")
def pass_vit_b16(num_classes: int = 1, **options: Any) -> PASS:
    """Build PASS on ViT-B/16; ``fusion``, ``normalisation``, and the options of `ViTOptions`."""
    return _build(num_classes, options)


@MODELS.register("pass_vit_s16")
def pass_vit_s16(num_classes: int = 1, **options: Any) -> PASS:
    """Build PASS on ViT-S/16."""
    return _build(num_classes, options, backbone="vit_s_16")
