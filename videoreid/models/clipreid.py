"""CLIP-ReID: CLIP's image encoder with two necks, applied to every frame of a clip."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from videoreid.models.factory import MODELS
from videoreid.models.layers.bn_neck import bn_neck, identity_classifier
from videoreid.models.normalisation import find_normalisation
from videoreid.models.transformers.cameras import CameraModel, camera_offsets, camera_table
from videoreid.models.transformers.clip_names import image_encoder_entries
from videoreid.models.transformers.clip_rn50 import CLIPImageResNet
from videoreid.models.transformers.clip_vit import CLIPVisionTransformer
from videoreid.types import ReIDOutput

__all__ = ["CLIPReID", "clipreid_rn50", "clipreid_vit_b16"]


class CLIPReID(CameraModel):
    """CLIP's image encoder; the embedding is its feature concatenated with its projected feature.

    The published network takes images. Here it runs on every frame, and the vectors are averaged over the clip before
    the necks; TF-CLIP compares with this baseline. For the two training stages see docs/models/clipreid.md. Weights of
    OpenAI, open_clip, timm and CLIP-ReID can be loaded.

    Args:
        num_classes: number of training identities K.
        encoder: the image encoder.
        num_cameras: number of cameras with a learnt vector on the class token (ViT only); 0 for none.
        normalisation: of the pixels: as published "half" for the ViT and "imagenet" for RN50; "clip" is the
            normalisation of CLIP's own training.

    Reference:
        Li, Sun and Li, CLIP-ReID: Exploiting Vision-Language Model for Image Re-identification without Concrete Text
        Labels, AAAI 2023. https://arxiv.org/abs/2211.13977
    """

    stages = ("image_encoder", "bottleneck", "bottleneck_proj", "classifier", "classifier_proj")
    optional_keys = (r"^(?:bottleneck|classifier)",)

    def __init__(
        self,
        num_classes: int,
        encoder: CLIPVisionTransformer | CLIPImageResNet,
        *,
        num_cameras: int = 0,
        normalisation: str = "half",
    ) -> None:
        super().__init__()
        self.image_encoder = encoder
        self.input_size = encoder.image_size
        self.pixel_mean, self.pixel_std = find_normalisation(normalisation)
        if isinstance(encoder, CLIPImageResNet):
            dim, projected = encoder.dims[1], encoder.attnpool.c_proj.out_features
            self.map_layer = "image_encoder.layer4"
        else:
            dim, projected = encoder.proj.shape
        self.embedding_dim = dim + projected
        self.projected = slice(dim, dim + projected)
        self.uses_cameras = num_cameras > 0
        self.cv_embed = camera_table(num_cameras, (dim,))
        self.bottleneck, self.bottleneck_proj = bn_neck(dim), bn_neck(projected)
        self.classifier = identity_classifier(dim, num_classes, bias=False)
        self.classifier_proj = identity_classifier(projected, num_classes, bias=False)

    def forward_clips(self, frames: Tensor, camids: Tensor | None = None) -> ReIDOutput:
        """Run the network; see `CameraModel.forward_clips`.

        Returns:
            The embedding; three features ``(B, D)``: before the last block, after it, and projected into the space of
            the texts; in train mode the logits of the last two.
        """
        offsets = camera_offsets(self.cv_embed, camids, frames)
        features = tuple(
            vectors.unflatten(0, frames.shape[:2]).mean(1)
            for vectors in self._encode(frames.flatten(0, 1), offsets)
        )
        embedding = torch.cat(features[1:], dim=1)
        if not self.training:
            return ReIDOutput(embedding, (), features)
        logits = (
            self.classifier(self.bottleneck(features[1])),
            self.classifier_proj(self.bottleneck_proj(features[2])),
        )
        return ReIDOutput(embedding, logits, features)

    def translate_state_dict(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the state dict of a published image model under our names, positions on our grid.

        Raises:
            WeightsError: the image encoder of another architecture, or position embeddings of an unknown grid.
        """
        return image_encoder_entries(super().translate_state_dict(state), self.image_encoder)

    def _encode(self, images: Tensor, offsets: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        if isinstance(self.image_encoder, CLIPImageResNet):
            return self.image_encoder(images)
        before, tokens, projected = self.image_encoder(images, offsets)
        return before, tokens[:, 0], projected[:, 0]


@MODELS.register("clipreid_vit_b16")
def clipreid_vit_b16(
    num_classes: int = 1,
    *,
    backbone: str = "vit_b_16",
    stride: int = 16,
    height: int = 256,
    width: int = 128,
    gradient_checkpointing: bool = False,
    **options: Any,
) -> CLIPReID:
    """Build CLIP-ReID on ViT-B/16.

    Args:
        num_classes: number of training identities K.
        backbone: "vit_b_16", or a smaller backbone for tests.
        stride: step between patches of 16 x 16 pixels; with 12 they overlap.
        height: height of the input in pixels; the position embeddings fix it.
        width: width of the input in pixels; likewise fixed.
        gradient_checkpointing: run each block again in the backward pass instead of keeping its activations.
        **options: ``num_cameras`` and ``normalisation`` of `CLIPReID`.
    """
    encoder = CLIPVisionTransformer(
        backbone, (height, width), stride=stride, gradient_checkpointing=gradient_checkpointing
    )
    return CLIPReID(num_classes, encoder, **options)


@MODELS.register("clipreid_rn50")
def clipreid_rn50(
    num_classes: int = 1,
    *,
    stem_width: int = 64,
    height: int = 256,
    width: int = 128,
    normalisation: str = "imagenet",
) -> CLIPReID:
    """Build CLIP-ReID on CLIP's ResNet-50.

    Args:
        num_classes: number of training identities K.
        stem_width: channels of the stem; 64 is RN50, smaller values give smaller networks.
        height: height of the input in pixels; the position embeddings fix it.
        width: width of the input in pixels; likewise fixed.
        normalisation: of the pixels, see `CLIPReID`.
    """
    encoder = CLIPImageResNet((height, width), width=stem_width, projected=16 * stem_width)
    return CLIPReID(num_classes, encoder, normalisation=normalisation)
