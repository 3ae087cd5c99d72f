"""CAViT: three transformers with different patch shapes and attention to the next frame."""

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from videoreid.models.base import ReIDModel
from videoreid.models.factory import MODELS
from videoreid.models.layers.bn_neck import bn_neck, identity_classifier
from videoreid.models.normalisation import find_normalisation
from videoreid.models.transformers.attention import QKVAttention, attend
from videoreid.models.transformers.blocks import LAYER_NORM_EPS, ViTBlock, drop_rates, find_size, run_blocks
from videoreid.models.transformers.patches import PatchEmbed, patch_grid
from videoreid.models.transformers.positions import fit_positions
from videoreid.models.transformers.vit import check_image_size
from videoreid.types import ReIDOutput

__all__ = ["CAViT", "NextFrameAttention", "cavit_vit_b16"]

_PATCHES = ((16, 16), (32, 16), (16, 32))
_STRIDES = ((12, 12), (28, 12), (12, 28))


class NextFrameAttention(QKVAttention):
    """Attention of a frame's tokens over the tokens of this frame and the next; the last frame attends to the first.

    The input is ``(B * T, N, D)``, with the frames of a clip consecutive; set ``frames`` to T before the call.
    """

    frames: int = 1

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens ``(B * T, N, D)``."""
        query, key, value = self.qkv(tokens).chunk(3, dim=2)
        both = (torch.cat([part, self._next(part)], dim=1) for part in (key, value))
        out: Tensor = self.proj(attend(query, *both, heads=self.heads, scale=self.scale))
        return out

    def _next(self, tokens: Tensor) -> Tensor:
        return tokens.unflatten(0, (-1, self.frames)).roll(-1, dims=1).flatten(0, 1)


class _Stream(nn.Module):
    """The transformer of one patch shape: patch and motion embedding, positions, blocks."""

    def __init__(
        self, size: tuple[int, int], patch: tuple[int, int], stride: tuple[int, int], blocks: list[ViTBlock]
    ) -> None:
        super().__init__()
        self.grid = patch_grid(size, patch, stride)
        dim = blocks[0].norm1.normalized_shape[0]
        self.patch_embed = PatchEmbed(dim, patch=patch, stride=stride)
        self.motion_embed = PatchEmbed(dim, patch=patch, stride=stride)
        self.pos_embed = nn.Parameter(torch.empty(1, self.grid[0] * self.grid[1], dim))
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        self.blocks = nn.ModuleList(blocks)

    def forward(self, images: Tensor, motion: Tensor, frames: int, *, recompute: bool) -> Tensor:
        """Return tokens ``(B * T, N, D)`` of images and motion ``(B * T, 3, H, W)``."""
        tokens = self.patch_embed(images) + self.pos_embed + self.motion_embed(motion).softmax(2)
        for module in self.modules():
            if isinstance(module, NextFrameAttention):
                module.frames = frames
        return run_blocks(self.blocks, tokens, recompute=recompute)


class CAViT(ReIDModel):
    """Three transformers over square, tall and wide overlapping patches; each frame also attends to the next frame.

    There is no class token: the vector of a frame is the mean over the tokens of all three transformers. The difference
    to the previous frame is embedded and added ("flow"). As published, the neck runs on every frame and the embedding
    is the mean of its outputs over the frames. Any clip length works.

    Args:
        num_classes: number of training identities K.
        backbone: a key of `videoreid.models.transformers.blocks.VIT_SIZES`.
        depth: number of blocks of each transformer.
        normalisation: of the pixels: "half" (mean and standard deviation 0.5), "imagenet" or "clip".
        drop_path: drop-path rate of block 12 of the full backbone; it grows linearly from 0 at the first block.
        gradient_checkpointing: run each block again in the backward pass instead of keeping its activations.
        height: height of the input in pixels; the position embeddings fix it.
        width: width of the input in pixels; likewise fixed.

    Raises:
        ConfigError: unknown names; (in forward) frames of another size.

    Reference:
        Wu et al., CAViT: Contextual Alignment Vision Transformer for Video Object Re-identification, ECCV 2022.
    """

    stages = ("streams", "norm", "neck", "classifier")
    map_layer = "streams.0"
    key_rules = (
        (r"(^|\.)(?:head|head_dist|pre_logits|fc)\.|^(?:cls_token|dist_token)$", None),
        (r"^backbone\.", ""),
        (r"^pos_embed_flow\.", "streams.0.motion_embed."),
        (r"^pos_embed2_flow\.", "streams.1.motion_embed."),
        (r"^pos_embed3_flow\.", "streams.2.motion_embed."),
        (r"^(pos_embed$|patch_embed\.|blocks\.)", r"streams.0.\1"),
        (r"^(pos_embed|patch_embed|blocks)2(\.|$)", r"streams.1.\1\2"),
        (r"^(pos_embed|patch_embed|blocks)3(\.|$)", r"streams.2.\1\2"),
        (r"^heads?\.bottleneck\.0\.", "neck."),
    )
    # only the backbone is published; an untrained neck does not change its vectors in eval mode
    optional_keys = (r"^neck\.", r"^classifier\.")

    def __init__(
        self,
        num_classes: int,
        *,
        backbone: str = "vit_b_16",
        depth: int = 10,
        normalisation: str = "half",
        drop_path: float = 0.1,
        gradient_checkpointing: bool = False,
        height: int = 256,
        width: int = 128,
    ) -> None:
        super().__init__()
        size = find_size(backbone)
        self.input_size = (height, width)
        self.pixel_mean, self.pixel_std = find_normalisation(normalisation)
        self.recompute = gradient_checkpointing
        self.embedding_dim = size.dim
        rates = drop_rates(drop_path, size.depth)[:depth]

        def block(rate: float) -> ViTBlock:
            attention = NextFrameAttention(size.dim, size.heads, qkv_bias=size.qkv_bias, scale=size.scale)
            return ViTBlock(attention, size.dim, int(size.dim * size.mlp_ratio), drop_path=rate)

        self.streams = nn.ModuleList(
            _Stream(self.input_size, patch, stride, [block(rate) for rate in rates])
            for patch, stride in zip(_PATCHES, _STRIDES, strict=True)
        )
        self.norm = nn.LayerNorm(size.dim, eps=LAYER_NORM_EPS)
        self.neck = bn_neck(size.dim)
        self.classifier = identity_classifier(size.dim, num_classes, bias=False)

    def raw_features(self, frames: Tensor) -> Tensor:
        """Return the output of the published backbone, averaged over the frames, ``(B, D)``, before the neck.

        Args:
            frames: ``(B, T, 3, H, W)`` float, normalised.
        """
        return self._frame_vectors(self._as_clips(frames)).mean(1)

    def forward_clips(self, frames: Tensor) -> ReIDOutput:
        """Run the network; see `ReIDModel.forward_clips`."""
        vectors = self._frame_vectors(frames)
        embedding = self.neck(vectors.flatten(0, 1)).unflatten(0, frames.shape[:2]).mean(1)
        features = (vectors.mean(1),)
        logits = (self.classifier(embedding),) if self.training else ()
        return ReIDOutput(embedding, logits, features)

    def translate_state_dict(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the state dict of published weights under our names.

        The weights of a plain ViT fill all three streams: patch kernels and positions are resized bilinearly, as
        published.

        Raises:
            WeightsError: position embeddings of an unknown grid.
        """
        plain = "patch_embed.proj.weight" in state and "patch_embed2.proj.weight" not in state
        translated = super().translate_state_dict(state)
        return self._spread(translated) if plain else translated

    def _spread(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Copy the entries of a plain ViT, translated for stream 0, to all streams."""
        spread = {name: value for name, value in state.items() if not name.startswith("streams.0.")}
        last = len(self._stream(0).blocks)
        for name, value in state.items():
            part = name.removeprefix("streams.0.")
            block = re.match(r"blocks\.(\d+)\.", part)
            if part == name or (block and int(block[1]) >= last):
                continue
            for i in range(len(self.streams)):
                spread |= self._for_stream(i, part, value)
        return spread

    def _for_stream(self, index: int, part: str, value: Tensor) -> dict[str, Tensor]:
        stream, prefix = self._stream(index), f"streams.{index}."
        if part == "pos_embed":
            return {prefix + part: fit_positions(value, stream.grid)[:, 1:]}
        if part.startswith("patch_embed."):
            if value.ndim == 4:
                size = stream.patch_embed.proj.weight.shape[2:]
                value = F.interpolate(value.float(), size=size, mode="bilinear", align_corners=False)
            return {prefix + part: value, prefix + part.replace("patch_embed", "motion_embed"): value}
        return {prefix + part: value}

    def _stream(self, index: int) -> _Stream:
        stream = self.streams[index]
        assert isinstance(stream, _Stream)
        return stream

    def _frame_vectors(self, frames: Tensor) -> Tensor:
        """Return ``(B, T, D)``."""
        check_image_size(frames, self.input_size)
        images = frames.flatten(0, 1)
        before = torch.cat([frames[:, :1], frames[:, :-1]], dim=1)
        motion = (before - frames).flatten(3).softmax(3).view_as(frames).flatten(0, 1)
        recompute = self.recompute and self.training
        tokens = [stream(images, motion, frames.shape[1], recompute=recompute) for stream in self.streams]
        vectors: Tensor = self.norm(torch.cat(tokens, dim=1)).mean(1)
        return vectors.unflatten(0, frames.shape[:2])


@MODELS.register("cavit_vit_b16")
def cavit_vit_b16(num_classes: int = 1, **options: Any) -> CAViT:
    """Build CAViT on ViT-B/16; see its class."""
    return CAViT(num_classes, **options)
