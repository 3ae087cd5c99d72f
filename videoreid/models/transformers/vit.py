"""The vision transformer of the re-ID papers: any grid, overlapping patches, camera embedding, part tokens."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from videoreid.errors import ConfigError
from videoreid.models.transformers.blocks import (
    LAYER_NORM_EPS,
    ViTSize,
    drop_rates,
    find_size,
    run_blocks,
    vit_block,
)
from videoreid.models.transformers.cameras import camera_table
from videoreid.models.transformers.patches import PatchEmbed, patch_grid

__all__ = ["ViTOptions", "VisionTransformer", "check_image_size"]

_PATCH = 16


@dataclass(frozen=True, kw_only=True)
class ViTOptions:
    """How a vision transformer is built.

    Args:
        backbone: a key of `videoreid.models.transformers.blocks.VIT_SIZES`.
        height: height of the input in pixels; the position embeddings fix it.
        width: width of the input in pixels; likewise fixed.
        stride: step between patches of 16 x 16 pixels; with 12 they overlap.
        stem: "patch", or "conv" for the stem of TransReID-SSL.
        num_cameras: number of cameras with a learnt embedding, which is added to every token; 0 for none.
        camera_scale: factor on the camera embedding.
        drop_path: drop-path rate of the last block; it grows linearly from 0 at the first block.
        gradient_checkpointing: run each block again in the backward pass instead of keeping its activations.

    Raises:
        ConfigError: (when a trunk is built) an unknown name, or patches or strides that do not fit the image size.
    """

    backbone: str = "vit_b_16"
    height: int = 256
    width: int = 128
    stride: int = 16
    stem: str = "patch"
    num_cameras: int = 0
    camera_scale: float = 3.0
    drop_path: float = 0.1
    gradient_checkpointing: bool = False

    @property
    def size(self) -> ViTSize:
        """Width, depth and heads."""
        return find_size(self.backbone)


class VisionTransformer(nn.Module):
    """A vision transformer that returns all tokens of its last block.

    Args:
        options: see `ViTOptions`.
        part_tokens: number of learnt tokens after the class token (PASS has three).
        depth: number of blocks to build; by default all blocks of the backbone.
        final_norm: normalise the tokens after the last block.

    Reference:
        He et al., TransReID: Transformer-based Object Re-Identification, ICCV 2021. https://arxiv.org/abs/2102.04378
    """

    def __init__(
        self,
        options: ViTOptions,
        *,
        part_tokens: int = 0,
        depth: int | None = None,
        final_norm: bool = True,
    ) -> None:
        super().__init__()
        size, stride = options.size, (options.stride, options.stride)
        patch = (_PATCH, _PATCH)
        self.image_size = (options.height, options.width)
        self.grid = patch_grid(self.image_size, patch, stride)
        self.recompute = options.gradient_checkpointing
        self.patch_embed = PatchEmbed(size.dim, patch=patch, stride=stride, stem=options.stem)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, size.dim))
        self.part_tokens = nn.Parameter(torch.zeros(1, part_tokens, size.dim)) if part_tokens else None
        count = 1 + part_tokens + self.grid[0] * self.grid[1]
        self.pos_embed = nn.Parameter(torch.zeros(1, count, size.dim))
        self.sie_embed = camera_table(options.num_cameras, (1, size.dim))
        self.camera_scale = options.camera_scale
        rates = drop_rates(options.drop_path, size.depth)[: size.depth if depth is None else depth]
        self.blocks = nn.ModuleList(vit_block(size, rate) for rate in rates)
        self.norm = nn.LayerNorm(size.dim, eps=LAYER_NORM_EPS) if final_norm else nn.Identity()
        self._init_weights()

    @property
    def camera_embeddings(self) -> Tensor | None:
        """The camera embeddings ``(num_cameras, D)``, without `camera_scale`."""
        return None if self.sie_embed is None else self.sie_embed[:, 0]

    def forward(self, images: Tensor, offsets: Tensor | None = None) -> Tensor:
        """Return tokens ``(N, 1 + part_tokens + rows * columns, D)`` of images ``(N, 3, H, W)``.

        Args:
            images: float, normalised, of the size the network was built for.
            offsets: ``(N, D)`` camera embeddings; added to every token of an image, times `camera_scale`.

        Raises:
            ConfigError: images of another size.
        """
        check_image_size(images, self.image_size)
        patches = self.patch_embed(images)
        first = [self.cls_token] if self.part_tokens is None else [self.cls_token, self.part_tokens]
        tokens = torch.cat([*(token.expand(patches.shape[0], -1, -1) for token in first), patches], dim=1)
        tokens = tokens + self.pos_embed
        if offsets is not None:
            tokens = tokens + self.camera_scale * offsets[:, None]
        tokens = run_blocks(self.blocks, tokens, recompute=self.recompute and self.training)
        out: Tensor = self.norm(tokens)
        return out

    def _init_weights(self) -> None:
        for token in (self.cls_token, self.part_tokens, self.pos_embed):
            if token is not None:
                nn.init.trunc_normal_(token, std=0.02)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)


def check_image_size(images: Tensor, size: tuple[int, int]) -> None:
    """Raise if images ``(..., H, W)`` do not have the size of the position embeddings.

    Raises:
        ConfigError: another size.
    """
    if tuple(images.shape[-2:]) != size:
        raise ConfigError(
            f"this network's position embeddings are for frames of {size[0]} x {size[1]}, got "
            f"{images.shape[-2]} x {images.shape[-1]}: resize the frames, or build the network for this size"
        )
