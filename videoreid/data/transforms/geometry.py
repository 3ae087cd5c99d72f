"""Steps that move pixels: resize, flip, pad and crop, random translation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as F

from videoreid.data.transforms.planes import merge_frames, stack_frames
from videoreid.errors import ConfigError

__all__ = ["HorizontalFlip", "Interpolation", "PadCrop", "RandomTranslation2D", "Resize", "resize_frames"]

Interpolation = Literal["bilinear", "bicubic"]


def resize_frames(
    frames: Sequence[Tensor], size: tuple[int, int], interpolation: Interpolation = "bilinear"
) -> Tensor:
    """Resize frames, of one size or of several, and stack them.

    The result equals Pillow's antialiased one within a grey level, except at sharp bicubic overshoots. Frames of one
    size are resized in one call; frames that already have the size are copied. Interleaved pixels, as decoders return
    them, stay interleaved in memory, which makes further steps faster.

    Args:
        frames: each ``(3, h, w)`` uint8.
        size: (H, W).
        interpolation: "bilinear" or "bicubic".

    Returns:
        ``(T, 3, H, W)`` uint8, in the memory order of the frames.
    """
    groups: dict[tuple[int, ...], list[int]] = {}
    for position, frame in enumerate(frames):
        groups.setdefault(tuple(frame.shape[1:]), []).append(position)
    resized = []
    for shape, positions in groups.items():
        group = stack_frames([frames[position] for position in positions])
        if shape != size:
            group = F.resize(
                group, list(size), interpolation=InterpolationMode(interpolation), antialias=True
            )
        resized.append((positions, group))
    return merge_frames(resized)


@dataclass(frozen=True)
class Resize:
    """Resize every frame to one size.

    Args:
        size: (H, W).
        interpolation: "bilinear" or "bicubic".
    """

    size: tuple[int, int]
    interpolation: Interpolation = "bilinear"

    def __post_init__(self) -> None:
        if self.interpolation not in ("bilinear", "bicubic") or min(self.size) < 1:
            raise ConfigError(
                f"cannot resize to {self.size} by {self.interpolation!r}: expected a size (H, W) of 1 or more and "
                "'bilinear' or 'bicubic'"
            )

    def __call__(self, frames: Tensor, generator: np.random.Generator) -> Tensor:
        """Resize ``(T, 3, h, w)`` to ``(T, 3, H, W)``."""
        return resize_frames(frames.unbind(0), self.size, self.interpolation)

    def resize_mixed(self, frames: Sequence[Tensor], generator: np.random.Generator) -> Tensor:
        """Resize frames of any sizes, each ``(3, h, w)``."""
        return resize_frames(frames, self.size, self.interpolation)


@dataclass(frozen=True)
class HorizontalFlip:
    """Mirror the clip with probability ``p``; frame by frame on request.

    Args:
        p: probability.
        per_frame: draw separately for every frame.
    """

    p: float = 0.5
    per_frame: bool = False

    def __call__(self, frames: Tensor, generator: np.random.Generator) -> Tensor:
        """Flip ``(T, 3, H, W)``."""
        if not self.per_frame:
            return frames.flip(-1) if generator.random() < self.p else frames
        for position in np.flatnonzero(generator.random(len(frames)) < self.p):
            frames[position] = frames[position].flip(-1)
        return frames


@dataclass(frozen=True)
class PadCrop:
    """Pad by ``padding`` pixels on every side, then crop the original size at a random position.

    Args:
        padding: pixels.
        fill: RGB value of the padding, uint8.
        per_frame: draw the position separately for every frame.
        crop: False keeps the padded frames, for a later step that crops.
    """

    padding: int = 10
    fill: tuple[int, int, int] = (0, 0, 0)
    per_frame: bool = False
    crop: bool = True

    def __call__(self, frames: Tensor, generator: np.random.Generator) -> Tensor:
        """Pad and crop ``(T, 3, H, W)``."""
        height, width = frames.shape[-2:]
        fill: list[float] = [float(value) for value in self.fill]
        one_grey = len(set(fill)) == 1  # torchvision pads a grey value in one pass, a colour in five
        padded = F.pad(frames, [self.padding] * 4, fill=fill[0] if one_grey else fill)
        if not self.crop:
            return padded
        span = 2 * self.padding + 1
        return _random_crop(padded, (height, width), (span, span), generator, per_frame=self.per_frame)


@dataclass(frozen=True)
class RandomTranslation2D:
    """Resize to ``enlarge`` times the size and crop at a random position, with probability ``p``; else only resize.

    Args:
        size: (H, W) of the result.
        p: probability of the enlarged crop.
        enlarge: factor; the enlarged size is rounded.
        interpolation: "bilinear" or "bicubic".
        per_frame: draw separately for every frame.

    Reference: Zhou et al., Omni-Scale Feature Learning for Person Re-Identification, ICCV 2019 (as augmentation).
    """

    size: tuple[int, int]
    p: float = 0.5
    enlarge: float = 1.125
    interpolation: Interpolation = "bilinear"
    per_frame: bool = False

    def __call__(self, frames: Tensor, generator: np.random.Generator) -> Tensor:
        """Translate ``(T, 3, h, w)`` into ``(T, 3, H, W)``."""
        return self.resize_mixed(frames.unbind(0), generator)

    def resize_mixed(self, frames: Sequence[Tensor], generator: np.random.Generator) -> Tensor:
        """Translate frames of any sizes, each ``(3, h, w)``."""
        height, width = self.size
        large = (round(height * self.enlarge), round(width * self.enlarge))
        spans = (large[0] - height + 1, large[1] - width + 1)
        if not self.per_frame:
            if generator.random() >= self.p:
                return resize_frames(frames, self.size, self.interpolation)
            return _random_crop(
                resize_frames(frames, large, self.interpolation), self.size, spans, generator, per_frame=False
            )
        moved = generator.random(len(frames)) < self.p
        parts = []
        still, rest = np.flatnonzero(~moved), np.flatnonzero(moved)
        if still.size:
            parts.append(
                (still, resize_frames([frames[int(i)] for i in still], self.size, self.interpolation))
            )
        if rest.size:
            enlarged = resize_frames([frames[int(i)] for i in rest], large, self.interpolation)
            parts.append((rest, _random_crop(enlarged, self.size, spans, generator, per_frame=True)))
        return merge_frames(parts)


def _random_crop(
    frames: Tensor,
    size: tuple[int, int],
    spans: tuple[int, int],
    generator: np.random.Generator,
    *,
    per_frame: bool,
) -> Tensor:
    height, width = size
    places = [generator.integers(spans) for _ in range(len(frames) if per_frame else 1)]
    if not per_frame:
        top, left = places[0]
        return frames[..., top : top + height, left : left + width]
    return stack_frames(
        [
            frame[:, top : top + height, left : left + width]
            for frame, (top, left) in zip(frames, places, strict=True)
        ]
    )
