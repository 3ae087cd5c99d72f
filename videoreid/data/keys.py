"""Frame keys: a path, an entry of a packed store (``store.h5::entry``) or a video frame (``video.avi::frame=12``)."""

import functools
import os
import re
from pathlib import Path
from typing import NamedTuple

from videoreid.errors import FrameError

__all__ = ["STORE_SUFFIXES", "FrameKey", "Box", "packed_key", "parse_key", "video_key"]

STORE_SUFFIXES = (".h5", ".hdf5")
_SEPARATOR = "::"
_VIDEO_FRAME = re.compile(r"frame=(?P<frame>[0-9]+)(&box=(?P<box>-?[0-9]+(,-?[0-9]+){3}))?")


class Box(NamedTuple):
    """A rectangle of whole pixels, 0-based; ``right`` and ``bottom`` are the first pixels outside."""

    left: int
    top: int
    right: int
    bottom: int


class FrameKey(NamedTuple):
    """The parts of a frame key.

    Args:
        path: the image, the store or the video.
        entry: name of the frame within a packed store; empty otherwise.
        frame: 0-based frame number within a video; -1 otherwise.
        box: rectangle to crop from the frame of a video; None is the whole frame.
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


@functools.lru_cache(maxsize=4096)  # a packed clip is first prefetched and then read frame by frame
def parse_key(key: str) -> FrameKey:
    """Split a frame key into its parts.

    A folder or a file may have ``::`` in its name: a key that is no store entry and no video frame is a path.

    Raises:
        FrameError: the key has ``::`` and is neither an entry of a store, nor a frame of a video, nor a path.
    """
    path, separator, inner = key.rpartition(_SEPARATOR)
    if not separator:
        return FrameKey(key)
    store = _store_of(key)
    if store:
        return FrameKey(store, entry=key[len(store) + len(_SEPARATOR) :])
    match = _VIDEO_FRAME.fullmatch(inner)
    if match:
        box = Box(*(int(edge) for edge in match["box"].split(","))) if match["box"] else None
        return FrameKey(path, frame=int(match["frame"]), box=box)
    if "/" in inner or os.sep in inner or Path(key).is_file():
        return FrameKey(key)
    raise FrameError(
        f"cannot read frame key {key!r}: expected 'store.h5::entry', 'video.avi::frame=12' or "
        "'video.avi::frame=12&box=left,top,right,bottom'"
    )


def _store_of(key: str) -> str:
    """Return the part of a key that names a store, or ""; the name of a folder may end like that of a store."""
    places = [match.start() for match in re.finditer(_SEPARATOR, key)]
    stores = [key[:place] for place in places if key[:place].lower().endswith(STORE_SUFFIXES)]
    if len(stores) > 1 or (stores and "/" in key[len(stores[0]) :]):
        files = [store for store in stores if Path(store).is_file()]
        if not files and Path(key).is_file():
            return ""
        stores = files or stores
    return stores[0] if stores else ""
