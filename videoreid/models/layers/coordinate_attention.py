"""Coordinate attention over the three axes of a clip: height, width and time."""

import torch
from torch import Tensor, nn

__all__ = ["ClipCoordinateAttention"]


class ClipCoordinateAttention(nn.Module):
    """Gate maps by the product of three attention profiles, along height, width and time.

    As published there is no residual connection and no offset: the untrained output is about one eighth of the input.

    Args:
        channels: C of the maps.
        reduction: the hidden layer has ``max(8, C / reduction)`` channels.

    Reference:
        Hou et al., Coordinate Attention for Efficient Mobile Network Design, CVPR 2021 (two axes).
    """

    def __init__(self, channels: int, *, reduction: int = 32) -> None:
        super().__init__()
        reduced = max(8, channels // reduction)
        self.squeeze = nn.Conv3d(channels, reduced, 1)
        self.bn = nn.BatchNorm3d(reduced)
        self.activation = nn.Hardswish()
        self.height = nn.Conv3d(reduced, channels, 1)
        self.width = nn.Conv3d(reduced, channels, 1)
        self.time = nn.Conv3d(reduced, channels, 1)

    def forward(self, maps: Tensor, num_frames: int) -> Tensor:
        """Return gated maps.

        Args:
            maps: ``(B*T, C, h, w)``.
            num_frames: clip length T.
        """
        clip = maps.unflatten(0, (-1, num_frames)).transpose(1, 2)  # (B, C, T, h, w)
        _, _, T, h, w = clip.shape
        profiles = [
            clip.mean((2, 4)),
            clip.mean((2, 3)),
            clip.mean((3, 4)),
        ]  # (B, C, h), (B, C, w), (B, C, T)
        joined = torch.cat(profiles, dim=2)[..., None, None]  # (B, C, h + w + T, 1, 1)
        mixed = self.activation(self.bn(self.squeeze(joined)))
        by_height, by_width, by_time = mixed.split([h, w, T], dim=2)
        gate = (
            torch.sigmoid(self.width(by_width)).permute(0, 1, 3, 4, 2)
            * torch.sigmoid(self.height(by_height)).permute(0, 1, 3, 2, 4)
            * torch.sigmoid(self.time(by_time))
        )
        return (clip * gate).transpose(1, 2).flatten(0, 1)
