"""Bytes to pixels: the one place where an encoded image is decoded."""

import os
from pathlib import Path

import numpy as np

from videoreid.errors import FrameError

__all__ = ["decode_frame", "read_bytes"]

# OpenCV fills what is missing of a truncated image with grey; the marker at its end says whether it is whole.
_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_ALONE = {0x01, *range(0xD0, 0xD9)}  # JPEG markers without a length
_SCAN, _END, _FILL = 0xDA, 0xD9, 0xFF


def read_bytes(path: str | os.PathLike[str]) -> np.ndarray:
    """Read a file as ``(N,)`` uint8.

    Raises:
        FrameError: the file is missing, unreadable or empty.
    """
    try:
        if Path(path).is_fifo():  # to open one is to wait for whoever writes into it
            raise FrameError(f"cannot read frame {os.fspath(path)}: it is a pipe, not a file")
        data = np.fromfile(path, dtype=np.uint8)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a readable file"
        raise FrameError(f"cannot read frame {os.fspath(path)}: {reason}") from error
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

    if not _is_whole(data):
        raise FrameError(f"cannot decode frame {name}: the file is cut off; fetch or write it again")
    rgb = getattr(cv2, "IMREAD_COLOR_RGB", None)  # since OpenCV 4.11: saves a pass over the pixels
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR if rgb is None else rgb)
    except cv2.error as error:  # a header that declares more pixels than OpenCV takes
        raise FrameError(f"cannot decode frame {name}: {error.err or 'OpenCV refuses it'}") from error
    if image is None:
        raise FrameError(f"cannot decode frame {name}: it is damaged, or no image of a known format")
    return image if rgb is not None else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _is_whole(data: np.ndarray) -> bool:
    """Return whether a JPEG or PNG image reaches its end marker, whatever stands behind it; True for others."""
    if data[:3].tobytes() == _JPEG:
        return data[-2:].tobytes() == b"\xff\xd9" or _jpeg_ends(data.tobytes())
    if data[:8].tobytes() == _PNG:
        return b"IEND" in data[-12:].tobytes() or _png_ends(data.tobytes())
    return True


def _jpeg_ends(raw: bytes) -> bool:
    # segments up to the first scan have lengths: a thumbnail within one has an end marker of its own
    place = 2
    while place + 4 <= len(raw) and raw[place] == _FILL:
        marker = raw[place + 1]
        if marker == _SCAN:
            return b"\xff\xd9" in raw[place:]
        if marker == _END:
            return True
        if marker == _FILL:
            place += 1
        else:
            place += 2 if marker in _ALONE else 2 + int.from_bytes(raw[place + 2 : place + 4], "big")
    return False


def _png_ends(raw: bytes) -> bool:
    place = 8
    while place + 12 <= len(raw):
        if raw[place + 4 : place + 8] == b"IEND":
            return True
        place += 12 + int.from_bytes(raw[place : place + 4], "big")
    return False
