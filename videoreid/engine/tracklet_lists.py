"""Write and read queries and gallery as a short list of frame keys, which is stored with every evaluation."""

import gzip
import json
import math
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from videoreid.errors import DatasetError
from videoreid.types import Tracklet
from videoreid.utils import atomic_write_bytes

__all__ = ["TrackletList", "read_tracklets", "write_tracklets"]

_FRAMES = 16  # per tracklet: enough to draw and play it
_HERE = "\0"  # first character of a key inside the run folder; no path contains it


class TrackletList(NamedTuple):
    """Queries and gallery; tracklets may hold only some of their frames.

    Args:
        query: Q tracklets.
        gallery: G tracklets, as published.
        query_lengths: frames of each query in the dataset.
    """

    query: Sequence[Tracklet]
    gallery: Sequence[Tracklet]
    query_lengths: Sequence[int]

    @classmethod
    def of(cls, query: Sequence[Tracklet], gallery: Sequence[Tracklet]) -> "TrackletList":
        """Return the list of whole tracklets."""
        return cls(query, gallery, [len(tracklet) for tracklet in query])


def write_tracklets(path: Path, tracklets: TrackletList, folder: Path) -> None:
    """Write up to 16 evenly spread frame keys of every tracklet.

    Args:
        path: the file, ``*.json.gz``.
        tracklets: queries and gallery.
        folder: of the run; keys of files inside it are stored relative to it, so that it can be moved.
    """
    home = f"{folder}/"
    content = {
        "query": [_row(tracklet, home) for tracklet in tracklets.query],
        "gallery": [_row(tracklet, home) for tracklet in tracklets.gallery],
        "query_lengths": [int(length) for length in tracklets.query_lengths],
    }
    text = json.dumps(content, separators=(",", ":"))
    atomic_write_bytes(path, gzip.compress(text.encode("ascii"), mtime=0))


def read_tracklets(path: Path, folder: Path) -> TrackletList:
    """Read a file of `write_tracklets`.

    Args:
        path: the file.
        folder: present folder of the run.

    Raises:
        DatasetError: the file is damaged.
    """
    home = f"{folder}/"
    try:
        content = json.loads(gzip.decompress(path.read_bytes()))
        query, gallery = (
            tuple(_tracklet(row, home) for row in content[name]) for name in ("query", "gallery")
        )
        return TrackletList(query, gallery, [int(length) for length in content["query_lengths"]])
    except (OSError, ValueError, KeyError, TypeError, EOFError, zlib.error) as error:
        raise DatasetError(f"{path} cannot be read ({type(error).__name__}): evaluate again") from error


def _row(tracklet: Tracklet, home: str) -> list[Any]:
    rows = np.unique(np.linspace(0, len(tracklet) - 1, num=min(_FRAMES, len(tracklet))).round().astype(int))
    keys = [tracklet.frames[row] for row in rows.tolist()]
    keys = [_HERE + key.removeprefix(home) if key.startswith(home) else key for key in keys]
    times = [None if math.isnan(value) else float(value) for value in (tracklet.time, tracklet.end_time)]
    return [int(tracklet.pid), int(tracklet.camid), *times, int(tracklet.clothes), keys]


def _tracklet(row: list[Any], home: str) -> Tracklet:
    pid, camid, time, end_time, clothes, keys = row
    first, last = (math.nan if value is None else float(value) for value in (time, end_time))
    frames = [home + key[1:] if key.startswith(_HERE) else key for key in keys]
    return Tracklet(frames, pid, camid, first, last, clothes)
