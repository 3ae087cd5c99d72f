"""One open video: its decoded frames and its packets, each with its time stamp."""

import ctypes
import os
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from videoreid.errors import FrameError

__all__ = ["Capture"]


class Capture:
    """An open video, read forward frame by frame or packet by packet.

    It belongs to the process and the thread that opened it. A forked child does not close an inherited capture: the
    decoder's threads do not exist in the child, and waiting for them would never end.

    Args:
        path: any file that OpenCV decodes.
        packets: step through the packets of the container instead, without decoding them.

    Raises:
        FrameError: the file is missing or is not a video, or OpenCV cannot read its packets one by one.
    """

    def __init__(self, path: str, *, packets: bool = False) -> None:
        import cv2

        self.path = path
        self._process = os.getpid()
        self._capture = _open(path)
        if packets and not self._capture.set(cv2.CAP_PROP_FORMAT, -1):
            raise FrameError(f"the packets of {path} cannot be read one by one")

    def __enter__(self) -> "Capture":
        """Return itself; leaving the block closes the video."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the video."""
        self.release()

    def grab(self) -> bool:
        """Step to the next frame or packet; False where it does not decode, and at the end."""
        return bool(self._capture.grab())

    def stamp(self) -> int:
        """Return the time stamp of the current frame in microseconds; 0 where there is none."""
        import cv2

        return round(1000 * self._capture.get(cv2.CAP_PROP_POS_MSEC))

    def is_key(self) -> bool:
        """Return whether the current packet decodes without others."""
        import cv2

        return bool(self._capture.get(cv2.CAP_PROP_LRF_HAS_KEY_FRAME))

    def retrieve(self) -> np.ndarray | None:
        """Return the current frame, ``(H, W, 3)`` uint8 RGB, or None where it has no picture."""
        import cv2

        ok, image = self._capture.retrieve()
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if ok and image is not None else None

    def seek(self, stamp: int) -> None:
        """Seek to a time stamp in microseconds; OpenCV may stop at another frame, which the next `stamp` shows."""
        import cv2

        self._capture.set(cv2.CAP_PROP_POS_MSEC, stamp / 1000)

    def rate(self) -> float:
        """Return the frames per second that the container states; 0 where it states none or an impossible rate."""
        import cv2

        rate = float(self._capture.get(cv2.CAP_PROP_FPS))
        return rate if 0.0 < rate < 10_000.0 else 0.0

    def count(self) -> int:
        """Return how many frames the container states, which may be wrong; 0 where it states none."""
        import cv2

        return max(0, int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)))

    def release(self) -> None:
        """Close the video."""
        if self._process == os.getpid():
            self._capture.release()

    def __del__(self) -> None:
        """Leave a decoder open that this process inherited through a fork."""
        capture = self.__dict__.get("_capture")
        if capture is not None and self._process != os.getpid():
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(capture))


def _open(path: str) -> Any:
    import cv2

    try:
        path.encode()
    except UnicodeEncodeError:
        raise FrameError(
            f"cannot open video {path!r}: its path is not UTF-8, which OpenCV cannot take; rename it"
        ) from None
    if not Path(path).is_file():
        raise FrameError(f"no video {path}: expected a file that OpenCV can decode")
    try:
        capture = cv2.VideoCapture(path)
    except cv2.error as error:
        raise FrameError(f"cannot open video {path}: {error}") from error
    if not capture.isOpened():
        raise FrameError(f"cannot open video {path}: OpenCV knows no decoder for it")
    return capture
