"""Checks of a dataset's image files: missing files, damage, sizes, duplicates."""

import hashlib
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from videoreid.data.datasets.reading.files import list_images
from videoreid.data.decoding import decode_frame, read_bytes
from videoreid.data.frames import FrameReader
from videoreid.errors import DatasetError, FrameError
from videoreid.types import Tracklet
from videoreid.utils import generator_from

__all__ = ["FrameLook", "look_at_frames", "missing_frames", "sample_frames", "unlisted_images"]

_CHUNK = 4096
_FOLDERS = 64
_MOST_COPIES = 10_000


@dataclass
class FrameLook:
    """Counts over the frames that were decoded.

    Args:
        frames: number of frames tried.
        unreadable: messages of the frames that failed, each with its file.
        sizes: number of frames of each ``(height, width)``.
        copies: number of frames with the same bytes as an earlier one.
        copied: (earlier frame, copy) of the first ten thousand copies.
        wide: number of frames wider than high; crops of standing people are not.
    """

    frames: int = 0
    unreadable: list[str] = field(default_factory=list)
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    copies: int = 0
    copied: list[tuple[str, str]] = field(default_factory=list)
    wide: int = 0


def missing_frames(tracklets: Iterable[Tracklet]) -> list[str]:
    """Return the paths that do not exist, by listing their folders; keys of stores and videos are skipped."""
    present: dict[str, set[str]] = {}
    missing = []
    for tracklet in tracklets:
        for path in tracklet.frames:
            if "::" in path:
                continue
            folder, name = os.path.split(path)
            if folder not in present:
                if len(present) >= _FOLDERS:  # tracklets are in the order of their folders
                    present.clear()
                try:
                    present[folder] = set(list_images(Path(folder or ".")))
                except DatasetError:  # the folder itself is gone: each of its frames is reported
                    present[folder] = set()
            if name not in present[folder]:
                missing.append(path)
    return missing


def unlisted_images(tracklets: Iterable[Tracklet]) -> tuple[int, str]:
    """Return how many images in the folders of these frames belong to no tracklet, and the first such image."""
    listed: dict[str, set[int]] = {}
    for tracklet in tracklets:
        for path in tracklet.frames:
            if "::" not in path:
                folder, name = os.path.split(path)
                listed.setdefault(folder, set()).add(hash(name))  # a million names as text need much memory
    count, example = 0, ""
    for folder, names in listed.items():
        try:
            others = [name for name in list_images(Path(folder or ".")) if hash(name) not in names]
        except DatasetError:  # the folder is gone, which `missing_frames` reports
            continue
        count += len(others)
        example = example or (f"{folder}/{others[0]}" if others else "")
    return count, example


def sample_frames(tracklets: Sequence[Tracklet], count: int | None, seed: int = 0) -> Iterator[str]:
    """Yield ``count`` different frames drawn uniformly, or every frame, in the order of the dataset.

    Args:
        tracklets: the tracklets with the frames.
        count: number of frames; None, or more than there are, means all.
        seed: seed of the draw.
    """
    ends = np.cumsum([len(tracklet) for tracklet in tracklets]) if tracklets else np.zeros(0, np.int64)
    total = int(ends[-1]) if len(ends) else 0
    if count is None or count >= total:
        for tracklet in tracklets:
            yield from tracklet.frames
        return
    drawn = np.sort(generator_from(seed).choice(total, count, replace=False))
    owners = np.searchsorted(ends, drawn, side="right")
    for place, owner in zip(drawn.tolist(), owners.tolist(), strict=True):
        tracklet = tracklets[owner]
        yield tracklet.frames[place - int(ends[owner]) + len(tracklet)]


def look_at_frames(
    frames: Iterable[str], *, workers: int = 2, progress: Callable[[int], None] | None = None
) -> FrameLook:
    """Decode frames and count failures, sizes and copies.

    Args:
        frames: frame keys.
        workers: threads; decoding releases Python's lock.
        progress: called with the number of frames done since the last call.

    Returns:
        The counts.
    """
    look = FrameLook()
    seen: dict[bytes, str] = {}
    reader, lock = FrameReader(), threading.Lock()
    remaining = iter(frames)
    with ThreadPoolExecutor(max(workers, 1)) as pool:
        while chunk := list(islice(remaining, _CHUNK)):
            looked = pool.map(lambda key: _look_at(key, reader, lock), chunk)
            for key, (size, digest, error) in zip(chunk, looked, strict=True):
                look.frames += 1
                if error:
                    look.unreadable.append(error)
                    continue
                look.sizes[size] += 1
                look.wide += size[1] > size[0]
                first = seen.setdefault(digest, key)
                if first != key:
                    look.copies += 1
                    if len(look.copied) < _MOST_COPIES:
                        look.copied.append((first, key))
            if progress is not None:
                progress(len(chunk))
    return look


def _look_at(key: str, reader: FrameReader, lock: threading.Lock) -> tuple[tuple[int, int], bytes, str]:
    try:
        if "::" in key:
            with lock:  # a store or video is one open file
                image = reader.read([key])[0]
            data = image
        else:
            data = read_bytes(key)
            image = decode_frame(data, key)
    except FrameError as error:
        return (0, 0), b"", str(error)
    digest = hashlib.blake2b(data.tobytes(), digest_size=12).digest()
    return (image.shape[0], image.shape[1]), digest, ""
