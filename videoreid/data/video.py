"""Frames of a video by number, and all of them in one pass."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from videoreid.errors import FrameError

__all__ = ["VideoReader", "frame_rate", "iterate_video"]

_SEEK_AFTER = 64  # decoding on is cheaper than seeking to a key frame and decoding from there


class VideoReader:
    """Random access to the frames of one video; fast when the numbers come in rising order.

    Args:
        path: any file that OpenCV decodes.

    Raises:
        FrameError: the file is missing or no video.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._capture = _open(self.path)
        self._next = 0

    def read(self, frame: int) -> np.ndarray:
        """Return frame number ``frame`` (0-based) as ``(H, W, 3)`` uint8 RGB.

        Raises:
            FrameError: the video has no such frame, or it does not decode.
        """
        import cv2

        if not self._next <= frame <= self._next + _SEEK_AFTER:
            self._capture.set(cv2.CAP_PROP_POS_FRAMES, frame)
            self._next = frame
        while self._next < frame:
            self._advance(self._capture.grab(), self._next)
        ok, image = self._capture.read()
        self._advance(ok, frame)
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)

    def _advance(self, ok: bool, frame: int) -> None:  # noqa: FBT001 - what OpenCV answered
        if not ok:
            self._next = -1 << 30  # wherever the file stands now, seek before the next read
            raise FrameError(
                f"cannot read frame {frame} of {self.path}: it is past the end, or does not decode"
            )
        self._next += 1


def iterate_video(path: str | os.PathLike[str]) -> Iterator[np.ndarray]:
    """Yield every frame of a video in order, ``(H, W, 3)`` uint8 RGB, one in memory at a time.

    Raises:
        FrameError: the file is missing or no video.
    """
    import cv2

    capture = _open(os.fspath(path))
    try:
        while True:
            ok, image = capture.read()
            if not ok:
                return
            yield cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    finally:
        capture.release()


def frame_rate(path: str | os.PathLike[str]) -> float:
    """Return the frames per second that a video states.

    Raises:
        FrameError: the file is missing, no video, or states no rate.
    """
    import cv2

    capture = _open(os.fspath(path))
    rate = float(capture.get(cv2.CAP_PROP_FPS))
    capture.release()
    if not 0.0 < rate < 10_000.0:
        raise FrameError(f"{os.fspath(path)} states no frame rate: give frames_per_second")
    return rate


def _open(path: str) -> Any:
    import cv2

    if not Path(path).is_file():
        raise FrameError(f"no video {path}: expected a file that OpenCV can decode")
    capture = cv2.VideoCapture(path)
    if not capture.isOpened():
        raise FrameError(f"cannot open video {path}: OpenCV knows no decoder for it")
    return capture
