"""Temporal memory diffusion (TMD): the frames of a clip exchange message tokens."""

import torch
from torch import Tensor, nn

from videoreid.models.transformers.attention import PackedAttention
from videoreid.models.transformers.clip_vit import quick_gelu_mlp

__all__ = ["TemporalMemoryDiffusion"]


class _DiffusionBlock(nn.Module):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.message_fc = nn.Linear(dim, dim)
        self.message_ln = nn.LayerNorm(dim)
        self.message_attn = PackedAttention(dim, heads)
        self.attn = PackedAttention(dim, heads)
        self.ln_1 = nn.LayerNorm(dim)
        self.mlp = quick_gelu_mlp(dim)
        self.ln_2 = nn.LayerNorm(dim)

    def forward(self, tokens: Tensor, frames: int) -> Tensor:
        messages = self.message_fc(tokens.mean(1)).unflatten(0, (-1, frames))  # (B, T, D)
        messages = messages + self.message_attn(self.message_ln(messages))
        tokens = torch.cat([tokens, messages.flatten(0, 1)[:, None]], dim=1)
        tokens = tokens + self.attn(self.ln_1(tokens))
        out: Tensor = tokens + self.mlp(self.ln_2(tokens))
        return out


class TemporalMemoryDiffusion(nn.Module):
    """The TMD module of TF-CLIP.

    Each layer computes one message from the mean of a frame's tokens, runs attention among the messages of a clip,
    appends each message to its frame as a token, and runs attention among the tokens of each frame.

    Args:
        dim: width D of the tokens.
        heads: attention heads.
        layers: number of layers; each appends one token to every frame.

    Reference:
        Yu et al., TF-CLIP: Learning Text-free CLIP for Video-based Person Re-Identification, AAAI 2024.
    """

    def __init__(self, dim: int, heads: int, layers: int = 1) -> None:
        super().__init__()
        self.resblocks = nn.ModuleList(_DiffusionBlock(dim, heads) for _ in range(layers))

    def forward(self, tokens: Tensor, frames: int) -> Tensor:
        """Return ``(B * T, N + layers, D)`` of the tokens ``(B * T, N, D)`` of clips of T = ``frames`` frames."""
        for block in self.resblocks:
            tokens = block(tokens, frames)
        return tokens
