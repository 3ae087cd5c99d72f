"""Methods that turn activations and their gradients into one value per position."""

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["contributions", "grad_cam", "principal", "scaled", "squared_channels"]


def squared_channels(maps: Tensor) -> Tensor:
    """Return the sum of the squared channels ``(B, T, h, w)`` of maps ``(B, T, C, h, w)``.

    Reference:
        Zagoruyko and Komodakis, Paying More Attention to Attention, ICLR 2017, https://arxiv.org/abs/1612.03928
    """
    return maps.square().sum(2)


def grad_cam(maps: Tensor, gradients: Tensor) -> Tensor:
    """Return the channels weighted by their mean gradient in the frame, signed: ``(B, T, h, w)``.

    Reference:
        Selvaraju et al., Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization, ICCV 2017.
    """
    return (gradients.mean((3, 4), keepdim=True) * maps).sum(2)


def contributions(maps: Tensor, gradients: Tensor) -> Tensor:
    """Return the contribution of each position to the score, gradient times activation: ``(B, T, h, w)``.

    If the embedding is linear in the maps, as after average pooling, the values add up to the score.

    Reference:
        Stylianou et al., Visualizing Deep Similarity Networks, WACV 2019, https://arxiv.org/abs/1901.00536
    """
    return (gradients * maps).sum(2)


def principal(maps: Tensor) -> Tensor:
    """Return the projection ``(B, T, h, w)`` of each frame's positions on their first principal component.

    Positions are centred first, as in the package grad-cam. The sign of a component is arbitrary: it is chosen so that
    strong activations are positive.

    Reference:
        Muhammad and Yeasin, Eigen-CAM: Class Activation Map using Principal Components, IJCNN 2020,
        https://arxiv.org/abs/2008.00299
    """
    rows = maps.flatten(3).transpose(2, 3).double()  # (B, T, h * w, C)
    centred = rows - rows.mean(2, keepdim=True)
    _, _, axes = torch.linalg.svd(centred, full_matrices=False)
    projection = (centred @ axes[..., :1, :].transpose(-2, -1)).squeeze(-1)
    together = (projection * rows.square().sum(-1)).sum(-1, keepdim=True)
    sign = torch.where(together < 0, -1.0, 1.0)
    return (sign * projection).to(maps.dtype).unflatten(2, maps.shape[3:])


def scaled(values: Tensor, *, over: Sequence[int]) -> Tensor:
    """Return values ``(B, T, H, W)`` scaled to 0..1 over some axes, by minimum and maximum; 0 if these are equal."""
    least = values.amin(tuple(over), keepdim=True)
    spread = values.amax(tuple(over), keepdim=True) - least
    return torch.where(spread > 0, (values - least) / spread.clamp(min=1e-30), torch.zeros_like(values))
