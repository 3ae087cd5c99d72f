"""Read and decode encoded images; all other modules decode images through this one."""

import os
import stat

import numpy as np

from videoreid.errors import FrameError
from videoreid.utils.picture_headers import MAX_PIXELS, declared_size, has_sixteen_bits, is_cut_off

__all__ = ["check_picture", "decode_frame", "read_bytes"]

_OPEN = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


def read_bytes(path: str | os.PathLike[str]) -> np.ndarray:
    """Read a file as ``(N,)`` uint8.

    Raises:
        FrameError: the file is missing, unreadable, empty, or not a regular file.
    """
    try:
        handle = os.open(path, _OPEN)  # non-blocking: opening a pipe could wait for ever
        with os.fdopen(handle, "rb", buffering=0) as file:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise FrameError(f"cannot read frame {os.fspath(path)}: it is a folder, a pipe or a device")
            data = np.fromfile(file, dtype=np.uint8)
    except (OSError, ValueError) as error:  # a name with a NUL is a ValueError
        reason = getattr(error, "strerror", None) or "not a readable file"
        raise FrameError(f"cannot read frame {os.fspath(path)!s}: {reason}") from error
    if not data.size:
        raise FrameError(f"cannot read frame {os.fspath(path)}: the file is empty; fetch it again")
    return data


def decode_frame(data: np.ndarray, name: str, *, sixteen_bits: int = 16) -> np.ndarray:
    """Decode an image of any format that OpenCV knows to RGB.

    Args:
        data: ``(N,)`` uint8, the encoded image; bytes after its end are ignored.
        name: the frame's key, for the message.
        sixteen_bits: number of lowest bits that are used of a PNG with 16 bits per channel, 8 to 16; the upper eight of
            them are kept, and brighter values become 255. Thermal and depth cameras often use 12 or 14 bits; read with
            16, such a picture is nearly black.

    Returns:
        ``(H, W, 3)`` uint8 RGB, contiguous.

    Raises:
        FrameError: the bytes are not a whole image, or its header declares more than 134 million pixels.
    """
    import cv2

    check_picture(data, name)
    rgb = getattr(cv2, "IMREAD_COLOR_RGB", None)  # since OpenCV 4.11: saves a pass over the pixels
    flags = cv2.IMREAD_COLOR if rgb is None else rgb
    deep = sixteen_bits != 16 and has_sixteen_bits(data[:32].tobytes())
    try:
        image = cv2.imdecode(data, flags | cv2.IMREAD_ANYDEPTH if deep else flags)
    except cv2.error as error:
        raise FrameError(f"cannot decode frame {name}: {' '.join(str(error).split())}") from None
    if image is None:
        raise FrameError(f"cannot decode frame {name}: it is damaged, or not an image of a known format")
    if image.dtype == np.uint16:
        image = np.minimum(np.right_shift(image, sixteen_bits - 8), 255).astype(np.uint8)
    return image if rgb is not None else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def check_picture(data: np.ndarray, name: str) -> None:
    """Refuse a picture that is truncated or declares an impossible size, before memory is allocated for it.

    Args:
        data: ``(N,)`` uint8, the encoded image.
        name: name of the frame, for the message.

    Raises:
        FrameError: the picture is truncated, or declares more than 134 million pixels.
    """
    encoded = data.tobytes()
    if is_cut_off(encoded):
        raise FrameError(f"cannot decode frame {name}: the file is cut off; fetch or write it again")
    size = declared_size(encoded)
    if size is not None and size[0] * size[1] > MAX_PIXELS:
        raise FrameError(
            f"cannot decode frame {name}: its header declares {size[1]}x{size[0]} pixels, more than {MAX_PIXELS:,}; "
            "it is damaged, or not a frame"
        )
