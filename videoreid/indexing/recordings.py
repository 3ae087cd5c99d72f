"""Indexing of a recording in one pass: decode, detect, track, crop, embed; only the result is written."""

import math
import os
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from videoreid.data.video import frame_rate
from videoreid.errors import ConfigError, FrameError
from videoreid.footage import Encoder, OnlineTracker, Tracks, detect
from videoreid.footage.crops import timed_crops
from videoreid.indexing.fingerprints import file_digest
from videoreid.retrieval import Gallery, GalleryTracklet, Recording, TrackletBoxes
from videoreid.utils import get_logger

__all__ = [
    "IndexRules",
    "index_recording",
    "mean_embedding",
    "recording_name",
    "spread_evenly",
    "thumbnail",
]

_USUAL_RATE = 25.0
Item = TypeVar("Item")


@dataclass(frozen=True)
class IndexRules:
    """Rules by which a recording becomes tracklets.

    Args:
        detector: see `videoreid.footage.detect`.
        tracker: "bytetrack", "ocsort" or "botsort".
        every: process every n-th frame only.
        min_score: smallest score of a box that may continue a track.
        min_length: tracks of fewer boxes are left out.
        frames_per_track: largest number of embedded crops, spread over the whole track.
        thumbnails: largest number of crops that are stored as pictures.

    Raises:
        ConfigError: a number below 1.
    """

    detector: Any = "yolox_nano"
    tracker: str = "bytetrack"
    every: int = 1
    min_score: float = 0.1
    min_length: int = 5
    frames_per_track: int = 16
    thumbnails: int = 8

    def __post_init__(self) -> None:
        for name in ("every", "min_length", "frames_per_track", "thumbnails"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be 1 or more, got {getattr(self, name)}")


class _Seen(NamedTuple):
    track: int
    frame: int
    seconds: float
    box: tuple[float, float, float, float]
    score: float
    crop: np.ndarray


class _Ended(NamedTuple):
    """A track that will not be seen again."""

    track: int


def index_recording(
    gallery: Gallery,
    video: str | os.PathLike[str],
    encoder: Encoder,
    *,
    camera: str = "",
    start: datetime | None = None,
    tracks: Tracks | None = None,
    rules: IndexRules | None = None,
    each: Callable[[int], None] | None = None,
) -> int | None:
    """Add the persons of a recording to a gallery.

    The recording is decoded once, with one frame in memory and a few crops per live track; a track that has ended is
    embedded at once, and its crops are freed. The embedding of a track is the mean of the unit-length embeddings of its
    crops.

    Args:
        gallery: gallery of the encoder's model.
        video: a video, a folder of images, or a pattern such as ``img/%06d.jpg``.
        encoder: function from crops to embeddings, such as a `FeatureExtractor`.
        camera: name of the camera; "" means the name of the recording.
        start: time of day of the first frame.
        tracks: tracks of this recording, if known; None detects and tracks by the rules.
        rules: see `IndexRules`.
        each: called with the number of every processed frame; an exception from it ends the work, and nothing of this
            recording is kept.

    Returns:
        The number of tracklets added; None if the recording is already in the gallery, which is logged.

    Raises:
        FrameError: no frame decodes.
        ConfigError: an option is out of range, or the encoder does not return finite rows.
    """
    rules = rules or IndexRules()
    name, digest = recording_name(video), file_digest(video)
    recording = Recording(name, digest, camera or name, os.path.abspath(video), start)  # noqa: PTH100 - of patterns too
    if gallery.holds(digest) is not None:
        gallery.add(recording, [], np.empty((0, 0)))  # logs that it is there already
        return None
    on_frame = each or (lambda _: None)
    seen = _tracked(video, rules, on_frame) if tracks is None else _given(video, tracks, rules, on_frame)
    found = _embedded(seen, encoder, rules)
    rows = [row for row, _ in found]
    if tracks is None:
        rows = [replace(row, track=number) for number, row in enumerate(rows, start=1)]
    table = np.stack([embedding for _, embedding in found]) if found else np.empty((0, 0))
    return len(rows) if gallery.add(recording, rows, table) else None


def _embedded(
    seen: Iterator[_Seen | _Ended], encoder: Encoder, rules: IndexRules
) -> list[tuple[GalleryTracklet, np.ndarray]]:
    """Return the tracklets that are long enough with their embeddings ``(D,)``, in the order of their tracks."""
    live: dict[int, _Person] = {}
    kept: dict[int, tuple[GalleryTracklet, np.ndarray]] = {}

    def end(track: int) -> None:
        person = live.pop(track, None)
        if person is not None and person.count >= rules.min_length:
            kept[track] = person.tracklet(track, rules.thumbnails), mean_embedding(encoder, person.crops())

    for one in seen:
        if isinstance(one, _Ended):
            end(one.track)
        else:
            live.setdefault(one.track, _Person(rules.frames_per_track)).see(one)
    for track in sorted(live):
        end(track)
    return [kept[track] for track in sorted(kept)]


@dataclass
class _Person:
    """First and last box of a track, all its boxes, and a bounded number of evenly spread crops."""

    most: int
    count: int = 0
    step: int = 1
    first: _Seen | None = None
    last: _Seen | None = None
    held: list[np.ndarray] = field(default_factory=list)
    frames: "array[int]" = field(default_factory=lambda: array("i"))
    places: "array[float]" = field(default_factory=lambda: array("f"))  # boxes and scores

    def see(self, seen: _Seen) -> None:
        if self.count % self.step == 0:
            self.held.append(seen.crop.copy())  # the crop is a view of a frame that is not kept
            if len(self.held) >= 2 * self.most:
                self.held, self.step = self.held[::2], 2 * self.step
        self.count += 1
        self.frames.append(seen.frame)
        self.places.extend((*seen.box, seen.score))
        light = seen._replace(crop=np.empty(0))
        self.first, self.last = self.first or light, light

    def crops(self) -> list[np.ndarray]:
        return spread_evenly(self.held, self.most)

    def tracklet(self, track: int, pictures: int) -> GalleryTracklet:
        assert self.first is not None and self.last is not None
        shown = tuple(thumbnail(crop) for crop in spread_evenly(self.held, pictures))
        first, last = self.first, self.last
        places = np.array(self.places, np.float32).reshape(-1, 5)
        boxes = TrackletBoxes(np.array(self.frames, np.int32), places[:, :4], places[:, 4])
        return GalleryTracklet(
            track, first.seconds, last.seconds, first.frame, last.frame, first.box, shown, boxes=boxes
        )


def spread_evenly(values: Sequence[Item], count: int) -> list[Item]:
    """Return up to ``count`` evenly spread values, with the first and, if ``count`` is 2 or more, the last."""
    places = np.unique(np.linspace(0, len(values) - 1, min(count, len(values))).round().astype(int))
    return [values[place] for place in places.tolist()]


def mean_embedding(encoder: Encoder, crops: list[np.ndarray]) -> np.ndarray:
    """Return the mean ``(D,)`` of the unit-length embeddings of crops.

    Raises:
        ConfigError: the encoder does not return finite rows.
    """
    found: Any = encoder(crops)
    rows = np.asarray(found.detach().cpu() if hasattr(found, "detach") else found, np.float64)
    if rows.ndim != 2 or len(rows) != len(crops) or not np.isfinite(rows).all():
        raise ConfigError(
            f"the encoder returned {rows.shape} for {len(crops)} crops: expected finite rows (N, D)"
        )
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return np.asarray(rows.mean(axis=0))


def _tracked(
    video: str | os.PathLike[str], rules: IndexRules, each: Callable[[int], None]
) -> Iterator[_Seen | _Ended]:
    rate = _rate(video)
    tracker = OnlineTracker(rules.tracker, frame_rate=rate / rules.every)
    looked = 0
    going: set[int] = set()
    for frame in detect(video, rules.detector, min_score=rules.min_score, every=rules.every):
        looked += 1
        each(frame.number)
        seconds = frame.seconds if math.isfinite(frame.seconds) else frame.number / rate
        boxes, scores, ids = tracker.update(frame.image, frame.boxes, frame.scores)
        height, width = frame.image.shape[:2]
        for box, score, track in zip(boxes, scores.tolist(), ids.tolist(), strict=True):
            left, top, right, bottom = np.clip(np.rint(box), 0, [width, height] * 2).astype(int).tolist()
            if right > left and bottom > top:
                crop = frame.image[top:bottom, left:right]
                yield _Seen(track, frame.number, seconds, (left, top, right, bottom), score, crop)
        going.update(ids.tolist())
        if len(going) > len(ids):
            ended = going - tracker.alive
            yield from map(_Ended, sorted(ended))
            going -= ended
    if not looked:
        raise FrameError(f"{os.fspath(video)} has no frame that decodes")


def _given(
    video: str | os.PathLike[str], tracks: Tracks, rules: IndexRules, each: Callable[[int], None]
) -> Iterator[_Seen | _Ended]:
    rate, last = _rate(video), -1
    chosen = tracks.select(tracks.frames % rules.every == 0)
    ends = dict(
        zip(chosen.track_ids.tolist(), chosen.frames.tolist(), strict=True)
    )  # a track's last row stays
    waiting = sorted(ends, key=lambda track: -ends[track])
    for row, crop, seconds in timed_crops(video, chosen):
        frame = int(chosen.frames[row])
        if frame != last:
            each(frame)
            last = frame
            while ends[waiting[-1]] < frame:
                yield _Ended(waiting.pop())
        left, top, width, height = chosen.boxes[row].tolist()
        at = seconds if math.isfinite(seconds) else frame / rate
        box = left, top, left + width, top + height
        yield _Seen(int(chosen.track_ids[row]), frame, at, box, float(chosen.confidences[row]), crop)


def _rate(video: str | os.PathLike[str]) -> float:
    try:
        return frame_rate(video)
    except FrameError as error:
        get_logger("indexing").warning("%s; %g is used", error, _USUAL_RATE)
        return _USUAL_RATE


def recording_name(video: str | os.PathLike[str]) -> str:
    """Return the short name of a recording: the name of its file, or of the folder of its images."""
    path = Path(video)
    folder = path if path.is_dir() else path.parent
    if path.is_dir() or "%" in path.name:
        folder = folder.resolve()
        name = folder.parent.name if folder.name in ("img1", "images") else folder.name
    else:
        name = path.stem
    return name.replace(":", "_") or "recording"


def thumbnail(crop: np.ndarray) -> bytes:
    """Return a crop ``(h, w, 3)`` uint8 RGB as the bytes of a small JPEG, at most 160 pixels high.

    Raises:
        ConfigError: the crop cannot be encoded as JPEG.
    """
    import cv2

    height = min(len(crop), 160)
    width = max(1, round(crop.shape[1] * height / len(crop)))
    small = cv2.resize(crop, (width, height), interpolation=cv2.INTER_AREA)
    done, data = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])
    if not done:
        raise ConfigError(f"a crop of {crop.shape} cannot be written as JPEG")
    return data.tobytes()
