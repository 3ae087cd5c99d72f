"""Self-attention with the two published parameter layouts, timm's and CLIP's."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from videoreid.errors import ConfigError

__all__ = ["PackedAttention", "QKVAttention", "attend", "split_heads"]


def split_heads(tokens: Tensor, heads: int) -> Tensor:
    """Return ``(B, heads, N, D / heads)`` of tokens ``(B, N, D)``."""
    return tokens.unflatten(2, (heads, -1)).transpose(1, 2)


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    heads: int,
    scale: float | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Return the attention of ``query (B, N, D)`` over ``key`` and ``value (B, M, D)``: ``(B, N, D)``.

    Args:
        query: projected tokens ``(B, N, D)``.
        key: projected tokens ``(B, M, D)``.
        value: projected tokens ``(B, M, D)``.
        heads: number of heads; divides D.
        scale: factor on the products of queries and keys; None is ``(D / heads) ** -0.5``.
        mask: added to the scaled products, broadcast to ``(B, heads, N, M)``.
    """
    q, k, v = (split_heads(part, heads) for part in (query, key, value))
    out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scale)
    return out.transpose(1, 2).flatten(2)


class QKVAttention(nn.Module):
    """Self-attention with timm's names: ``qkv`` and ``proj``.

    Args:
        dim: width D of the tokens.
        heads: number of heads; divides D.
        qkv_bias: give ``qkv`` a bias.
        scale: factor on the products of queries and keys; None is ``(D / heads) ** -0.5``.

    Raises:
        ConfigError: heads do not divide D.
    """

    def __init__(self, dim: int, heads: int, *, qkv_bias: bool = True, scale: float | None = None) -> None:
        super().__init__()
        if dim % heads:
            raise ConfigError(f"{heads} heads do not divide {dim} channels; choose a divisor of {dim}")
        self.heads, self.scale = heads, scale
        self.qkv = nn.Linear(dim, 3 * dim, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens ``(B, N, D)`` after they have attended to each other."""
        query, key, value = self.qkv(tokens).chunk(3, dim=2)
        out: Tensor = self.proj(attend(query, key, value, heads=self.heads, scale=self.scale))
        return out


class PackedAttention(nn.Module):
    """Self-attention with CLIP's names: ``in_proj_weight``, ``in_proj_bias`` and ``out_proj``.

    Args:
        dim: width D of the tokens.
        heads: number of heads; divides D.
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        if dim % heads:
            raise ConfigError(f"{heads} heads do not divide {dim} channels; choose a divisor of {dim}")
        self.heads = heads
        self.in_proj_weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(3 * dim, dim)))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * dim))
        self.out_proj = nn.Linear(dim, dim)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens ``(B, N, D)`` after they have attended to each other."""
        query, key, value = F.linear(tokens, self.in_proj_weight, self.in_proj_bias).chunk(3, dim=2)
        out: Tensor = self.out_proj(attend(query, key, value, heads=self.heads))
        return out
