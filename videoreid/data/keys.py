"""Frame keys: a path, or a string that names its own store (``store.h5::key``, ``video.avi::frame=12``)."""

import functools
import os
from typing import NamedTuple

from videoreid.errors import FrameError

__all__ = ["STORE_SUFFIXES", "FrameKey", "Box", "packed_key", "parse_key", "video_key"]

STORE_SUFFIXES = (".h5", ".hdf5")
_SEPARATOR = "::"


class Box(NamedTuple):
    """A rectangle of whole pixels, 0-based; ``right`` and ``bottom`` are the first pixels outside."""

    left: int
    top: int
    right: int
    bottom: int


class FrameKey(NamedTuple):
    """A frame key taken apart.

    Args:
        path: the image, the store or the video.
        entry: name of the frame within a packed store; empty otherwise.
        frame: 0-based frame number within a video; -1 otherwise.
        box: what to cut out of the frame of a video; None is all of it.
    """

    path: str
    entry: str = ""
    frame: int = -1
    box: Box | None = None


def packed_key(store: str | os.PathLike[str], entry: str) -> str:
    """Return the key of a frame in a packed store."""
    return f"{os.fspath(store)}{_SEPARATOR}{entry}"


def video_key(video: str | os.PathLike[str], frame: int, box: Box | None = None) -> str:
    """Return the key of a frame of a video (0-based), or of a rectangle within it."""
    inner = f"frame={frame}" if box is None else f"frame={frame}&box={','.join(str(edge) for edge in box)}"
    return f"{os.fspath(video)}{_SEPARATOR}{inner}"


@functools.lru_cache(maxsize=4096)  # a packed clip is first asked for whole and then read frame by frame
def parse_key(key: str) -> FrameKey:
    """Take a frame key apart.

    Raises:
        FrameError: what follows ``::`` is neither an entry of a store nor a frame of a video.
    """
    path, separator, inner = key.rpartition(_SEPARATOR)
    if not separator:
        return FrameKey(key)
    if path.lower().endswith(STORE_SUFFIXES):
        return FrameKey(path, entry=inner)
    fields = dict(part.partition("=")[::2] for part in inner.split("&"))
    try:
        box = Box(*(int(edge) for edge in fields.pop("box").split(","))) if "box" in fields else None
        frame = int(fields.pop("frame"))
        if fields or frame < 0:
            raise ValueError
    except (KeyError, TypeError, ValueError):
        raise FrameError(
            f"cannot read frame key {key!r}: expected 'store.h5::entry', 'video.avi::frame=12' or "
            "'video.avi::frame=12&box=left,top,right,bottom'"
        ) from None
    return FrameKey(path, frame=frame, box=box)
