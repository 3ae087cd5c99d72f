"""The generalised mean over frames."""

from torch import Tensor

from videoreid.models.layers.gem import GeM
from videoreid.models.temporal.registry import TEMPORAL, TemporalHead

__all__ = ["GeMPool"]


@TEMPORAL.register("gem")
class GeMPool(TemporalHead):
    """Pool frames by a learnable generalised mean, between the average (p = 1) and the maximum.

    It lifts negative values to 1e-6, so it expects non-negative features.

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
