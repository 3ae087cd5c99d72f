"""Steps that hide part of a clip: random erasing, a local grey patch, whole frames."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from videoreid.functional import IMAGENET_MEAN, IMAGENET_STD

__all__ = [
    "LocalGrayscale",
    "RandomErasing",
    "RandomFrameErasing",
    "fill_after_normalisation",
    "fill_before_normalisation",
]

_ATTEMPTS = 100

RGB = tuple[int, int, int]


def fill_before_normalisation(values: Sequence[float]) -> RGB:
    """Return the uint8 value of a fill that a publication gives on the 0..1 scale."""
    red, green, blue = (int(np.clip(np.rint(255.0 * value), 0, 255)) for value in values)
    return red, green, blue


def fill_after_normalisation(
    values: Sequence[float], mean: Sequence[float] = IMAGENET_MEAN, std: Sequence[float] = IMAGENET_STD
) -> RGB:
    """Return the uint8 value of a fill that a publication writes into normalised frames.

    Rounding to uint8 moves the normalised value by less than 0.01.

    Example:
        >>> fill_after_normalisation((0.0, 0.0, 0.0))
        (124, 116, 104)
    """
    return fill_before_normalisation([v * s + m for v, m, s in zip(values, mean, std, strict=True)])


MEAN_COLOUR = fill_after_normalisation((0.0, 0.0, 0.0))


@dataclass(frozen=True)
class RandomErasing:
    """Overwrite one random rectangle with a constant.

    Args:
        p: probability.
        area: smallest and largest share of the frame.
        aspect: smallest and largest height / width.
        fill: RGB value, uint8; see `fill_after_normalisation`.
        per_frame: draw separately for every frame, instead of one rectangle for the clip.

    Reference: Zhong et al., Random Erasing Data Augmentation, AAAI 2020.
    """

    p: float = 0.5
    area: tuple[float, float] = (0.02, 0.4)
    aspect: tuple[float, float] = (0.3, 1 / 0.3)
    fill: RGB = MEAN_COLOUR
    per_frame: bool = False

    def __call__(self, frames: Tensor, generator: np.random.Generator) -> Tensor:
        """Erase in ``(T, 3, H, W)``."""
        fill = frames.new_tensor(self.fill).view(3, 1, 1)
        for part in _parts(frames, per_frame=self.per_frame):
            if generator.random() >= self.p:
                continue
            rectangle = _draw_rectangle(frames.shape[-2:], self.area, self.aspect, generator)
            if rectangle is not None:
                top, left, tall, wide = rectangle
                part[..., top : top + tall, left : left + wide] = fill
        return frames


@dataclass(frozen=True)
class LocalGrayscale:
    """Turn one random rectangle grey (local grayscale patch).

    As published, the height of the patch is less than the width of the frame, its width less than the height of the
    frame, and the part outside the frame is cut off.

    Args:
        p: probability.
        area: smallest and largest share of the frame.
        aspect: smallest and largest ratio.
        per_frame: draw for every frame, as published, instead of once for the clip.

    Reference: Gong et al., Eliminate Deviation with Deviation for Data Augmentation and a General Multi-modal Data
        Learning Method, arXiv 2021.
    """

    p: float = 0.2
    area: tuple[float, float] = (0.02, 0.4)
    aspect: tuple[float, float] = (0.3, 1 / 0.3)
    per_frame: bool = False

    def __call__(self, frames: Tensor, generator: np.random.Generator) -> Tensor:
        """Grey a patch of ``(T, 3, H, W)``."""
        height, width = frames.shape[-2:]
        for part in _parts(frames, per_frame=self.per_frame):
            if generator.random() >= self.p:
                continue
            rectangle = _draw_rectangle((width, height), self.area, self.aspect, generator)
            if rectangle is not None:
                left, top, tall, wide = rectangle  # drawn for the transposed frame, as published
                patch = part[..., top : top + tall, left : left + wide]
                patch.copy_(_luminance(patch))
        return frames


@dataclass(frozen=True)
class RandomFrameErasing:
    """Overwrite whole frames of a clip with a constant; at least one frame stays.

    Args:
        p: probability that frames of a clip are erased.
        max_frames: largest number of erased frames; the number is drawn uniformly from ``1 .. max_frames``.
        fill: RGB value, uint8.
    """

    p: float = 0.5
    max_frames: int = 1
    fill: RGB = MEAN_COLOUR

    def __call__(self, frames: Tensor, generator: np.random.Generator) -> Tensor:
        """Erase frames of ``(T, 3, H, W)``."""
        most = min(self.max_frames, len(frames) - 1)
        if most < 1 or generator.random() >= self.p:
            return frames
        lost = generator.choice(len(frames), generator.integers(1, most, endpoint=True), replace=False)
        frames[lost] = frames.new_tensor(self.fill).view(3, 1, 1)
        return frames


def _luminance(frames: Tensor) -> Tensor:
    """Return ``(..., 1, H, W)`` ITU-R 601 luminance in the integer arithmetic of Pillow's mode "L"."""
    red, green, blue = frames.int().unbind(-3)
    return ((19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16).to(frames.dtype).unsqueeze(-3)


def _parts(frames: Tensor, *, per_frame: bool) -> Sequence[Tensor]:
    return list(frames.unbind(0)) if per_frame else [frames]


def _draw_rectangle(
    size: Sequence[int],
    area: tuple[float, float],
    aspect: tuple[float, float],
    generator: np.random.Generator,
) -> tuple[int, int, int, int] | None:
    """Draw top, left, height, width of a rectangle smaller than ``size``; None after 100 misses."""
    height, width = size
    for _ in range(_ATTEMPTS):
        target = generator.uniform(*area) * height * width
        ratio = generator.uniform(*aspect)
        tall, wide = round(float(np.sqrt(target * ratio))), round(float(np.sqrt(target / ratio)))
        if tall < height and wide < width:
            top, left = generator.integers(height - tall + 1), generator.integers(width - wide + 1)
            return int(top), int(left), tall, wide
    return None
