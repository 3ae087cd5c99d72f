"""A tracklet as a picture: some of its frames, side by side; a frame that cannot be read becomes a placeholder."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from videoreid.errors import ConfigError, DatasetError
from videoreid.types import Tracklet
from videoreid.utils import get_logger

__all__ = ["FrameReading", "PatientReader", "jpeg_of", "pick_frames", "resized", "tracklet_strip"]

FrameReading = Callable[[Sequence[str]], Sequence[NDArray[np.uint8]]]
"""Reads frame keys into RGB images ``(H, W, 3)``: `videoreid.data.frames.FrameReader.read`, or the caller's own."""


class PatientReader:
    """Reads frames for a picture, and replaces each unreadable frame by a hatched picture.

    Args:
        read_frames: reads frame keys into RGB images.
    """

    def __init__(self, read_frames: FrameReading) -> None:
        self._read_frames = read_frames
        self.missing: list[str] = []

    def read(self, keys: Sequence[str]) -> list[NDArray[np.uint8]]:
        """Read frames; the keys of unreadable ones are added to `missing`."""
        try:
            return list(self._read_frames(keys))
        except (DatasetError, OSError):
            return [self._read_one(key) for key in keys]

    def report(self) -> int:
        """Log how many frames were missing, if any, and return the number."""
        if self.missing:
            get_logger("visual").warning(
                "%d frames cannot be read and are drawn hatched, the first is %s",
                len(self.missing),
                self.missing[0],
            )
        return len(self.missing)

    def _read_one(self, key: str) -> NDArray[np.uint8]:
        try:
            return self._read_frames([key])[0]
        except (DatasetError, OSError):
            self.missing.append(key)
            return _placeholder()


def _placeholder() -> NDArray[np.uint8]:
    rows, columns = np.indices((128, 64))
    hatch = (rows + columns) % 16 < 3
    return np.where(hatch[..., None], np.uint8(110), np.uint8(200)).repeat(3, axis=2)


def pick_frames(tracklet: Tracklet, count: int) -> list[str]:
    """Return ``count`` evenly spread frames, first and last included; all if the tracklet is shorter."""
    rows = np.unique(np.linspace(0, len(tracklet) - 1, num=min(count, len(tracklet))).round().astype(int))
    return [tracklet.frames[int(row)] for row in rows]


def resized(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return an image resized to (height, width), by area averaging if it shrinks."""
    import cv2

    method = cv2.INTER_AREA if image.shape[0] > size[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(np.asarray(image), (size[1], size[0]), interpolation=method), np.uint8)


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
        tracklet: the tracklet to draw.
        read_frames: reads frame keys into RGB images.
        count: frames in the strip; a shorter tracklet leaves white space, so that strips align.
        size: (height, width) of a frame.
        gap: white pixels between frames.

    Returns:
        ``(height, count * width + (count - 1) * gap, 3)`` uint8 RGB.
    """
    height, width = size
    strip = np.full((height, count * width + (count - 1) * gap, 3), 255, dtype=np.uint8)
    for position, image in enumerate(read_frames(pick_frames(tracklet, count))):
        left = position * (width + gap)
        strip[:, left : left + width] = resized(image, size)
    return strip


def jpeg_of(image: NDArray[np.uint8], quality: int) -> bytes:
    """Return an RGB image as a JPEG file.

    Raises:
        ConfigError: the image is too large for JPEG.
    """
    import cv2

    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    if not done:
        raise ConfigError(f"a picture of {image.shape[1]} x {image.shape[0]} is too large for JPEG")
    return bytes(data)
