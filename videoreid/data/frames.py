"""Reading of frames by key, from folders, packed stores and videos."""

import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Literal

import numpy as np
import torch
from torch.utils.data import get_worker_info

from videoreid.data.decoding import decode_frame, read_bytes
from videoreid.data.keys import FrameKey, parse_key
from videoreid.data.stores import open_store, read_packed
from videoreid.data.video import VideoReader
from videoreid.errors import ConfigError, DatasetError, FrameError
from videoreid.utils import get_logger

__all__ = ["FrameReader"]

_MAX_WORKERS = 1024
_MAX_VIDEOS = 8


class _OpenVideos(threading.local):
    """The open videos of one thread of one process; neither threads nor processes can share a decoder."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.readers: dict[str, VideoReader] = {}


class FrameReader:
    """Reads frames by key; safe in forked and spawned workers, and in several threads.

    An open store belongs to one process, an open video to one thread of one process; every other process or thread
    opens it again.

    Args:
        on_bad_frame: what to do with a frame that cannot be read: "raise" a `FrameError` that names it, or
            "skip" it: the nearest readable frame of the same call takes its place, a warning names it, and
            `skipped` counts it, across the workers of a loader as well.
        sixteen_bits: bits in use in pictures of 16 bits per channel, 8 to 16; see `videoreid.data.decoding`.
        check_packed: compare the checksum of every frame that comes from a packed store.

    Raises:
        ConfigError: ``on_bad_frame`` or ``sixteen_bits`` has another value.
    """

    def __init__(
        self,
        on_bad_frame: Literal["raise", "skip"] = "raise",
        *,
        sixteen_bits: int = 16,
        check_packed: bool = True,
    ) -> None:
        if on_bad_frame not in ("raise", "skip"):
            raise ConfigError(f"on_bad_frame must be 'raise' or 'skip', not {on_bad_frame!r}")
        if not 8 <= sixteen_bits <= 16:
            raise ConfigError(f"sixteen_bits must be 8 to 16, the bits in use, not {sixteen_bits!r}")
        self.on_bad_frame = on_bad_frame
        self.sixteen_bits = sixteen_bits
        self.check_packed = check_packed
        # one slot per worker, in shared memory: no lock, and no lost count
        self._skipped = torch.zeros(_MAX_WORKERS, dtype=torch.int64).share_memory_()
        self._videos = _OpenVideos()

    @property
    def skipped(self) -> int:
        """Frames that were skipped so far, in this process and in workers made from it."""
        return int(self._skipped.sum())

    def read(self, frames: Sequence[str]) -> list[np.ndarray]:
        """Read frames.

        Args:
            frames: keys: paths, ``store.h5::entry`` or ``video.avi::frame=12`` (see `videoreid.data.keys`).

        Returns:
            One ``(H, W, 3)`` uint8 RGB array per key, in the order of the keys; sizes may differ.

        Raises:
            FrameError: a frame cannot be read; with "skip", no frame can be read.
        """
        if len(frames) > 1 and "::" in frames[0]:
            _prefetch(frames)
        if self.on_bad_frame == "raise":
            return [self._read_one(key) for key in frames]
        images: list[np.ndarray | None] = []
        for key in frames:
            try:
                images.append(self._read_one(key))
            except DatasetError as error:  # a store that cannot be opened is bad as well
                self._count(error)
                images.append(None)
        return _fill(images, frames)

    def _read_one(self, key: str) -> np.ndarray:
        if "::" not in key:  # the common case, without the cost of parsing
            return decode_frame(read_bytes(key), key, sixteen_bits=self.sixteen_bits)
        parsed = parse_key(key)
        if parsed.entry:
            data = read_packed(parsed.path, parsed.entry, check=self.check_packed)
            return decode_frame(data, key, sixteen_bits=self.sixteen_bits)
        if parsed.frame >= 0:
            return self._read_video(parsed, key)
        return decode_frame(read_bytes(key), key, sixteen_bits=self.sixteen_bits)

    def _read_video(self, parsed: FrameKey, key: str) -> np.ndarray:
        if (
            self._videos.process != os.getpid()
        ):  # a forked child shares the parent's file offset: open it again
            self._videos = _OpenVideos()
        readers = self._videos.readers
        if parsed.path not in readers:
            if len(readers) >= _MAX_VIDEOS:
                readers.pop(next(iter(readers)))
            readers[parsed.path] = VideoReader(parsed.path)
        image = readers[parsed.path].read(parsed.frame)
        if parsed.box is None:
            return image
        left, top, right, bottom = parsed.box
        height, width = image.shape[:2]
        if not (0 <= left < right <= width and 0 <= top < bottom <= height):
            raise FrameError(f"frame {key}: the box lies outside the {width}x{height} frame")
        return np.ascontiguousarray(image[top:bottom, left:right])

    def _count(self, error: DatasetError) -> None:
        worker = get_worker_info()
        self._skipped[0 if worker is None else 1 + worker.id % (_MAX_WORKERS - 1)] += 1
        get_logger("data").warning("skipped: %s", error)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_videos"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _videos=_OpenVideos())


def _prefetch(frames: Sequence[str]) -> None:
    """Fetch the frames of a clip from a packed store together; other keys are ignored."""
    parsed = [parse_key(key) for key in frames if "::" in key]
    entries = [key.entry for key in parsed if key.entry and key.path == parsed[0].path]
    if entries:
        with suppress(DatasetError):  # reading the frames meets the same error, and raises or skips it
            open_store(parsed[0].path).prefetch(entries)


def _fill(images: list[np.ndarray | None], frames: Sequence[str]) -> list[np.ndarray]:
    good = [position for position, image in enumerate(images) if image is not None]
    if not good:
        raise FrameError(
            f"none of {len(frames)} frames can be read, the first is {frames[0] if frames else 'absent'}"
        )
    nearest = (min(good, key=lambda other: abs(other - position)) for position in range(len(images)))
    return [image for position in nearest if (image := images[position]) is not None]
