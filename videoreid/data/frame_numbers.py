"""Frame numbers of a video, counted by the time stamps of its container: a lost frame does not shift the others."""

import os
import threading
from array import array
from bisect import bisect_left
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

import numpy as np

from videoreid.data.capture import Capture
from videoreid.errors import FrameError

__all__ = ["PATIENCE", "FrameIndex", "frame_index"]

PATIENCE = 256  # this many failed steps in a row mean the end
_MOST_SHIFTS = 512  # packets before the first frame that an edit list of an MP4 file may hide
_EDITED = (".mp4", ".mov", ".m4v", ".3gp", ".qt")
_MOST_INDEXES = 1024
_LOCK = threading.Lock()
_INDEXES: "OrderedDict[tuple[str, int, int], FrameIndex]" = OrderedDict()

# a lock that another thread holds while the process forks would never be free in the child
os.register_at_fork(before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_LOCK.release)


class Packets(NamedTuple):
    """The packets of a video.

    Args:
        stamps: ``(N,)`` int64 microseconds, rising; empty if the stamps of the container do not distinguish frames.
        before: ``(N,)`` int64, for each packet how many packets with an earlier stamp also come earlier in the file.
        is_key: ``(N,)`` bool, whether a packet decodes without others.
        whole: whether every packet could be read.
    """

    stamps: np.ndarray
    before: np.ndarray
    is_key: np.ndarray
    whole: bool


class FrameIndex:
    """Numbers and time stamps of the frames of one video, recorded while the video is decoded from the start.

    A frame's number is the position of its time stamp among the stamps of all packets, so a packet that does not
    decode keeps its number. Without usable stamps the failed steps of the decoder are counted instead.

    Args:
        path: the video.
    """

    def __init__(self, path: str) -> None:
        self._packets = _packets(path)
        self.stamps = array("q")  # of the frames that decoded, in order; -1 for a stamp that does not rise
        self.numbers = array("q")  # of the same frames, rising
        stamps = self._packets.stamps
        shifts = stamps[:_MOST_SHIFTS] if path.lower().endswith(_EDITED) else stamps[:1]
        # an edit list hides the first packets: the stamps of the frames show which packet is the first frame
        self._offsets = shifts - shifts[:1]
        self._first = np.zeros(len(self._offsets), dtype=np.int64)
        self._anchor = 0
        self._latest = -1
        # near damage a decoder invents pictures, and different ones after a seek
        self.seekable = bool(len(stamps)) and self._packets.whole

    def observe(self, ordinal: int, stamp: int, failures: int) -> int:
        """Record a frame and return its number.

        Args:
            ordinal: how many frames decoded before it.
            stamp: its time stamp in microseconds.
            failures: failed steps between the previous frame and this one.

        Raises:
            FrameError: the frame had another stamp before: the file changed, or does not decode the same way twice.
        """
        with _LOCK:
            last = self.numbers[-1] if self.numbers else -1
            if ordinal == len(self.stamps):
                rises = stamp > self._latest
                self._latest = max(stamp, self._latest)
                number = self._number(stamp, last) if rises else None
                if number is None:
                    number = last + 1 + (0 if len(self._offsets) else failures)
                self.seekable = self.seekable and rises and number == last + 1
                self.numbers.append(number)
                self.stamps.append(stamp if rises else -1)
            elif self.stamps[ordinal] not in (stamp, -1):
                raise FrameError(
                    "the video gives other frames than before: was it changed while it was read?"
                )
            return self.numbers[ordinal]

    def _number(self, stamp: int, last: int) -> int | None:
        """Return the number of a frame by its stamp, or None if no packet has this stamp."""
        packets = self._packets.stamps
        if not len(self._offsets):
            return None
        places = np.searchsorted(packets, stamp + self._offsets)
        fits = (places < len(packets)) & (
            packets[np.minimum(places, len(packets) - 1)] == stamp + self._offsets
        )
        self._offsets, self._first, places = self._offsets[fits], self._first[fits], places[fits]
        if not len(places):
            self.seekable = False
            return None
        if last < 0:
            self._first = places
            self._anchor = self._lost_before(int(places[0]))
            self.seekable = self.seekable and self._anchor == int(places[0])
        # the fewest lost frames that explain the stamps
        return max(last + 1, self._anchor + int((places - self._first).min()))

    def _lost_before(self, place: int) -> int:
        """Return how many frames were lost before the first that decoded.

        In AVI files the stamps are late by the delay of the decoder. The first stamp is then not that of a key frame,
        and no frame was lost.
        """
        return int(self._packets.before[place]) if self._packets.is_key[place] else 0

    def ordinal(self, number: int) -> int:
        """Return how many frames decode before a number, among those that are known."""
        return bisect_left(self.numbers, number)

    def place(self, stamp: int) -> int:
        """Return the ordinal of the frame at a stamp, or -1; for seekable videos."""
        ordinal = bisect_left(self.stamps, stamp)
        return ordinal if ordinal < len(self.stamps) and self.stamps[ordinal] == stamp else -1

    def left_after(self, stamp: int) -> int:
        """Return how many packets come after a stamp."""
        return len(self._packets.stamps) - int(np.searchsorted(self._packets.stamps, stamp, side="right"))


def frame_index(path: str) -> FrameIndex:
    """Return the index of a video's frames, which all readers of this process share.

    Raises:
        FrameError: the file is missing or is not a video.
    """
    try:
        status = Path(path).stat()
    except (OSError, ValueError) as error:
        raise FrameError(f"no video {path}: expected a file that OpenCV can decode") from error
    key = (path, status.st_size, status.st_mtime_ns)
    with _LOCK:
        known = _INDEXES.get(key)
    if known is None:
        fresh = FrameIndex(path)  # reads the whole file, so not under the lock
        with _LOCK:
            known = _INDEXES.setdefault(key, fresh)
            while len(_INDEXES) > _MOST_INDEXES:
                _INDEXES.popitem(last=False)
    return known


def _packets(path: str) -> Packets:
    """Read the stamps of all packets; a packet that cannot be read gets a stamp between those of its neighbours."""
    stamps: list[int] = []
    keys: list[bool] = []
    failures = unread = 0
    none = Packets(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, bool), whole=False)
    try:
        capture = Capture(path, packets=True)
    except FrameError:
        return none
    with capture:
        while failures < PATIENCE:
            if not capture.grab():
                failures += 1
                continue
            stamp = capture.stamp()
            if failures and stamps and stamp - stamps[-1] > failures:
                step = (stamp - stamps[-1]) / (failures + 1)
                stamps += [stamps[-1] + round(step * (place + 1)) for place in range(failures)]
                keys += [False] * failures
            unread, failures = unread + failures, 0
            stamps.append(stamp)
            keys.append(capture.is_key())
    table = np.array(stamps, dtype=np.int64)
    order = np.argsort(table, kind="stable")
    rising = table[order]
    if len(rising) < 2 or (np.diff(rising) <= 0).any():
        return none
    # a packet that comes later in the file but is shown earlier was reordered, not lost
    before = np.minimum(np.arange(len(order)), order)
    return Packets(rising, before, np.array(keys, dtype=bool)[order], whole=not unread)
