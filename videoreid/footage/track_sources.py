"""Tracks from results of trackers in memory: plain arrays, or `supervision` detections."""

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np

from videoreid.errors import TrackFileError
from videoreid.footage.track_files import Tracks, whole_numbers

__all__ = ["tracks_from_arrays", "tracks_from_detections"]

BoxFormat = Literal["xyxy", "xywh"]


def tracks_from_arrays(
    frames: Any, track_ids: Any, boxes: Any, *, box_format: BoxFormat = "xyxy", confidences: Any = None
) -> Tracks:
    """Make tracks from plain arrays, tensors or lists, one entry per box.

    Args:
        frames: ``(N,)`` 0-based frame numbers.
        track_ids: ``(N,)`` whole numbers.
        boxes: ``(N, 4)`` in pixels, counted from 0.
        box_format: "xyxy" is left, top, right, bottom; "xywh" is left, top, width, height.
        confidences: ``(N,)``, or None.

    Raises:
        TrackFileError: shapes do not fit, a frame or id is not a whole number (seconds, NaN, None, text), a number is
            not finite, a frame is negative, a box has no area.
    """
    if box_format not in ("xyxy", "xywh"):
        raise TrackFileError(f"box_format must be 'xyxy' or 'xywh', not {box_format!r}")
    numbers = whole_numbers(frames, "frame", "arrays")
    ids = whole_numbers(track_ids, "track id", "arrays", unsigned=True)
    try:
        table = np.asarray(boxes, dtype=np.float64)
        scores = np.ones(len(numbers)) if confidences is None else np.asarray(confidences, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TrackFileError(f"boxes (N, 4) and confidences (N,) must be numbers: {error}") from error
    if not table.size and not len(numbers):
        table = table.reshape(0, 4)
    if table.shape != (len(numbers), 4) or not ids.shape == numbers.shape == scores.shape:
        raise TrackFileError(
            f"expected frames (N,), track_ids (N,), boxes (N, 4) and confidences (N,), got {numbers.shape}, "
            f"{ids.shape}, {table.shape} and {scores.shape}"
        )
    if box_format == "xyxy":
        table = np.concatenate([table[:, :2], table[:, 2:] - table[:, :2]], axis=1)
    bad = ~np.isfinite(table).all(axis=1) | (table[:, 2] <= 0) | (table[:, 3] <= 0)
    if bad.any():
        row = int(bad.argmax())
        raise TrackFileError(
            f"row {row}: box {np.asarray(boxes)[row].tolist()} must be finite, with an area, in the format {box_format}"
        )
    return Tracks(numbers, ids, table, scores, source="arrays")


def tracks_from_detections(detections: Iterable[Any]) -> Tracks:
    """Make tracks from one detections object per frame, as the trackers of `supervision` return them.

    Any object with ``xyxy (n, 4)``, ``tracker_id (n,)`` and, optionally, ``confidence (n,)`` is accepted; boxes without
    an id (None, or -1 for unconfirmed tracks) are left out.

    Args:
        detections: detections of every frame of a video in order, including empty ones.

    Raises:
        TrackFileError: an object lacks an attribute, its columns differ in length, an id is not a whole number, or no
            box has an id.
    """
    frames: list[int] = []
    ids: list[int] = []
    boxes: list[np.ndarray] = []
    confidences: list[float] = []
    for frame, found in enumerate(detections):
        if not hasattr(found, "xyxy") or not hasattr(found, "tracker_id"):
            raise TrackFileError(
                f"frame {frame}: {type(found).__name__} has no xyxy and tracker_id; pass what a tracker returned"
            )
        if found.tracker_id is None:
            continue
        confidence = getattr(found, "confidence", None)
        columns = [found.xyxy, found.tracker_id] + ([] if confidence is None else [confidence])
        if len({len(column) for column in columns}) > 1:
            raise TrackFileError(f"frame {frame}: xyxy, tracker_id and confidence differ in length")
        for place, track in enumerate(_ids(found.tracker_id, f"frame {frame}")):
            if track is not None and track >= 0:
                frames.append(frame)
                ids.append(track)
                boxes.append(np.asarray(found.xyxy[place]))
                confidences.append(1.0 if confidence is None else confidence[place])
    if not boxes:
        raise TrackFileError("no detection has a tracker_id: run a tracker over the detections first")
    return tracks_from_arrays(frames, ids, boxes, confidences=confidences)


def _ids(column: Any, where: str) -> list[int | None]:
    """Return ids as integers; None stays None, which marks a box without an id."""
    entries = list(column)
    known = [entry for entry in entries if entry is not None]
    whole = iter(whole_numbers(known, "track id", where, unsigned=True).tolist())
    return [None if entry is None else next(whole) for entry in entries]
