"""Registry and base class of the temporal heads."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from videoreid.registry import Registry

__all__ = ["TEMPORAL", "TemporalHead", "build_temporal"]


class TemporalHead(nn.Module):
    """Base class of the heads that fuse the frames of a clip.

    Attributes:
        out_dim: width of the clip vector.
    """

    out_dim: int

    def forward(self, features: Tensor, maps: Tensor | None = None) -> Tensor:
        """Fuse the frames.

        Args:
            features: ``(B, T, D)`` float, one pooled vector per frame; any T.
            maps: ``(B, T, C, h, w)``, the maps before pooling; only heads that use positions need them.

        Returns:
            ``(B, out_dim)``.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement forward")

    def fuse(self, features: Tensor, maps: Tensor | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """Fuse the frames, and also return intermediate values for losses.

        Args:
            features: as in `forward`.
            maps: as in `forward`.

        Returns:
            ``(B, out_dim)`` and named extras for `ReIDOutput.extras` ("frame_scores" ``(B, T)`` of attention).
        """
        return self(features, maps), {}


TEMPORAL: Registry[Callable[..., TemporalHead]] = Registry("temporal head")


def build_temporal(name: str, dim: int, **options: Any) -> TemporalHead:
    """Build a temporal head by name.

    Args:
        name: "average", "maximum", "gem", "attention", "lstm", "gru" or "self_attention".
        dim: width D of the frame vectors.
        **options: options of that head.

    Raises:
        UnknownNameError: no such head; the message suggests the nearest name.
    """
    return TEMPORAL[name](dim, **options)
