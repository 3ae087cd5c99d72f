"""Motion excitation: it gates channels by the differences between frames."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from videoreid.models.layers.gem import GeM

__all__ = ["MotionExcitation", "RangeMotionExcitation", "frame_difference"]


def frame_difference(moved: Tensor, still: Tensor, gap: int) -> Tensor:
    """Return ``moved[t + gap] - still[t]``, with zero frames where ``t + gap`` is outside the clip.

    A negative gap compares with earlier frames. If the gap is at least T, all frames are zero.

    Args:
        moved: ``(B, T, C, h, w)``, the frames at ``t + gap``.
        still: ``(B, T, C, h, w)``, the frames at ``t``.
        gap: distance in frames, not 0.

    Returns:
        ``(B, T, C, h, w)``.
    """
    kept = max(moved.shape[1] - abs(gap), 0)
    if gap > 0:
        difference = moved[:, gap:] - still[:, :kept]
        return F.pad(difference, (0, 0, 0, 0, 0, 0, 0, moved.shape[1] - kept))
    difference = moved[:, :kept] - still[:, -kept:] if kept else moved[:, :0]
    return F.pad(difference, (0, 0, 0, 0, 0, 0, moved.shape[1] - kept, 0))


class _Excitation(nn.Module):
    """The shared layers of both excitations: C -> r channels, a depthwise 3x3 convolution, r -> C channels."""

    def __init__(self, channels: int, reduction: int = 32) -> None:
        super().__init__()
        reduced = max(channels // reduction, 1)
        self.squeeze = nn.Conv2d(channels, reduced, 1, bias=False)
        self.squeeze_bn = nn.BatchNorm2d(reduced)
        self.shift = nn.Conv2d(reduced, reduced, 3, padding=1, groups=reduced, bias=False)
        self.expand = nn.Conv2d(reduced, channels, 1, bias=False)
        self.expand_bn = nn.BatchNorm2d(channels)

    def _squeezed(self, maps: Tensor, num_frames: int) -> tuple[Tensor, Tensor]:
        still = self.squeeze_bn(self.squeeze(maps))
        moved = self.shift(still)
        return moved.unflatten(0, (-1, num_frames)), still.unflatten(0, (-1, num_frames))

    def _gate(self, pooled: Tensor) -> Tensor:
        """Return gates ``(B*T, C, 1, 1)`` in -0.5..0.5 for pooled differences ``(B, T, r)``."""
        return torch.sigmoid(self.expand_bn(self.expand(pooled.flatten(0, 1)[:, :, None, None]))) - 0.5


class MotionExcitation(_Excitation):
    """Gate each channel by its difference to the next frame: ``x + x * (sigmoid(g(d)) - 0.5)``.

    The last frame has no next frame: its difference is zero, so its gate is the same learnt constant for every clip.

    Args:
        channels: C of the maps.
        learned_pooling: pool differences by a learnable generalised mean instead of the average. As published, it
            clamps negative differences to 1e-6, so only positive ones count.

    Reference:
        Li et al., TEA: Temporal Excitation and Aggregation for Action Recognition, CVPR 2020.
    """

    def __init__(self, channels: int, *, learned_pooling: bool = False) -> None:
        super().__init__(channels)
        self.pool = GeM(axes=2) if learned_pooling else None

    def forward(self, maps: Tensor, num_frames: int) -> Tensor:
        """Return gated maps.

        Args:
            maps: ``(B*T, C, h, w)``.
            num_frames: T, any.
        """
        difference = frame_difference(*self._squeezed(maps, num_frames), 1)
        pooled = difference.mean((-2, -1)) if self.pool is None else self.pool(difference)
        return maps + maps * self._gate(pooled)


class RangeMotionExcitation(_Excitation):
    """Gate each channel by its differences to the frames 1, 2, 3, ... later and earlier, with a weight per range.

    All ranges and both directions share the expanding layer and its batch normalisation. The differences of a range
    that is longer than the clip are zero.

    Args:
        channels: C of the maps.
        ranges: gaps in frames.
        weight: initial value of the learnable weight of every range.
    """

    def __init__(self, channels: int, *, ranges: Sequence[int] = (1, 2, 3), weight: float = 0.33) -> None:
        super().__init__(channels)
        self.ranges = tuple(ranges)
        self.weights = nn.ParameterList(torch.full((1, 1, 1, 1), weight) for _ in self.ranges)

    def forward(self, maps: Tensor, num_frames: int) -> Tensor:
        """Return gated maps.

        Args:
            maps: ``(B*T, C, h, w)``.
            num_frames: T, any.
        """
        moved, still = self._squeezed(maps, num_frames)
        total = torch.zeros_like(maps[..., :1, :1])
        for gap, weight in zip(self.ranges, self.weights, strict=True):
            forward = self._gate(frame_difference(moved, still, gap).mean((-2, -1)))
            backward = self._gate(frame_difference(moved, still, -gap).mean((-2, -1)))
            total = total + weight * (forward + backward)
        return maps + maps * total
