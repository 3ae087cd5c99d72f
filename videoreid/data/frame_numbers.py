"""Numbers of the frames of a video, counted by the time stamps of its container, so that a lost frame shifts none."""

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

PATIENCE = 256  # failed steps in a row that are taken for the end
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
        stamps: ``(N,)`` int64 microseconds, rising; empty where the container has no stamps that tell frames apart.
        before: of each, how many of the earlier ones also come earlier in the file.
        is_key: of each, whether it decodes without others.
        whole: every packet could be read.
    """

    stamps: np.ndarray
    before: np.ndarray
    is_key: np.ndarray
    whole: bool


class FrameIndex:
    """What is known of the frames of one video: it grows as the video is decoded from its front.

    A frame's number is the place of its time stamp among those of the container's packets, so that a packet that
    gives no picture keeps its number. Without usable stamps the failed steps of the decoder are counted instead.

    Args:
        path: the video.
    """

    def __init__(self, path: str) -> None:
        self._packets = _packets(path)
        self.stamps = array("q")  # of the frames that decoded, in order; -1 where there is none
        self.numbers = array("q")  # of the same frames, rising
        stamps = self._packets.stamps
        shifts = stamps[:_MOST_SHIFTS] if path.lower().endswith(_EDITED) else stamps[:1]
        # an edit list hides the first packets: which of them is the first frame shows where the frames fit
        self._offsets = shifts - shifts[:1]
        self._first = np.zeros(len(self._offsets), dtype=np.int64)
        self._anchor = 0
        self._latest = -1
        # next to damage a decoder makes pictures up, and other ones after a seek
        self.seekable = bool(len(stamps)) and self._packets.whole

    def observe(self, ordinal: int, stamp: int, failures: int) -> int:
        """Take note of a frame and return its number.

        Args:
            ordinal: how many frames decoded before it.
            stamp: its time stamp in microseconds.
            failures: steps that failed between the frame before and this one.

        Raises:
            FrameError: the frame was seen before with another stamp: the file changed, or decodes by chance.
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
        """Return the number of a frame by its stamp, or None where the packets do not know it."""
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

        Stamps that are later than they should be by the delay of the decoder (AVI) do not begin with a key frame.
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
    """Return what this process knows of the frames of a video; one index for all its readers.

    Raises:
        FrameError: the file is missing or no video.
    """
    try:
        status = Path(path).stat()
    except (OSError, ValueError) as error:
        raise FrameError(f"no video {path}: expected a file that OpenCV can decode") from error
    key = (path, status.st_size, status.st_mtime_ns)
    with _LOCK:
        known = _INDEXES.get(key)
    if known is None:
        fresh = FrameIndex(path)  # reads the file: not while others wait
        with _LOCK:
            known = _INDEXES.setdefault(key, fresh)
            while len(_INDEXES) > _MOST_INDEXES:
                _INDEXES.popitem(last=False)
    return known


def _packets(path: str) -> Packets:
    """Read the stamps of all packets; a packet that cannot be read gets one between its neighbours'."""
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
    # in file order and earlier in time: what a later packet shows earlier was reordered, not lost
    before = np.minimum(np.arange(len(order)), order)
    return Packets(rising, before, np.array(keys, dtype=bool)[order], whole=not unread)
