"""Transformer blocks of the ViT family, with drop path and gradient checkpointing."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from torchvision.ops import StochasticDepth

from videoreid.errors import ConfigError
from videoreid.models.transformers.attention import QKVAttention

__all__ = ["VIT_SIZES", "MLP", "ViTBlock", "ViTSize", "drop_rates", "find_size", "run_blocks", "vit_block"]

LAYER_NORM_EPS = 1e-6


@dataclass(frozen=True)
class ViTSize:
    """The shape of a vision transformer.

    Args:
        dim: width D of the tokens.
        depth: number of blocks.
        heads: attention heads.
        mlp_ratio: width of the feed-forward layer in multiples of D.
        qkv_bias: give queries, keys and values a bias.
        scale: factor on the products of queries and keys; None is ``(D / heads) ** -0.5``.
    """

    dim: int
    depth: int
    heads: int
    mlp_ratio: float = 4.0
    qkv_bias: bool = True
    scale: float | None = None


VIT_SIZES: dict[str, ViTSize] = {
    "vit_b_16": ViTSize(768, 12, 12),
    "vit_s_16": ViTSize(384, 12, 6),
    "vit_ti_16": ViTSize(192, 12, 3),
    # the small transformer of early timm versions; TransReID calls it ViT-S
    "vit_small_768": ViTSize(768, 8, 8, mlp_ratio=3.0, qkv_bias=False, scale=768**-0.5),
}


def find_size(backbone: str) -> ViTSize:
    """Return the shape of a vision transformer by name.

    Raises:
        ConfigError: unknown name.
    """
    if backbone not in VIT_SIZES:
        raise ConfigError(f"unknown backbone {backbone!r}; choose one of {', '.join(VIT_SIZES)}")
    return VIT_SIZES[backbone]


class MLP(nn.Module):
    """The feed-forward layer with timm's names: ``fc1``, GELU, ``fc2``."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return ``(..., D)`` of tokens ``(..., D)``."""
        out: Tensor = self.fc2(self.act(self.fc1(tokens)))
        return out


class ViTBlock(nn.Module):
    """A pre-norm block with timm's names and drop path on its two branches.

    Args:
        attention: module that maps normalised tokens ``(B, N, D)`` to the output of the attention branch.
        dim: width D of the tokens.
        hidden: width of the feed-forward layer.
        drop_path: share of the rows for which a branch is dropped in training.

    Reference:
        Dosovitskiy et al., An Image is Worth 16x16 Words, ICLR 2021; Huang et al., Deep Networks with Stochastic
        Depth, ECCV 2016.
    """

    def __init__(self, attention: nn.Module, dim: int, hidden: int, *, drop_path: float = 0.0) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=LAYER_NORM_EPS)
        self.attn = attention
        self.norm2 = nn.LayerNorm(dim, eps=LAYER_NORM_EPS)
        self.mlp = MLP(dim, hidden)
        self.drop_path = StochasticDepth(drop_path, "row")

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens ``(B, N, D)`` after one block."""
        tokens = tokens + self.drop_path(self.attn(self.norm1(tokens)))
        out: Tensor = tokens + self.drop_path(self.mlp(self.norm2(tokens)))
        return out


def vit_block(size: ViTSize, drop_path: float = 0.0) -> ViTBlock:
    """Build a transformer block of the given size."""
    attention = QKVAttention(size.dim, size.heads, qkv_bias=size.qkv_bias, scale=size.scale)
    return ViTBlock(attention, size.dim, int(size.dim * size.mlp_ratio), drop_path=drop_path)


def drop_rates(last: float, depth: int) -> list[float]:
    """Return the drop-path rates of the blocks, from 0 at the first to ``last``, in equal steps.

    Raises:
        ConfigError: a rate outside [0, 1).
    """
    if not 0 <= last < 1:
        raise ConfigError(f"drop_path must be in [0, 1), got {last}")
    return [last * i / max(depth - 1, 1) for i in range(depth)]


def run_blocks(blocks: Iterable[nn.Module], tokens: Tensor, *, recompute: bool) -> Tensor:
    """Run tokens through blocks.

    Args:
        blocks: the blocks, in order.
        tokens: ``(B, N, D)``.
        recompute: gradient checkpointing: keep only the input of each block and run the block again in the backward
            pass. This saves most of the memory and costs a second forward pass.
    """
    for block in blocks:
        if recompute and torch.is_grad_enabled():
            tokens = checkpoint(block, tokens, use_reentrant=False)
        else:
            tokens = block(tokens)
    return tokens
