"""Reading of tracks in the formats of MOT ground truth, KITTI, YOLO and COCO."""

import os
from collections.abc import Collection
from pathlib import Path

import numpy as np

from videoreid.data.text_rows import field_separator, read_lines
from videoreid.errors import ConfigError, TrackFileError
from videoreid.footage.detection_files import read_labels
from videoreid.footage.track_files import Tracks, whole_numbers

__all__ = ["read_label_tracks", "read_mot_ground_truth"]

_GROUND_TRUTH_FIELDS = 9


def read_mot_ground_truth(
    path: str | os.PathLike[str],
    *,
    classes: Collection[int] | None = (1,),
    considered: bool = True,
    min_visibility: float = 0.0,
) -> Tracks:
    """Read a ``gt.txt`` of MOT17 or MOT20: ``frame, id, left, top, width, height, consider, class, visibility``.

    Args:
        path: the file.
        classes: classes to keep; 1 is a pedestrian, 2 a person on a vehicle, 7 a static person. None keeps all.
        considered: leave out the boxes that the benchmark does not score (consider 0).
        min_visibility: smallest visible share of a box.

    Returns:
        The tracks, 0-based, with the visibility as confidence.

    Raises:
        TrackFileError: a malformed line, or nothing is left.
        ConfigError: the visibility is out of range.
    """
    if not 0.0 <= min_visibility <= 1.0:
        raise ConfigError(f"min_visibility is a share, 0 to 1, got {min_visibility}")
    rows: list[tuple[float, ...]] = []
    ids: list[tuple[int, int, int]] = []
    total = 0
    for number, text in read_lines(path, "a gt.txt of MOT17 or MOT20", TrackFileError):
        total += 1
        frame, track, consider, kind, values = _ground_truth_fields(text, f"{path}, line {number}")
        if (
            (consider or not considered)
            and (classes is None or kind in classes)
            and values[4] >= min_visibility
        ):
            ids.append((frame - 1, track, number))
            rows.append(values)
    if not rows:
        raise TrackFileError(f"{path}: none of {total} boxes is left by class, consider flag and visibility")
    table = np.array(rows, dtype=np.float64)
    frames, tracks, lines = zip(*ids, strict=True)
    source = os.fspath(path)
    numbers = whole_numbers(frames, "frame", source)
    known = whole_numbers(tracks, "track id", source, unsigned=True)
    return Tracks(numbers, known, table[:, :4] - [1, 1, 0, 0], table[:, 4], np.array(lines), source)


def _ground_truth_fields(text: str, where: str) -> tuple[int, int, int, int, tuple[float, ...]]:
    """Return frame, track, consider flag and class, and box and visibility."""
    separator = field_separator(text)
    fields = [field.strip() for field in (text.split(separator) if separator else text.split())]
    try:
        if len(fields) != _GROUND_TRUTH_FIELDS:
            raise ValueError
        frame, track, consider, kind = (int(fields[place]) for place in (0, 1, 6, 7))
        return frame, track, consider, kind, tuple(float(fields[place]) for place in (2, 3, 4, 5, 8))
    except ValueError:
        raise TrackFileError(
            f"{where}: expected frame, id, left, top, width, height, consider, class, visibility; got {text!r}"
        ) from None


def read_label_tracks(
    path: str | os.PathLike[str], *, size: tuple[int, int] | None = None, first_frame: int | None = None
) -> Tracks:
    """Read tracks of persons from KITTI or COCO files, or a folder of YOLO labels.

    Args:
        path: see `videoreid.footage.detection_files.read_labels`.
        size: width and height of the pictures, for YOLO labels, which are shares of them.
        first_frame: number of the first frame; None uses the usual number of the format.

    Raises:
        TrackFileError: a malformed entry, or a box without a track id.
        ConfigError: a folder of YOLO labels without a size.
    """
    labels, in_shares = read_labels(path, first_frame=first_frame)
    if in_shares and size is None:
        raise ConfigError(f"{path} holds shares of the picture: give its size (width, height)")
    without = next((label for label in labels if label.track is None), None)
    if without is not None:
        raise TrackFileError(
            f"{without.where}: the box has no track id; run a tracker over the detections first"
        )
    scale = np.array([*size, *size], dtype=np.float64) if in_shares and size is not None else np.ones(4)
    return Tracks(
        whole_numbers([label.frame for label in labels], "frame", os.fspath(path)),
        whole_numbers([label.track for label in labels], "track id", os.fspath(path), unsigned=True),
        np.array([label.box for label in labels], dtype=np.float64) * scale,
        np.array([label.score for label in labels], dtype=np.float64),
        np.array([int(label.where.rpartition(" ")[2]) for label in labels])
        if Path(path).is_file()
        else np.empty(0),
        source=os.fspath(path),
    )
