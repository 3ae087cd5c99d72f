"""Statistic attention: the positions of a clip attend to moments of the whole clip."""

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

__all__ = ["STATISTIC_KEY_RULES", "StatisticAttention"]

STATISTIC_KEY_RULES: tuple[tuple[str, str], ...] = (
    ("down_channel.", "narrow."),
    ("up_channel.0.", "widen."),
    ("up_channel.1.", "norm."),
)
"""(published, ours): prefixes of the parameter names."""

_ORDERS = (4, 5, 6)


class StatisticAttention(nn.Module):
    """Add to every position an attention-weighted mean of five moments of the clip.

    The moments of the ``C / 4`` reduced channels are mean, standard deviation and the standardised 4th, 5th and 6th
    moment (not the 3rd). Each moment is a vector over channels, L2-normalised. The weight of the last batch
    normalisation is initialised with 0.

    Args:
        channels: C of the maps.

    Reference:
        Bai et al., SANet: Statistic Attention Network for Video-Based Person Re-Identification, IEEE Transactions on
        Circuits and Systems for Video Technology, 2022.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.narrow = nn.Conv3d(channels, channels // 4, 1)
        self.widen = nn.Conv3d(channels // 4, channels, 1)
        self.norm = nn.BatchNorm3d(channels)
        for conv in (self.narrow, self.widen):
            nn.init.kaiming_normal_(conv.weight)
            nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
        nn.init.zeros_(self.norm.weight)

    def forward(self, maps: Tensor) -> Tensor:
        """Return the maps ``(B, C, T, h, w)`` plus the attended moments."""
        narrow = self.narrow(maps)
        positions = narrow.flatten(2)  # (B, C/4, N)
        moments = _moments(positions)  # (B, C/4, 5)
        share = (moments.transpose(1, 2) @ positions).softmax(1)
        mixed = (moments @ share).unflatten(2, maps.shape[2:])
        return torch.relu(maps + self.norm(self.widen(mixed)))


def _moments(positions: Tensor) -> Tensor:
    centred = positions - (mean := positions.mean(2, keepdim=True))
    # the higher moments of a channel without variance are 0 / 0; the clamp keeps value and gradient finite
    deviation = centred.square().mean(2, keepdim=True).clamp_min(1e-12).sqrt()
    standard = centred / deviation
    higher = [standard.pow(order).mean(2, keepdim=True) for order in _ORDERS]
    return normalize(torch.cat([mean, deviation, *higher], 2), dim=1)
