"""TF-CLIP: CLIP for video without texts, with identity memories and temporal memory diffusion."""

from collections.abc import Mapping

import torch
from torch import Tensor

from videoreid.errors import ConfigError
from videoreid.models.factory import MODELS
from videoreid.models.layers.bn_neck import bn_neck, identity_classifier
from videoreid.models.normalisation import find_normalisation
from videoreid.models.transformers.blocks import find_size
from videoreid.models.transformers.cameras import CameraModel, camera_offsets, camera_table
from videoreid.models.transformers.clip_names import image_encoder_entries
from videoreid.models.transformers.clip_vit import CLIPVisionTransformer
from videoreid.models.transformers.ssp import SequenceSpecificPrompt
from videoreid.models.transformers.tmd import TemporalMemoryDiffusion
from videoreid.types import ReIDOutput

__all__ = ["TFCLIP", "tfclip_vit_b16"]


class TFCLIP(CameraModel):
    """CLIP's image encoder on frames, temporal memory diffusion (TMD), and the CLIP-memory with its prompt (SSP).

    The memory and its sequence-specific prompt are only used in training. The embedding is the clip's feature, its
    projected feature and the TMD vector, concatenated before the necks. Fill the memory before training with
    `set_memory` (`videoreid.engine.build_clip_memory` computes it from a loader); without a memory there are no memory
    logits. Weights of OpenAI, open_clip, timm and TF-CLIP can be loaded.

    Args:
        num_classes: number of training identities K.
        encoder: the image encoder.
        heads: attention heads of TMD; divides the width of the encoder.
        num_cameras: number of cameras with a learnt vector on the class token; 0 for none.
        normalisation: of the pixels. The published loader uses "imagenet", although its configuration says "half";
            "clip" is the normalisation of CLIP's own training.

    Raises:
        ConfigError: (in forward) frames of another size, no cameras for a network with `num_cameras`, or a camera
            number that is too large.

    Reference:
        Yu et al., TF-CLIP: Learning Text-free CLIP for Video-based Person Re-Identification, AAAI 2024.
        https://arxiv.org/abs/2312.09627
    """

    stages = ("image_encoder", "tmd", "ssp", "bottleneck", "bottleneck_proj", "classifier", "classifier_proj")
    key_rules = (
        (r"^SSP\.(?:alpha$|norm\.)", None),  # created and never used
        (r"^classifier_proj_temp2\.", None),  # never trained: the clip's logits use the frames' classifier
        (r"^SSP\.", "ssp."),
        (r"^TMD\.", "tmd."),
        (r"^classifier2\.", "classifier."),
        (r"^classifier_proj_temp\.", "classifier_tmd."),
        (r"^bottleneck_proj_temp\.", "bottleneck_frame."),
        (r"^bottleneck_proj_temp2\.", "bottleneck_clip."),
    )
    optional_keys = (r"^(?:bottleneck|classifier|ssp\.|memory$)",)
    memory: Tensor

    def __init__(
        self,
        num_classes: int,
        encoder: CLIPVisionTransformer,
        *,
        heads: int = 12,
        num_cameras: int = 0,
        normalisation: str = "imagenet",
    ) -> None:
        super().__init__()
        dim, projected = encoder.proj.shape
        self.image_encoder = encoder
        self.map_layer = f"image_encoder.transformer.resblocks.{len(encoder.transformer.resblocks) - 1}.ln_1"
        self.input_size = encoder.image_size
        self.pixel_mean, self.pixel_std = find_normalisation(normalisation)
        self.embedding_dim = dim + projected + dim
        self.projected = slice(dim, dim + projected)
        self.uses_cameras = num_cameras > 0
        self.cv_embed = camera_table(num_cameras, (dim,))
        self.tmd = TemporalMemoryDiffusion(dim, heads)
        self.ssp = SequenceSpecificPrompt(projected)
        self.bottleneck, self.bottleneck_proj = bn_neck(dim), bn_neck(projected)
        self.bottleneck_frame, self.bottleneck_clip = bn_neck(dim), bn_neck(dim)
        self.classifier = identity_classifier(dim, num_classes, bias=False)
        self.classifier_proj = identity_classifier(projected, num_classes, bias=False)
        self.classifier_tmd = identity_classifier(dim, num_classes, bias=False)
        self.register_buffer("memory", torch.zeros(num_classes, projected))
        self._memory_is_filled = False

    @torch.no_grad()
    def set_memory(self, memory: Tensor) -> None:
        """Fill the CLIP-memory; it is not trained.

        Args:
            memory: ``(K, P)``: for each identity the mean of its projected features, not normalised, computed with the
                network before training, without augmentation and without cameras.

        Raises:
            ConfigError: another shape, or values that are not finite.
        """
        if memory.shape != self.memory.shape:
            raise ConfigError(
                f"the CLIP-memory of this network is {tuple(self.memory.shape)}, one row for each training identity; "
                f"got {tuple(memory.shape)}"
            )
        if not bool(memory.isfinite().all()):
            raise ConfigError(
                "the CLIP-memory holds NaN or infinite values: check the features from which it was computed"
            )
        self.memory.copy_(memory)
        self._memory_is_filled = True

    def forward_clips(self, frames: Tensor, camids: Tensor | None = None) -> ReIDOutput:
        """Run the network; see `CameraModel.forward_clips`.

        Returns:
            The embedding; features of class token, projected class token and TMD, each averaged over frames; in train
            mode three logits in the same order and the extras "frame_logits" ``(B, T, K)`` and, if the memory is
            filled, "memory_logits" ``(B, K)``.
        """
        clips = (frames.shape[0], frames.shape[1])
        offsets = camera_offsets(self.cv_embed, camids, frames)
        _, tokens, projected = self.image_encoder(frames.flatten(0, 1), offsets)
        # as published, no gradient of TMD reaches the encoder
        diffused = self.tmd(tokens.detach(), frames.shape[1]).mean(1).unflatten(0, clips)  # (B, T, D)
        visual = projected.unflatten(0, clips).mean(1)  # (B, N, P)
        features = (tokens[:, 0].unflatten(0, clips).mean(1), visual[:, 0], diffused.mean(1))
        embedding = torch.cat(features, dim=1)
        if not self.training:
            return ReIDOutput(embedding, (), features)
        logits = (
            self.classifier(self.bottleneck(features[0])),
            self.classifier_proj(self.bottleneck_proj(features[1])),
            self.classifier_tmd(self.bottleneck_clip(features[2])),
        )
        frame_logits = self.classifier_tmd(self.bottleneck_frame(diffused.flatten(0, 1)))
        extras = {"frame_logits": frame_logits.unflatten(0, clips)}
        if self.has_memory:
            extras["memory_logits"] = self._memory_logits(visual)
        return ReIDOutput(embedding, logits, features, extras)

    @property
    def has_memory(self) -> bool:
        """Whether the CLIP-memory was filled, here or in the checkpoint that was loaded."""
        if not self._memory_is_filled:
            self._memory_is_filled = bool(self.memory.any())
        return self._memory_is_filled

    def translate_state_dict(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return a published state dict under our names, positions on our grid.

        Raises:
            WeightsError: the image encoder of another architecture, or position embeddings of an unknown grid.
        """
        return image_encoder_entries(super().translate_state_dict(state), self.image_encoder)

    def _memory_logits(self, visual: Tensor) -> Tensor:
        """Return the dot products ``(B, K)`` of clips with their prompted memories, not normalised, no temperature."""
        memories = self.memory.expand(len(visual), -1, -1)
        prompted = memories + self.ssp(memories, visual)
        return torch.einsum("bp,bkp->bk", visual[:, 0], prompted)


@MODELS.register("tfclip_vit_b16")
def tfclip_vit_b16(
    num_classes: int = 1,
    *,
    backbone: str = "vit_b_16",
    num_cameras: int = 0,
    normalisation: str = "imagenet",
    stride: int = 16,
    height: int = 256,
    width: int = 128,
    gradient_checkpointing: bool = False,
) -> TFCLIP:
    """Build TF-CLIP on CLIP's ViT-B/16.

    Args:
        num_classes: number of training identities K.
        backbone: "vit_b_16", or a smaller backbone for tests.
        num_cameras: number of cameras with a learnt vector on the class token; 0 for none.
        normalisation: of the pixels, see `TFCLIP`.
        stride: step between patches of 16 x 16 pixels; with 12 they overlap.
        height: height of the input in pixels; the position embeddings fix it.
        width: width of the input in pixels; likewise fixed.
        gradient_checkpointing: run each block again in the backward pass instead of keeping its activations.
    """
    encoder = CLIPVisionTransformer(
        backbone, (height, width), stride=stride, gradient_checkpointing=gradient_checkpointing
    )
    heads = find_size(backbone).heads
    return TFCLIP(num_classes, encoder, heads=heads, num_cameras=num_cameras, normalisation=normalisation)
