"""One layer of a pre-norm transformer encoder."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from videoreid.errors import ConfigError

__all__ = ["AttentionBlock"]


class AttentionBlock(nn.Module):
    """Self-attention and a feed-forward layer, each with a norm before it and a residual connection.

    Args:
        dim: width D of the tokens.
        heads: attention heads; must divide D.
        expansion: width of the feed-forward layer in multiples of D.
        start_as_identity: initialise both branches near zero, so that the untrained block returns its input.

    Raises:
        ConfigError: heads do not divide D.

    Reference:
        Vaswani et al., Attention Is All You Need, NeurIPS 2017.
    """

    def __init__(
        self, dim: int, *, heads: int = 8, expansion: float = 1.0, start_as_identity: bool = False
    ) -> None:
        super().__init__()
        if dim % heads:
            raise ConfigError(f"{heads} heads do not divide {dim} channels; choose a divisor of {dim}")
        hidden = int(dim * expansion)
        self.heads = heads
        self.norm1 = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.project = nn.Linear(dim, dim)
        self.norm2 = nn.LayerNorm(dim)
        self.expand = nn.Linear(dim, hidden)
        self.reduce = nn.Linear(hidden, dim)
        if start_as_identity:
            for layer in (self.project, self.reduce):
                nn.init.normal_(layer.weight, std=1e-3)  # not 0: the layers before would get no gradient
                nn.init.zeros_(layer.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens ``(B, N, D)`` after they have attended to each other."""
        tokens = tokens + self.project(self._attend(self.norm1(tokens)))
        return tokens + self.reduce(F.gelu(self.expand(self.norm2(tokens))))

    def _attend(self, tokens: Tensor) -> Tensor:
        split = self.qkv(tokens).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        query, key, value = torch.unbind(split)  # each (B, heads, N, D / heads)
        return F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
