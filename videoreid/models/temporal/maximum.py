"""Temporal maximum pooling."""

from torch import Tensor

from videoreid.models.temporal.registry import TEMPORAL, TemporalHead

__all__ = ["MaximumPool"]


@TEMPORAL.register("maximum", "max")
class MaximumPool(TemporalHead):
    """Take the maximum of each channel over the frames.

    Args:
        dim: width D of the frame vectors.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.out_dim = dim

    def forward(self, features: Tensor, maps: Tensor | None = None) -> Tensor:
        """Return the maximum ``(B, D)`` of ``features (B, T, D)``."""
        return features.amax(dim=1)
