"""Tracks from what trackers hand over in memory: plain arrays, or `supervision` detections."""

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np

from videoreid.data.track_files import Tracks
from videoreid.errors import TrackFileError

__all__ = ["tracks_from_arrays", "tracks_from_detections"]

BoxFormat = Literal["xyxy", "xywh"]


def tracks_from_arrays(
    frames: Any, track_ids: Any, boxes: Any, *, box_format: BoxFormat = "xyxy", confidences: Any = None
) -> Tracks:
    """Make tracks of plain arrays, tensors or lists, one entry a box.

    Args:
        frames: ``(N,)`` 0-based frame numbers.
        track_ids: ``(N,)`` whole numbers.
        boxes: ``(N, 4)`` in pixels, counted from 0.
        box_format: "xyxy" is left, top, right, bottom; "xywh" is left, top, width, height.
        confidences: ``(N,)``, or None.

    Raises:
        TrackFileError: shapes do not fit, a number is not finite, a frame is negative, a box has no area.
    """
    if box_format not in ("xyxy", "xywh"):
        raise TrackFileError(f"box_format must be 'xyxy' or 'xywh', not {box_format!r}")
    table = np.asarray(boxes, dtype=np.float64)
    numbers, ids = np.asarray(frames), np.asarray(track_ids)
    if (
        table.ndim != 2
        or table.shape[1] != 4
        or numbers.shape != table.shape[:1]
        or ids.shape != numbers.shape
    ):
        raise TrackFileError(
            f"expected frames (N,), track_ids (N,) and boxes (N, 4), got {numbers.shape}, {ids.shape} and {table.shape}"
        )
    if box_format == "xyxy":
        table = np.concatenate([table[:, :2], table[:, 2:] - table[:, :2]], axis=1)
    bad = ~np.isfinite(table).all(axis=1) | (table[:, 2] <= 0) | (table[:, 3] <= 0) | (numbers < 0)
    if bad.any():
        row = int(bad.argmax())
        raise TrackFileError(
            f"row {row}: frame {numbers[row]} must be 0 or more and box {np.asarray(boxes)[row].tolist()} finite, with "
            f"an area, in the format {box_format}"
        )
    return Tracks(numbers, ids, table, np.empty(0) if confidences is None else np.asarray(confidences))


def tracks_from_detections(detections: Iterable[Any]) -> Tracks:
    """Make tracks of one detections object a frame, as the trackers of `supervision` return them.

    Anything with ``xyxy (n, 4)``, ``tracker_id (n,)`` and, optionally, ``confidence (n,)`` will do; boxes without an
    id (None, or -1 for unconfirmed tracks) are left out.

    Args:
        detections: the frames of a video in order, each with its detections, empty ones included.

    Raises:
        TrackFileError: an object lacks what is needed, or no box has an id.
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
        for place, track in enumerate(found.tracker_id):
            if track is not None and int(track) >= 0:
                frames.append(frame)
                ids.append(int(track))
                boxes.append(np.asarray(found.xyxy[place], dtype=np.float64))
                confidences.append(1.0 if confidence is None else float(confidence[place]))
    if not boxes:
        raise TrackFileError("no detection has a tracker_id: run a tracker over the detections first")
    return tracks_from_arrays(frames, ids, np.stack(boxes), confidences=confidences)
