"""Temporal average pooling."""

from torch import Tensor

from videoreid.models.temporal.registry import TEMPORAL, TemporalHead

__all__ = ["AveragePool"]


@TEMPORAL.register("average", "avg", "mean")
class AveragePool(TemporalHead):
    """Average the frame vectors; the order of the frames does not matter.

    Args:
        dim: width D of the frame vectors.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.out_dim = dim

    def forward(self, features: Tensor, maps: Tensor | None = None) -> Tensor:
        """Return the mean ``(B, D)`` of ``features (B, T, D)``."""
        return features.mean(dim=1)
