"""Sequence-specific prompt (SSP): identity memories attend to the tokens of a clip."""

from torch import Tensor, nn

from videoreid.models.layers.vit_trunk import QuickGELU
from videoreid.models.transformers.attention import attend

__all__ = ["SequenceSpecificPrompt"]


class _CrossAttention(nn.Module):
    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(dim, dim, bias=False)
        self.k_proj = nn.Linear(dim, dim, bias=False)
        self.v_proj = nn.Linear(dim, dim, bias=False)
        self.proj = nn.Linear(dim, dim)
        self.drop = nn.Dropout(dropout)

    def forward(self, query: Tensor, context: Tensor) -> Tensor:
        attended = attend(self.q_proj(query), self.k_proj(context), self.v_proj(context), heads=self.heads)
        out: Tensor = self.drop(self.proj(attended))
        return out


class _DecoderLayer(nn.Module):
    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.self_attn = _CrossAttention(dim, heads, dropout)
        self.cross_attn = _CrossAttention(dim, heads, dropout)
        self.norm1 = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)
        self.norm3 = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(
            nn.Linear(dim, 4 * dim), QuickGELU(), nn.Dropout(dropout), nn.Linear(4 * dim, dim)
        )
        self.drop = nn.Dropout(dropout)

    def forward(self, memories: Tensor, visual: Tensor) -> Tensor:
        normed = self.norm1(memories)
        memories = memories + self.self_attn(normed, normed)
        memories = memories + self.cross_attn(self.norm2(memories), visual)
        out: Tensor = memories + self.drop(self.mlp(self.norm3(memories)))
        return out


class SequenceSpecificPrompt(nn.Module):
    """The SSP module of TF-CLIP: it computes an offset to each identity's memory from the tokens of a clip.

    Args:
        dim: width D of memories and tokens.
        heads: attention heads; by default heads of 64 channels.
        layers: number of decoder layers.
        dropout: rate on attention outputs and in the feed-forward layers.

    Reference:
        Yu et al., TF-CLIP: Learning Text-free CLIP for Video-based Person Re-Identification, AAAI 2024.
    """

    def __init__(self, dim: int, *, heads: int | None = None, layers: int = 2, dropout: float = 0.1) -> None:
        super().__init__()
        heads = max(dim // 64, 1) if heads is None else heads
        self.memory_proj = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, dim), nn.LayerNorm(dim))
        self.text_proj = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, dim))
        self.decoder = nn.ModuleList(_DecoderLayer(dim, heads, dropout) for _ in range(layers))
        self.out_proj = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, dim))

    def forward(self, memories: Tensor, visual: Tensor) -> Tensor:
        """Return the offsets to the memories, ``(B, K, D)``.

        Args:
            memories: ``(B, K, D)``, the same K for each clip.
            visual: tokens ``(B, N, D)`` of the clips.
        """
        visual = self.memory_proj(visual)
        prompts = self.text_proj(memories)
        for layer in self.decoder:
            prompts = layer(prompts, visual)
        out: Tensor = self.out_proj(prompts)
        return out
