"""A transformer for tracklets: a vision transformer per frame and self-attention over the class tokens."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from videoreid.errors import ConfigError
from videoreid.functional import IMAGENET_MEAN, IMAGENET_STD
from videoreid.models.base import ReIDModel
from videoreid.models.factory import MODELS
from videoreid.models.layers.bn_neck import bn_neck, identity_classifier
from videoreid.models.layers.vit_trunk import ViTTrunk, resize_positions
from videoreid.models.temporal import SelfAttentionPool
from videoreid.types import ReIDOutput

__all__ = ["TrackletViT", "tracklet_vit"]

_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
_TOWERS = ("visual.", "image_encoder.")


class TrackletViT(ReIDModel):
    """ViT-B/16 per frame, a transformer layer over the class tokens of the frames, a BN neck.

    The untrained temporal layer is nearly the average of the class tokens, so it does not disturb a trunk trained on
    images. Metric losses use the vector before the neck, retrieval the vector after it. Weights of CLIP's image encoder
    (OpenAI's and open_clip's names, with or without the text encoder), of CLIP-ReID and of torchvision (ImageNet) can
    be loaded; position embeddings are interpolated to the grid of this network.

    Args:
        num_classes: number of training identities K.
        backbone: "vit_b_16", or the smaller "vit_s_16", "vit_ti_16".
        weights_style: kind of weights to load, "clip" or "imagenet"; they differ in activation, norms and pixel
            normalisation.
        temporal_layers: number of transformer layers over time.
        num_cameras: number of cameras with a learnt embedding that is added to the class token; 0 for none. Pass
            ``camids (B,)`` to `forward`; without them, or for -1, the mean embedding is used.
        height: height of the input in pixels, a multiple of 16; for frames of other sizes positions are interpolated.
        width: width of the input in pixels, a multiple of 16.

    Raises:
        ConfigError: unknown backbone or style; a size that is not a multiple of 16; (in forward) a camera number that
            is too large.

    Reference:
        Dosovitskiy et al., An Image is Worth 16x16 Words, ICLR 2021; He et al., TransReID, ICCV 2021 (camera
        embedding); Li et al., CLIP-ReID, AAAI 2023. The temporal part is ours.
    """

    stages = ("backbone", "temporal", "neck", "classifier")
    key_rules = (
        (r"^conv(?:1|_proj)\.", "backbone.patches."),
        (r"^class_(?:embedding|token)$", "backbone.class_token"),
        (r"^(?:positional_embedding|encoder\.pos_embedding)$", "backbone.positions"),
        (r"^ln_pre\.", "backbone.norm_pre."),
        (r"^(?:ln_post|encoder\.ln)\.", "backbone.norm."),
        (r"^transformer\.resblocks\.(\d+)\.attn\.", r"backbone.blocks.\1.self_attention."),
        (r"^transformer\.resblocks\.(\d+)\.mlp\.c_fc\.", r"backbone.blocks.\1.mlp.0."),
        (r"^transformer\.resblocks\.(\d+)\.mlp\.c_proj\.", r"backbone.blocks.\1.mlp.3."),
        (r"^transformer\.resblocks\.(\d+)\.", r"backbone.blocks.\1."),
        # older torchvision versions named the two layers of the MLP linear_1 and linear_2
        (r"^encoder\.layers\.encoder_layer_(\d+)\.mlp\.linear_1\.", r"backbone.blocks.\1.mlp.0."),
        (r"^encoder\.layers\.encoder_layer_(\d+)\.mlp\.linear_2\.", r"backbone.blocks.\1.mlp.3."),
        (r"^encoder\.layers\.encoder_layer_(\d+)\.", r"backbone.blocks.\1."),
        (r"^(?:proj$|heads\.)", None),
    )

    def __init__(
        self,
        num_classes: int,
        *,
        backbone: str = "vit_b_16",
        weights_style: str = "clip",
        temporal_layers: int = 1,
        num_cameras: int = 0,
        height: int = 256,
        width: int = 128,
    ) -> None:
        super().__init__()
        if weights_style not in ("clip", "imagenet"):
            raise ConfigError(f"unknown weights_style {weights_style!r}; choose 'clip' or 'imagenet'")
        if height % 16 or width % 16:
            raise ConfigError(f"patches are 16 x 16 pixels, {height} x {width} is no multiple of them")
        clip_style = weights_style == "clip"
        self.input_size = (height, width)
        self.pixel_mean = _CLIP_MEAN if clip_style else IMAGENET_MEAN
        self.pixel_std = _CLIP_STD if clip_style else IMAGENET_STD
        self.backbone = ViTTrunk(backbone, (height // 16, width // 16), clip_style=clip_style)
        dim = self.backbone.out_channels
        self.embedding_dim = dim
        self.uses_cameras = num_cameras > 0
        self.cameras = nn.Parameter(torch.empty(num_cameras, dim).normal_(std=0.02)) if num_cameras else None
        self.temporal = SelfAttentionPool(
            dim, layers=temporal_layers, heads=self.backbone.heads, expansion=4.0
        )
        self.neck = bn_neck(dim)
        self.classifier = identity_classifier(dim, num_classes, bias=False)

    def forward_clips(self, frames: Tensor, camids: Tensor | None = None) -> ReIDOutput:
        """Run the network.

        Args:
            frames: ``(B, T, 3, H, W)`` float, normalised.
            camids: ``(B,)`` int64, -1 for unknown cameras; None if all are unknown.

        Raises:
            ConfigError: a camera number that is too large.
        """
        tokens = self.backbone(frames, self._camera_offset(frames.shape[0], camids))
        features = self.temporal(tokens)
        embedding = self.neck(features)
        return ReIDOutput(embedding, (self.classifier(embedding),), (features,))

    def translate_state_dict(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the image encoder of a published state dict under our names, with positions on our grid."""
        for tower in _TOWERS:
            if any(name.startswith(tower) for name in state):
                state = {name[len(tower) :]: value for name, value in state.items() if name.startswith(tower)}
        translated = super().translate_state_dict(state)
        token, positions = translated.get("backbone.class_token"), translated.get("backbone.positions")
        if token is not None:
            translated["backbone.class_token"] = token.reshape(1, 1, -1)
        if positions is not None:
            translated["backbone.positions"] = self._on_own_grid(
                positions.reshape(1, -1, positions.shape[-1])
            )
        return translated

    def _on_own_grid(self, positions: Tensor) -> Tensor:
        count = positions.shape[1] - 1
        side = math.isqrt(count)
        if count == self.backbone.grid[0] * self.backbone.grid[1] or side * side != count:
            return positions  # it fits, or the load report names its shape
        return resize_positions(positions, self.backbone.grid, (side, side))

    def _camera_offset(self, batch: int, camids: Tensor | None) -> Tensor | None:
        if self.cameras is None:
            return None
        unknown = self.cameras.mean(0)
        if camids is None:
            return unknown.expand(batch, -1)
        if int(camids.max()) >= len(self.cameras):
            raise ConfigError(
                f"camera {int(camids.max())}, but the network was built for {len(self.cameras)}"
            )
        return torch.where((camids < 0)[:, None], unknown, self.cameras[camids.clamp(min=0)])


@MODELS.register("tracklet_vit")
def tracklet_vit(num_classes: int = 1, **options: Any) -> TrackletViT:
    """Build the transformer for tracklets; see `TrackletViT`."""
    return TrackletViT(num_classes, **options)
