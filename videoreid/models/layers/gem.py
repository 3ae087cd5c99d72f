"""Generalised-mean pooling with a learnable exponent."""

import torch
from torch import Tensor, nn

__all__ = ["GeM"]


class GeM(nn.Module):
    """Pool the last axes by ``mean(max(x, eps)^p)^(1/p)``: p = 1 is the average, large p the maximum.

    Args:
        axes: number of trailing axes to pool: 1 (frames) or 2 (height and width).
        p: initial value of the learnable exponent.
        eps: values are clamped to at least eps; eps is also added to p in the exponent of the root.

    Reference:
        Radenovic et al., Fine-tuning CNN Image Retrieval with No Human Annotation, TPAMI 2019.
    """

    def __init__(self, axes: int = 2, p: float = 3.0, eps: float = 1e-6) -> None:
        super().__init__()
        self.p = nn.Parameter(torch.full((1,), p))
        self.axes = tuple(range(-axes, 0))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x (..., C, *pooled)`` pooled to ``(..., C)``."""
        return x.clamp(min=self.eps).pow(self.p).mean(dim=self.axes).pow(1.0 / (self.p + self.eps))

    def extra_repr(self) -> str:
        """Show the exponent and the number of axes."""
        return f"axes={len(self.axes)}, p={self.p.item():.3g}, eps={self.eps}"
