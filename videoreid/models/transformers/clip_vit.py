"""CLIP's vision transformer, with OpenAI's parameter names."""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from videoreid.models.layers.vit_trunk import QuickGELU
from videoreid.models.transformers.attention import PackedAttention
from videoreid.models.transformers.blocks import find_size, run_blocks
from videoreid.models.transformers.patches import patch_grid
from videoreid.models.transformers.vit import check_image_size

__all__ = ["CLIPBlock", "CLIPVisionTransformer", "quick_gelu_mlp"]

_PATCH = 16


def quick_gelu_mlp(dim: int, expansion: int = 4) -> nn.Sequential:
    """Build CLIP's feed-forward layer: ``c_fc``, `QuickGELU`, ``c_proj``."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["c_fc"] = nn.Linear(dim, expansion * dim)
    layers["gelu"] = QuickGELU()
    layers["c_proj"] = nn.Linear(expansion * dim, dim)
    return nn.Sequential(layers)


class CLIPBlock(nn.Module):
    """A pre-norm block with CLIP's names.

    Args:
        dim: width D of the tokens.
        heads: attention heads.
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.attn = PackedAttention(dim, heads)
        self.ln_1 = nn.LayerNorm(dim)
        self.mlp = quick_gelu_mlp(dim)
        self.ln_2 = nn.LayerNorm(dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens ``(B, N, D)`` after one block."""
        tokens = tokens + self.attn(self.ln_1(tokens))
        out: Tensor = tokens + self.mlp(self.ln_2(tokens))
        return out


class _Blocks(nn.Module):
    def __init__(self, dim: int, heads: int, depth: int) -> None:
        super().__init__()
        self.resblocks = nn.ModuleList(CLIPBlock(dim, heads) for _ in range(depth))


class CLIPVisionTransformer(nn.Module):
    """CLIP's image encoder for re-ID, with any grid, overlapping patches and a camera vector on the class token.

    Args:
        backbone: a key of `videoreid.models.transformers.blocks.VIT_SIZES`; CLIP's is "vit_b_16".
        size: (height, width) of the images in pixels.
        stride: step between patches of 16 x 16 pixels; with 12 they overlap.
        projected: width P of the space that images and texts share.
        gradient_checkpointing: run each block again in the backward pass instead of keeping its activations.

    Raises:
        ConfigError: unknown backbone; patches or strides that do not fit the image size.

    Reference:
        Radford et al., Learning Transferable Visual Models From Natural Language Supervision, ICML 2021.
    """

    def __init__(
        self,
        backbone: str,
        size: tuple[int, int],
        *,
        stride: int = 16,
        projected: int = 512,
        gradient_checkpointing: bool = False,
    ) -> None:
        super().__init__()
        shape = find_size(backbone)
        self.image_size, self.dim, self.patch = size, shape.dim, _PATCH
        self.grid = patch_grid(size, (_PATCH, _PATCH), (stride, stride))
        self.recompute = gradient_checkpointing
        scale = shape.dim**-0.5
        self.class_embedding = nn.Parameter(scale * torch.randn(shape.dim))
        self.positional_embedding = nn.Parameter(
            scale * torch.randn(1 + self.grid[0] * self.grid[1], shape.dim)
        )
        self.proj = nn.Parameter(scale * torch.randn(shape.dim, projected))
        self.conv1 = nn.Conv2d(3, shape.dim, _PATCH, stride, bias=False)
        self.ln_pre = nn.LayerNorm(shape.dim)
        self.transformer = _Blocks(shape.dim, shape.heads, shape.depth)
        self.ln_post = nn.LayerNorm(shape.dim)

    def forward(self, images: Tensor, offsets: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Encode images ``(N, 3, H, W)``.

        Args:
            images: float, normalised, of the size the network was built for.
            offsets: ``(N, D)`` camera vectors, added to the class token; None for none.

        Returns:
            The class token before the last block ``(N, D)``; all tokens after the last norm
            ``(N, 1 + rows * columns, D)``; the same tokens projected ``(N, 1 + rows * columns, P)``.

        Raises:
            ConfigError: images of another size.
        """
        check_image_size(images, self.image_size)
        patches = self.conv1(images).flatten(2).transpose(1, 2)
        token = self.class_embedding.expand(patches.shape[0], 1, -1)
        if offsets is not None:
            token = token + offsets[:, None]
        tokens = self.ln_pre(torch.cat([token, patches], dim=1) + self.positional_embedding)
        blocks = list(self.transformer.resblocks)
        recompute = self.recompute and self.training
        before = run_blocks(blocks[:-1], tokens, recompute=recompute)
        after = self.ln_post(run_blocks(blocks[-1:], before, recompute=recompute))
        return before[:, 0], after, after @ self.proj
