"""Reading of a video, by frame number or in one pass; both number the frames in the same way."""

import math
import os
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from videoreid.data.capture import Capture
from videoreid.data.decoding import decode_frame, read_bytes
from videoreid.data.frame_numbers import PATIENCE, frame_index
from videoreid.data.image_sequences import image_sequence, is_image_sequence, sequence_rate
from videoreid.errors import FrameError
from videoreid.utils import get_logger

__all__ = [
    "VideoFrame",
    "VideoReader",
    "frame_rate",
    "iterate_frames",
    "iterate_video",
    "packets_left",
    "stated_frames",
]

_SEEK_AFTER = 64  # decoding on is cheaper than seeking to a key frame and decoding from there
_STEPS_BACK = (0, 64, 512)  # a seek is tried this many frames before the requested one
_MOST_NAMED = 10


class VideoFrame(NamedTuple):
    """A frame that decoded.

    Args:
        number: 0-based, counted by the container's time stamps: a lost frame keeps its number.
        seconds: time since the first frame by the container's time stamps, or by the stated rate if there are none.
        image: ``(H, W, 3)`` uint8 RGB.
    """

    number: int
    seconds: float
    image: np.ndarray


class VideoReader:
    """Random access to the frames of one video; fast when the numbers come in rising order.

    A frame after the last known one is reached by decoding. For a known frame the reader seeks and checks the time
    stamp of the result; if the file has no reliable stamps, or the seek ends elsewhere, it decodes from the start.

    Args:
        path: any file that OpenCV decodes.

    Raises:
        FrameError: the file is missing or is not a video.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._capture = Capture(self.path)
        self._index = frame_index(self.path)
        self._at = -1  # ordinal of the current frame
        self._may_seek = True

    def read(self, frame: int) -> np.ndarray:
        """Return frame number ``frame`` (0-based) as ``(H, W, 3)`` uint8 RGB.

        Raises:
            FrameError: the video has no such frame, or it does not decode.
        """
        self._reach(frame)
        ordinal = self._index.ordinal(frame)
        if ordinal == len(self._index.numbers):
            last = self._index.numbers[-1] if ordinal else -1
            raise FrameError(
                f"cannot read frame {frame} of {self.path}: it is past the end, frame {last} is the last"
            )
        if self._index.numbers[ordinal] == frame:
            self._go_to(ordinal)
            image = self._capture.retrieve()
            if image is not None:
                return image
        raise FrameError(f"cannot read frame {frame} of {self.path}: it is damaged and does not decode")

    def _reach(self, frame: int) -> None:
        """Decode until the number is known or the video ends."""
        numbers = self._index.numbers
        while not numbers or numbers[-1] < frame:
            if numbers:
                self._go_to(len(numbers) - 1)
            if not self._step():
                return

    def _go_to(self, ordinal: int) -> None:
        """Make a known frame the current one."""
        if not self._at <= ordinal <= self._at + _SEEK_AFTER and not self._seek(ordinal):
            self._capture.release()
            self._capture, self._at = Capture(self.path), -1
        while self._at < ordinal:
            if not self._step():
                raise FrameError(
                    f"{self.path} ends before a frame that it had: was it changed while it was read?"
                )

    def _seek(self, ordinal: int) -> bool:
        """Seek to a known frame, or to one before it; return whether the time stamps confirm it."""
        for back in _STEPS_BACK if self._may_seek and self._index.seekable else ():
            if back >= ordinal:
                return False
            self._capture.seek(self._index.stamps[ordinal - back])
            if self._capture.grab():
                self._at = self._index.place(self._capture.stamp())
                if 0 <= self._at <= ordinal:
                    return True
        if self._may_seek:
            self._may_seek = False
            get_logger("data").warning(
                "%s: seeking by time stamps does not work; frames before the last one read are decoded from the start",
                self.path,
            )
        return False

    def _step(self) -> bool:
        last = self._index.stamps[self._at] if self._at >= 0 else -1
        failures = _advance(self._capture, max(PATIENCE, self._index.left_after(last)))
        if failures is None:
            return False
        self._at += 1
        self._index.observe(self._at, self._capture.stamp(), failures)
        return True


def iterate_frames(path: str | os.PathLike[str]) -> Iterator[VideoFrame]:
    """Yield every frame that decodes, in order, with its number and time, one in memory at a time.

    A damaged frame is skipped but keeps its number; a warning at the end counts and lists the lost frames.

    Args:
        path: a video, a folder of images whose names end in their numbers, or a pattern such as ``img/%06d.jpg``.
            The times of images follow from a ``seqinfo.ini`` (MOT) beside them; without it their seconds are NaN.

    Raises:
        FrameError: the file is missing or is not a video.
    """
    name = os.fspath(path)
    if is_image_sequence(name):
        yield from _iterate_images(name)
        return
    index = frame_index(name)
    lost: list[int] = []
    with Capture(name) as capture:
        step, seconds, ordinal, stamp = 1 / (capture.rate() or 25.0), 0.0, -1, -1
        number = -1
        while (failures := _advance(capture, max(PATIENCE, index.left_after(stamp)))) is not None:
            ordinal, before, previous = ordinal + 1, number, stamp
            number = index.observe(ordinal, capture.stamp(), failures)
            lost += range(before + 1, number)
            stamp = index.stamps[ordinal] if index.stamps[ordinal] >= 0 else previous
            if stamp > previous >= 0:
                seconds = (stamp - index.stamps[0]) / 1e6
            elif ordinal:
                seconds += step * (number - before)
            image = capture.retrieve()
            if image is None:
                lost.append(number)
            else:
                yield VideoFrame(number, seconds, image)
    _report(name, lost, number + 1)
    if left := packets_left(name):
        get_logger("data").warning("%s: its last %d packets do not decode", name, left)


def _iterate_images(path: str) -> Iterator[VideoFrame]:
    rate = sequence_rate(path)
    lost: list[int] = []
    last = -1
    for number, file in image_sequence(path):
        lost += range(last + 1, number)
        last = number
        try:
            image = decode_frame(read_bytes(file), file)
        except FrameError as error:
            get_logger("data").warning("skipped: %s", error)
            lost.append(number)
            continue
        yield VideoFrame(number, number / rate if rate else math.nan, image)
    _report(path, lost, last + 1)


def iterate_video(path: str | os.PathLike[str]) -> Iterator[np.ndarray]:
    """Yield the image of every frame that decodes, ``(H, W, 3)`` uint8 RGB, one in memory at a time.

    A damaged frame is skipped without a gap: take frame numbers from `iterate_frames`, not from ``enumerate``.

    Raises:
        FrameError: the file is missing or is not a video.
    """
    for frame in iterate_frames(path):
        yield frame.image


def packets_left(path: str | os.PathLike[str]) -> int:
    """Return how many packets come after the last frame that is known to decode.

    After the video was read to its end, these are frames that were lost at the end or that an edit list hides.
    """
    if is_image_sequence(os.fspath(path)):
        return 0
    index = frame_index(os.fspath(path))
    known = [stamp for stamp in index.stamps[-PATIENCE:] if stamp >= 0]
    return index.left_after(known[-1]) if known else 0


def frame_rate(path: str | os.PathLike[str]) -> float:
    """Return the frames per second that a video states.

    Raises:
        FrameError: the file is missing, is not a video, or states no rate.
    """
    if is_image_sequence(os.fspath(path)):
        rate = sequence_rate(os.fspath(path))
    else:
        with Capture(os.fspath(path)) as capture:
            rate = capture.rate()
    if not rate:
        raise FrameError(f"{os.fspath(path)} states no frame rate: give frames_per_second")
    return rate


def stated_frames(path: str | os.PathLike[str]) -> int:
    """Return the number of frames that a video states, for a progress bar; 0 if unknown. It may be wrong.

    Raises:
        FrameError: the file is missing or is not a video.
    """
    if is_image_sequence(os.fspath(path)):
        return image_sequence(os.fspath(path))[-1][0] + 1
    with Capture(os.fspath(path)) as capture:
        return capture.count()


def _advance(capture: Capture, patience: int) -> int | None:
    """Step to the next frame that decodes; return how many steps failed before it, or None at the end."""
    for failures in range(patience):
        if capture.grab():
            return failures
    return None


def _report(path: str, lost: list[int], count: int) -> None:
    if lost:
        named = ", ".join(map(str, lost[:_MOST_NAMED])) + (", ..." if len(lost) > _MOST_NAMED else "")
        get_logger("data").warning(
            "%s: %d of %d frames are damaged and were skipped (counted from 0): %s",
            path,
            len(lost),
            count,
            named,
        )
