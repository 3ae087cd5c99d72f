"""Bytes to pixels: the one place where an encoded image is decoded."""

import os

import numpy as np

from videoreid.errors import FrameError

__all__ = ["decode_frame", "read_bytes"]

# OpenCV fills what is missing of a truncated JPEG with grey; the marker at its end says whether it is whole.
_END_MARKERS = {b"\xff\xd8\xff": b"\xff\xd9", b"\x89PN": b"IEND"}
_TAIL = 1024  # some writers pad behind the marker


def read_bytes(path: str | os.PathLike[str]) -> np.ndarray:
    """Read a file as ``(N,)`` uint8.

    Raises:
        FrameError: the file is missing, unreadable or empty.
    """
    try:
        data = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise FrameError(
            f"cannot read frame {os.fspath(path)}: {error.strerror or 'not a readable file'}"
        ) from error
    if not data.size:
        raise FrameError(f"cannot read frame {os.fspath(path)}: the file is empty; fetch it again")
    return data


def decode_frame(data: np.ndarray, name: str) -> np.ndarray:
    """Decode an image, of any format that OpenCV knows, to RGB.

    Args:
        data: ``(N,)`` uint8, the encoded image.
        name: the frame's key, for the message.

    Returns:
        ``(H, W, 3)`` uint8 RGB, contiguous.

    Raises:
        FrameError: the bytes are not a whole image.
    """
    import cv2

    marker = _END_MARKERS.get(data[:3].tobytes())
    if marker and marker not in data[-_TAIL:].tobytes():
        raise FrameError(f"cannot decode frame {name}: the file is cut off; fetch or write it again")
    rgb = getattr(cv2, "IMREAD_COLOR_RGB", None)  # since OpenCV 4.11: saves a pass over the pixels
    image = cv2.imdecode(data, cv2.IMREAD_COLOR if rgb is None else rgb)
    if image is None:
        raise FrameError(f"cannot decode frame {name}: it is damaged, or no image of a known format")
    return image if rgb is not None else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
