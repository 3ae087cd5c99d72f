"""Pyramid pooling: the context of a map at several scales."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from videoreid.models.layers.activated_norm import conv_norm
from videoreid.models.layers.grid_means import GridMeans

__all__ = ["PyramidPooling", "resize_maps"]


def resize_maps(maps: Tensor, size: Sequence[int]) -> Tensor:
    """Resize ``(N, C, h, w)`` bilinearly to ``size`` (rows, columns) with aligned corners."""
    if tuple(maps.shape[2:]) == tuple(size):
        return maps
    return F.interpolate(maps, size=tuple(size), mode="bilinear", align_corners=True)


class PyramidPooling(nn.Module):
    """Concatenate a map with its averages over grids of several sizes, then fuse them by a convolution.

    In train mode a batch needs two or more images, because the norm of the 1 x 1 grid has one value per image.

    Args:
        channels: C of the map.
        out: channels of each grid's branch and of the result.
        grids: cells per side of each grid.

    Reference:
        Zhao et al., Pyramid Scene Parsing Network, CVPR 2017, https://arxiv.org/abs/1612.01105
    """

    def __init__(self, channels: int, out: int, grids: Sequence[int] = (1, 2, 3, 6)) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            nn.Sequential(GridMeans((cells, cells)), *conv_norm(channels, out)) for cells in grids
        )
        self.bottleneck = nn.Sequential(*conv_norm(channels + len(grids) * out, out, 3))

    def forward(self, maps: Tensor) -> Tensor:
        """Return context ``(N, out, h, w)`` of ``(N, C, h, w)``."""
        size = maps.shape[2:]
        priors = [resize_maps(stage(maps), size) for stage in self.stages]
        return self.bottleneck(torch.cat([*priors, maps], dim=1))
