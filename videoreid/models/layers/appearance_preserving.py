"""Appearance-preserving module (APM): it registers neighbouring frames before a temporal convolution."""

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize, scaled_dot_product_attention

__all__ = ["APM_KEY_RULES", "AppearancePreserving"]

APM_KEY_RULES: tuple[tuple[str, str], ...] = (
    ("APM.semantic_mapping.", "apm.semantic."),
    ("APM.x_mapping.", "apm.central."),
    ("APM.n_mapping.", "apm.neighbour."),
    ("APM.contrastive_att_net.0.", "apm.gate."),
)
"""(published, ours): prefixes of the parameter names of a module called ``apm``."""


class AppearancePreserving(nn.Module):
    """Register both neighbours of every frame to the frame, and damp what differs (APM).

    Each position of a registered neighbour is a weighted mean of all positions of that neighbour; the weights are a
    softmax over their cosine similarity to the position of the frame, in ``C / 16`` channels. So body parts stay at the
    same position although the person moved or the box shifted. A learnt gate (contrastive attention) damps positions
    where the registered neighbour still differs from the frame; its inputs are detached, so its gradient reaches only
    its own layers. Neighbours outside the clip are zero.

    Args:
        channels: C of the maps.
        temperature: factor on the similarities.
        gated: use the contrastive attention.

    Reference:
        Gu et al., Appearance-Preserving 3D Convolution for Video-based Person Re-identification, ECCV 2020.
        https://arxiv.org/abs/2007.08434
    """

    def __init__(self, channels: int, *, temperature: float = 4.0, gated: bool = True) -> None:
        super().__init__()
        self.temperature = temperature
        reduced = max(channels // 16, 1)
        self.semantic = nn.Conv3d(channels, reduced, 1, bias=False)
        self.central = nn.Conv3d(channels, reduced, 1, bias=False) if gated else None
        self.neighbour = nn.Conv3d(channels, reduced, 1, bias=False) if gated else None
        self.gate = nn.Conv3d(reduced, 1, 1, bias=False) if gated else None

    def forward(self, maps: Tensor) -> Tensor:
        """Return ``(B, C, 3T, h, w)`` of maps ``(B, C, T, h, w)``: previous, frame, next, for each frame in turn."""
        earlier, later = self._register(maps)
        if self.gate is not None:
            earlier, later = earlier * self._agreement(maps, earlier), later * self._agreement(maps, later)
        return torch.stack([earlier, maps, later], 3).flatten(2, 3)

    def _register(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        if maps.shape[2] == 1:
            return torch.zeros_like(maps), torch.zeros_like(maps)
        keys = _positions(normalize(self.semantic(maps), dim=1))  # (B, T, hw, C/16)
        values = _positions(maps).to(keys.dtype)  # (B, T, hw, C)
        earlier = scaled_dot_product_attention(
            keys[:, 1:], keys[:, :-1], values[:, :-1], scale=self.temperature
        )
        later = scaled_dot_product_attention(keys[:, :-1], keys[:, 1:], values[:, 1:], scale=self.temperature)
        nothing = torch.zeros_like(earlier[:, :1])
        return (
            _maps(torch.cat([nothing, earlier], 1), maps),
            _maps(torch.cat([later, nothing], 1), maps),
        )

    def _agreement(self, maps: Tensor, registered: Tensor) -> Tensor:
        assert self.gate is not None and self.central is not None and self.neighbour is not None
        return torch.sigmoid(self.gate(self.central(maps.detach()) * self.neighbour(registered.detach())))


def _positions(maps: Tensor) -> Tensor:
    return maps.flatten(3).permute(0, 2, 3, 1)  # (B, C, T, h, w) -> (B, T, hw, C)


def _maps(positions: Tensor, like: Tensor) -> Tensor:
    return positions.permute(0, 3, 1, 2).unflatten(3, like.shape[3:])
