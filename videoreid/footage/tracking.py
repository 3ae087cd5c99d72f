"""Tracking of detections with the trackers of the package ``trackers`` (extra ``track``)."""

import inspect
import os
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from videoreid.errors import ConfigError, MissingExtraError, UnknownNameError
from videoreid.footage.detection import DetectedFrame
from videoreid.footage.track_files import Tracks
from videoreid.utils import atomic_write_text

__all__ = ["TRACKERS", "OnlineTracker", "track", "write_tracks"]

_CLASSES = {"bytetrack": "ByteTrackTracker", "ocsort": "OCSORTTracker", "botsort": "BoTSORTTracker"}
TRACKERS = tuple(_CLASSES)


class OnlineTracker:
    """Assigns track ids to the boxes of one recording, frame by frame.

    Args:
        name: "bytetrack", "ocsort" or "botsort".
        frame_rate: processed frames per second.
        options: passed on to the tracker's class.

    Raises:
        UnknownNameError: another name.
        MissingExtraError: the package is not installed.
        ConfigError: an option that the tracker does not have.

    Reference:
        Zhang et al. ByteTrack. ECCV 2022. Cao et al. Observation-Centric SORT. CVPR 2023. Aharon et al. BoT-SORT.
        arXiv:2206.14651.
    """

    def __init__(self, name: str = "bytetrack", *, frame_rate: float = 25.0, **options: Any) -> None:
        if name not in _CLASSES:
            raise UnknownNameError(f"unknown tracker {name!r}; expected one of {', '.join(TRACKERS)}")
        if not 0.0 < frame_rate < 10_000.0:
            raise ConfigError(f"frame_rate must be above 0, got {frame_rate}")
        try:
            import supervision
            import trackers
        except ImportError as error:
            raise MissingExtraError("trackers", "track", "tracking") from error
        build: Callable[..., Any] = getattr(trackers, _CLASSES[name])
        unknown = set(options) - set(inspect.signature(build).parameters)
        if unknown:
            raise ConfigError(f"{name} has no option {', '.join(sorted(unknown))}")
        self._tracker = build(frame_rate=frame_rate, **options)
        self._make = supervision.Detections
        self._takes_picture = name == "botsort"

    def update(self, image: np.ndarray, boxes: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return boxes ``(n, 4)``, scores ``(n,)`` and ids ``(n,)`` of the boxes that belong to a track.

        Args:
            image: ``(H, W, 3)`` uint8 RGB, the next frame.
            boxes: ``(N, 4)`` left, top, right, bottom.
            scores: ``(N,)``.
        """
        found = self._make(xyxy=boxes, confidence=scores, class_id=np.zeros(len(boxes), dtype=int))
        picture = np.ascontiguousarray(image[..., ::-1]) if self._takes_picture else None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            tracked = self._tracker.update(found, picture)
        ids = np.asarray(tracked.tracker_id if tracked.tracker_id is not None else [], dtype=np.int64)
        known = ids >= 0
        return tracked.xyxy[known], np.asarray(tracked.confidence)[known], ids[known]

    @property
    def alive(self) -> set[int]:
        """Ids of the tracks that may go on; one that is not among them has ended, and its id never comes again."""
        ids = self._tracker.tracked_objects.tracker_id
        return set() if ids is None else set(ids.tolist())


def track(
    detections: Iterable[DetectedFrame],
    tracker: str | OnlineTracker = "bytetrack",
    *,
    frame_rate: float | None = None,
    each: Callable[[DetectedFrame, np.ndarray, np.ndarray], None] | None = None,
    source: str = "tracks",
    **options: Any,
) -> Tracks:
    """Link the detections of a recording to tracks, with one frame in memory.

    Args:
        detections: frames in order, as `videoreid.footage.detect` yields them, with a ``min_score`` of about 0.1,
            because the trackers use weak boxes to continue tracks, though not to start them.
        tracker: "bytetrack", "ocsort", "botsort", or an `OnlineTracker`.
        frame_rate: processed frames per second; None uses the times of the first two frames.
        each: called with every frame, the boxes ``(n, 4)`` and the ids ``(n,)`` of its tracks, for drawing.
        source: name of the tracks in messages.
        options: options of the tracker.

    Returns:
        The tracks; ids are numbered from 1 in the order of their first frames.

    Raises:
        ConfigError: see `OnlineTracker`.
    """
    frames, ids, boxes, scores = [], [], [], []
    for frame, rate in _with_rate(detections, frame_rate):
        if isinstance(tracker, str):
            tracker = OnlineTracker(tracker, frame_rate=rate, **options)
        found, confidences, names = tracker.update(frame.image, frame.boxes, frame.scores)
        whole = (found[:, 2:] > found[:, :2]).all(axis=1)
        frames += [frame.number] * int(whole.sum())
        ids += names[whole].tolist()
        boxes += found[whole].tolist()
        scores += confidences[whole].tolist()
        if each is not None:
            each(frame, found[whole], names[whole])
    table = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    table[:, 2:] -= table[:, :2]
    order = {name: place for place, name in enumerate(dict.fromkeys(ids), start=1)}
    return Tracks(
        np.array(frames, dtype=np.int64),
        np.array([order[name] for name in ids], dtype=np.int64),
        table,
        np.array(scores, dtype=np.float64),
        source=source,
    )


def _with_rate(
    detections: Iterable[DetectedFrame], rate: float | None
) -> Iterable[tuple[DetectedFrame, float]]:
    waiting: DetectedFrame | None = None
    for frame in detections:
        if rate is None and waiting is None:
            waiting = frame
            continue
        if rate is None and waiting is not None:
            step = frame.seconds - waiting.seconds
            rate = 1.0 / step if step > 0 else 25.0
        if waiting is not None and rate is not None:
            yield waiting, rate
            waiting = None
        if rate is not None:
            yield frame, rate
    if waiting is not None:
        yield waiting, 25.0


def write_tracks(tracks: Tracks, path: str | os.PathLike[str]) -> None:
    """Write tracks as a MOT file atomically, with frames and pixels counted from 1, in the order of frames.

    Boxes are rounded to hundredths of a pixel; a side of less than that is written as 0.01, so that every box has an
    area and can be read back.
    """
    boxes = np.maximum(tracks.boxes + np.array([1, 1, 0, 0]), [-np.inf, -np.inf, 0.01, 0.01])
    lines = [
        f"{tracks.frames[row] + 1},{tracks.track_ids[row]},"
        + ",".join(f"{value:.2f}" for value in boxes[row])
        + f",{tracks.confidences[row]:.4f},-1,-1,-1\n"
        for row in np.lexsort((tracks.track_ids, tracks.frames))
    ]
    atomic_write_text(path, "".join(lines))
