"""A tracklet as a picture: some of its frames, side by side."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from videoreid.types import Tracklet

__all__ = ["FrameReading", "pick_frames", "tracklet_strip"]

FrameReading = Callable[[Sequence[str]], Sequence[NDArray[np.uint8]]]
"""Reads frame keys into RGB images ``(H, W, 3)``: `videoreid.data.frames.FrameReader.read`, or the caller's own."""


def pick_frames(tracklet: Tracklet, count: int) -> list[str]:
    """Return ``count`` evenly spread frames, first and last included; fewer where the tracklet is shorter."""
    rows = np.unique(np.linspace(0, len(tracklet) - 1, num=min(count, len(tracklet))).round().astype(int))
    return [tracklet.frames[int(row)] for row in rows]


def tracklet_strip(
    tracklet: Tracklet,
    read_frames: FrameReading,
    *,
    count: int = 4,
    size: tuple[int, int] = (96, 48),
    gap: int = 2,
) -> NDArray[np.uint8]:
    """Draw frames of a tracklet side by side on white.

    Args:
        tracklet: what to draw.
        read_frames: reads frame keys into RGB images.
        count: frames in the strip; a shorter tracklet leaves white space, so that strips align.
        size: (height, width) of a frame.
        gap: white pixels between frames.

    Returns:
        ``(height, count * width + (count - 1) * gap, 3)`` uint8 RGB.
    """
    import cv2

    height, width = size
    strip = np.full((height, count * width + (count - 1) * gap, 3), 255, dtype=np.uint8)
    for position, image in enumerate(read_frames(pick_frames(tracklet, count))):
        left = position * (width + gap)
        shrinking = image.shape[0] > height
        method = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
        strip[:, left : left + width] = cv2.resize(np.asarray(image), (width, height), interpolation=method)
    return strip
