"""Estimates of the time and disk space that indexing needs, from the first frames of the recordings."""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from videoreid.data.video import frame_rate, stated_frames
from videoreid.errors import FrameError
from videoreid.footage import Encoder, Tracks, detect
from videoreid.indexing.recordings import IndexRules, mean_embedding, thumbnail

__all__ = ["WorkEstimate", "estimate_work"]

_SAMPLED, _FRAMES, _CROPS = 3, 4, 8
_SECONDS_A_TRACK = 10.0
_BYTES_A_ROW = 300
_GREY = np.full((128, 64, 3), 114, np.uint8)


@dataclass(frozen=True)
class WorkEstimate:
    """A rough estimate of the work of indexing.

    Args:
        recordings: number of recordings to index.
        frames: number of their frames, as the files state.
        seconds: time that indexing takes.
        megabytes: size of the gallery on disk.
        sampled: number of frames on which the estimate is based.
    """

    recordings: int
    frames: int
    seconds: float
    megabytes: float
    sampled: int

    def __str__(self) -> str:
        minutes, seconds = divmod(round(self.seconds), 60)
        hours, minutes = divmod(minutes, 60)
        took = f"{hours} h {minutes} min" if hours else f"{minutes} min" if minutes else f"{seconds} s"
        what = f"{self.recordings} recording{'' if self.recordings == 1 else 's'}, {self.frames} frames"
        basis = f" from {self.sampled} of their first frames" if self.sampled else ""
        return f"{what}: about {took} and {self.megabytes:.1f} MB (a guess{basis})"


@dataclass
class _Looked:
    seconds: list[float] = field(default_factory=list)
    persons: list[int] = field(default_factory=list)
    crops: list[np.ndarray] = field(default_factory=list)


def estimate_work(
    recordings: Sequence[tuple[str | os.PathLike[str], Tracks | None]],
    encoder: Encoder,
    rules: IndexRules,
    *,
    workers: int = 1,
) -> WorkEstimate:
    """Process the first frames of up to three recordings and estimate the work for all of them.

    Without tracks, each person is assumed to stay for ten seconds. A recording that cannot be opened counts as 0.

    Args:
        recordings: videos, each with its tracks if they are known.
        encoder: function from crops to embeddings.
        rules: rules of the indexing.
        workers: number of recordings that are indexed at the same time.
    """
    looked = _Looked()
    for video, tracks in recordings[:_SAMPLED]:
        if tracks is None:
            _look(video, rules, looked)
    crop_seconds, width = _embedding_cost(encoder, looked.crops)
    frame_seconds = float(np.median(looked.seconds)) if looked.seconds else 0.002
    a_frame = float(np.mean(looked.persons)) if looked.persons else 0.0
    frames = people = crops = 0.0
    for count, rate, tracks in _described(recordings):
        stay = _SECONDS_A_TRACK * rate / rules.every
        found = (
            len(np.unique(tracks.track_ids)) if tracks is not None else a_frame * count / rules.every / stay
        )
        boxes = len(tracks) / rules.every / max(found, 1) if tracks is not None else stay
        frames, people = frames + count, people + found
        crops += found * min(rules.frames_per_track, boxes)
    picture = len(thumbnail(looked.crops[0] if looked.crops else _GREY))
    size = people * (4 * width + rules.thumbnails * picture + _BYTES_A_ROW)
    seconds = (frames / rules.every * frame_seconds + crops * crop_seconds) / max(workers, 1)
    return WorkEstimate(len(recordings), round(frames), seconds, size / 1e6, len(looked.persons))


def _look(video: str | os.PathLike[str], rules: IndexRules, looked: _Looked) -> None:
    try:
        begin = time.perf_counter()
        for number, frame in enumerate(detect(video, rules.detector, min_score=0.3, every=rules.every)):
            if number:  # the first frame includes the start of the network
                looked.seconds.append(time.perf_counter() - begin)
            looked.persons.append(len(frame.boxes))
            for left, top, right, bottom in np.rint(frame.boxes).astype(int).tolist():
                if right > left and bottom > top and len(looked.crops) < _CROPS:
                    looked.crops.append(frame.image[top:bottom, left:right].copy())
            if number + 1 == _FRAMES:
                return
            begin = time.perf_counter()
    except FrameError:  # the indexing reports it
        return


def _embedding_cost(encoder: Encoder, crops: list[np.ndarray]) -> tuple[float, int]:
    """Return the seconds per crop and the width of an embedding."""
    shown = crops or [_GREY] * 4
    width = len(mean_embedding(encoder, shown))
    begin = time.perf_counter()
    mean_embedding(encoder, shown)
    return (time.perf_counter() - begin) / len(shown), width


def _described(
    recordings: Sequence[tuple[str | os.PathLike[str], Tracks | None]],
) -> Iterator[tuple[int, float, Tracks | None]]:
    for video, tracks in recordings:
        try:
            count = stated_frames(video)
        except FrameError:  # the indexing reports it
            continue
        try:
            rate = frame_rate(video)
        except FrameError:
            rate = 25.0
        yield count, rate, tracks
