"""The vision transformer trunk of `tracklet_vit`: one class token per frame."""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.vision_transformer import EncoderBlock

from videoreid.errors import ConfigError

__all__ = ["QuickGELU", "ViTTrunk", "resize_positions"]

_SIZES = {"vit_b_16": (12, 12, 768), "vit_s_16": (12, 6, 384), "vit_ti_16": (12, 3, 192)}
_PATCH = 16


class QuickGELU(nn.Module):
    """The activation of CLIP's networks: ``x * sigmoid(1.702 x)``."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the activation of ``x``, of any shape ``(...)``, element by element."""
        return x * torch.sigmoid(1.702 * x)


def resize_positions(positions: Tensor, grid: tuple[int, int], old_grid: tuple[int, int]) -> Tensor:
    """Interpolate position embeddings to another grid, bicubically; the one of the class token is kept.

    Args:
        positions: ``(1, 1 + h * w, D)`` on `old_grid`.
        grid: (rows, columns) of the result.
        old_grid: (rows, columns) of ``positions``.

    Returns:
        ``(1, 1 + rows * columns, D)``.
    """
    if grid == old_grid:
        return positions
    first, rest = positions[:, :1], positions[:, 1:]
    maps = rest.transpose(1, 2).unflatten(2, old_grid).float()
    resized = F.interpolate(maps, size=grid, mode="bicubic", align_corners=False)
    return torch.cat([first, resized.flatten(2).transpose(1, 2).to(positions)], dim=1)


class ViTTrunk(nn.Module):
    """torchvision's transformer blocks on 16 x 16 patches of every frame.

    A vector per clip (a camera embedding) can be added to the class tokens. For frames of another size the positions
    are interpolated.

    Args:
        name: "vit_b_16", or the smaller "vit_s_16", "vit_ti_16".
        grid: (rows, columns) of patches of the position embeddings.
        clip_style: build the variant for CLIP's weights: a norm before the blocks, no bias in the patch embedding,
            `QuickGELU`. Otherwise the variant for torchvision's ImageNet weights.

    Raises:
        ConfigError: unknown name.
    """

    def __init__(self, name: str, grid: tuple[int, int], *, clip_style: bool) -> None:
        super().__init__()
        if name not in _SIZES:
            raise ConfigError(f"unknown backbone {name!r}; choose one of {', '.join(_SIZES)}")
        depth, heads, dim = _SIZES[name]
        norm = partial(nn.LayerNorm, eps=1e-5 if clip_style else 1e-6)
        self.grid, self.heads, self.out_channels = grid, heads, dim
        self.patches = nn.Conv2d(3, dim, _PATCH, stride=_PATCH, bias=not clip_style)
        self.class_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.positions = nn.Parameter(torch.empty(1, 1 + grid[0] * grid[1], dim).normal_(std=0.02))
        self.norm_pre = norm(dim) if clip_style else nn.Identity()
        self.blocks = nn.Sequential(
            *(EncoderBlock(heads, dim, 4 * dim, 0.0, 0.0, norm_layer=norm) for _ in range(depth))
        )
        if clip_style:
            for block in self.blocks:
                mlp: Any = block.mlp
                mlp[1] = QuickGELU()
        self.norm = norm(dim)

    def forward(self, frames: Tensor, class_offset: Tensor | None = None) -> Tensor:
        """Return class tokens ``(B, T, D)`` of clips ``(B, T, 3, H, W)``.

        Args:
            frames: float, normalised.
            class_offset: ``(B, D)``, added to the class token of every frame of a clip.
        """
        clips = frames.shape[:2]
        patches = self.patches(frames.flatten(0, 1))
        grid = (patches.shape[2], patches.shape[3])
        token = self.class_token.expand(patches.shape[0], -1, -1)
        if class_offset is not None:
            token = token + class_offset.repeat_interleave(clips[1], dim=0)[:, None]
        tokens = torch.cat([token, patches.flatten(2).transpose(1, 2)], dim=1)
        tokens = self.norm_pre(tokens + resize_positions(self.positions, grid, self.grid))
        return self.norm(self.blocks(tokens)[:, 0]).unflatten(0, clips)
