"""Temporal generalised-mean pooling."""

from torch import Tensor

from videoreid.models.layers.gem import GeM
from videoreid.models.temporal.registry import TEMPORAL, TemporalHead

__all__ = ["GeMPool"]


@TEMPORAL.register("gem")
class GeMPool(TemporalHead):
    """Pool frames by a generalised mean with a learnable exponent; p = 1 is the average, a large p the maximum.

    Negative values are clamped to 1e-6, so the features should be non-negative.

    Args:
        dim: width D of the frame vectors.
        p: initial exponent.
    """

    def __init__(self, dim: int, *, p: float = 3.0) -> None:
        super().__init__()
        self.out_dim = dim
        self.gem = GeM(axes=1, p=p)

    def forward(self, features: Tensor, maps: Tensor | None = None) -> Tensor:
        """Return the generalised mean ``(B, D)`` of ``features (B, T, D)``."""
        return self.gem(features.transpose(1, 2))
