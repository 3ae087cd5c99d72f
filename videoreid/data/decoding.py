"""Bytes to pixels: the one place where an encoded image is decoded."""

import os
import warnings

import numpy as np
import torch
from torchvision.io import ImageReadMode, decode_image

from videoreid.errors import FrameError

__all__ = ["decode_frame", "read_bytes"]

_STRICT_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG")


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
    """Decode an image to RGB.

    JPEG and PNG go through torchvision, which refuses a truncated file where OpenCV would fill the rest with
    grey; other formats (BMP, TIFF, WebP) go through OpenCV.

    Args:
        data: ``(N,)`` uint8, the encoded image.
        name: the frame's key, for the message.

    Returns:
        ``(H, W, 3)`` uint8 RGB, contiguous.

    Raises:
        FrameError: the bytes are not a whole image.
    """
    if data[:4].tobytes().startswith(_STRICT_SIGNATURES):
        try:
            image = decode_image(_writable(data), mode=ImageReadMode.RGB)
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            raise FrameError(f"cannot decode frame {name}: {reason}; fetch or write it again") from error
        if image.dtype == torch.uint16:  # a PNG of 16 bits
            image = (image.to(torch.int32) >> 8).to(torch.uint8)
        return np.ascontiguousarray(image.permute(1, 2, 0).numpy())
    import cv2

    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    if decoded is None:
        raise FrameError(f"cannot decode frame {name}: it is no image of a known format")
    return cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)


def _writable(data: np.ndarray) -> torch.Tensor:
    if data.flags.writeable:
        return torch.from_numpy(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the decoder only reads; torch has no read-only tensors
        return torch.from_numpy(data)
