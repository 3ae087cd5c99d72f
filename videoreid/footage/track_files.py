"""Tracks of people in a video, and the reader of MOT-format files, which most trackers write."""

import math
import os
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np

from videoreid.data.text_rows import field_separator, read_lines
from videoreid.errors import TrackFileError

__all__ = ["Tracks", "read_tracks", "whole_numbers"]

_MIN_FIELDS = 6
_INT64 = 2**63
_EXACT_FLOATS = 2**53
_UNTRACKED = 2**64 - 1
_HEADERS = (
    {"frame", "frame_id", "frame_number", "frameid", "f"},
    {"id", "track", "track_id", "trackid", "tid", "object_id"},
    {"left", "x", "l"},
    {"top", "y", "t"},
    {"width", "w"},
    {"height", "h"},
)


@dataclass(frozen=True, eq=False)
class Tracks:
    """The boxes of the tracks of one video, one row per box, in the order of (track, frame).

    Args:
        frames: ``(N,)`` int64, 0-based frame numbers.
        track_ids: ``(N,)`` int64, or uint64 if an id is 2^63 or more.
        boxes: ``(N, 4)`` float64, left, top, width, height in pixels; the first pixel of the frame begins at 0.
        confidences: ``(N,)`` float64; 1 if the tracker gives none.
        lines: ``(N,)`` int64, line of the file (1-based), for messages; 0 without a file.
        source: file or tracker of the rows, for messages.

    Raises:
        TrackFileError: lengths differ, a frame or id is not a 64-bit whole number, a number is not finite, a frame is
            negative, a box has no area, or a track has two boxes in one frame.
    """

    frames: np.ndarray
    track_ids: np.ndarray
    boxes: np.ndarray
    confidences: np.ndarray = field(default_factory=lambda: np.empty(0))
    lines: np.ndarray = field(default_factory=lambda: np.empty(0))
    source: str = "tracks"

    def __post_init__(self) -> None:
        frames = whole_numbers(self.frames, "frame", self.source)
        n = len(frames)
        columns = {
            "frames": frames,
            "track_ids": whole_numbers(self.track_ids, "track id", self.source, unsigned=True),
            "confidences": _numbers(self.confidences if len(self.confidences) else np.ones(n), self.source),
            "lines": np.asarray(self.lines if len(self.lines) else np.zeros(n), np.int64),
            "boxes": _numbers(self.boxes, self.source).reshape(-1, 4),
        }
        lengths = {name: len(column) for name, column in columns.items()}
        if set(lengths.values()) != {n}:
            raise TrackFileError(
                f"{self.source}: columns of unequal length {lengths}: expected one row per box"
            )
        order = np.lexsort((columns["frames"], columns["track_ids"]))
        for name, column in columns.items():
            object.__setattr__(self, name, column[order])
        self._check_rows()

    def _check_rows(self) -> None:
        finite = np.isfinite(self.boxes).all(axis=1) & np.isfinite(self.confidences)
        bad = ~finite | (self.boxes[:, 2:] <= 0).any(axis=1) | (self.frames < 0)
        if bad.any():
            row = int(bad.argmax())
            left, top, width, height = self.boxes[row]
            raise TrackFileError(
                f"{self.where(row)}: frame {self.frames[row]} must be 0 or more, and left {left:g}, top {top:g}, width "
                f"{width:g}, height {height:g} (confidence {self.confidences[row]:g}) finite, with an area"
            )
        twice = np.flatnonzero((self.track_ids[1:] == self.track_ids[:-1]) & (np.diff(self.frames) == 0))
        if twice.size:
            row = int(twice[0]) + 1
            raise TrackFileError(
                f"{self.where(row)}: track {self.track_ids[row]} has a second box in frame {self.frames[row]}; "
                "a track has one box per frame"
            )

    def __len__(self) -> int:
        return len(self.frames)

    def where(self, row: int) -> str:
        """Return the file and line of a row, for the start of a message."""
        line = int(self.lines[row])
        return f"{self.source}, line {line}" if line else f"{self.source}, row {row}"

    def select(self, rows: np.ndarray) -> "Tracks":
        """Return the given rows: indices ``(n,)`` or a boolean mask ``(N,)``."""
        return Tracks(
            self.frames[rows],
            self.track_ids[rows],
            self.boxes[rows],
            self.confidences[rows],
            self.lines[rows],
            self.source,
        )


def read_tracks(path: str | os.PathLike[str], *, first_frame: int = 1, first_pixel: int = 1) -> Tracks:
    """Read a MOT-format file: lines of ``frame, id, left, top, width, height[, confidence, ...]``.

    The format counts frames and pixels from one; many trackers count from zero, hence the two options. The separator
    may be a comma, a semicolon, a tab or spaces. Blank lines, comments (``#``), a byte order mark and a header line
    with these columns are skipped. An empty field or a decimal comma is an error, because it would shift the columns.

    Args:
        path: the track file.
        first_frame: number of the first frame of the video in the file.
        first_pixel: coordinate of the first pixel of a row in the file.

    Returns:
        The tracks, 0-based.

    Raises:
        TrackFileError: the file is missing or empty, or a line is malformed; the message has its number.
    """
    rows: list[tuple[int, int, tuple[float, ...], int]] = []
    first = True
    for number, text in read_lines(path, "a text file in MOT format", TrackFileError):
        where = f"{path}, line {number}"
        fields = _fields(text, where)
        if not (first and _is_header(fields, where)):
            rows.append((*_parse_fields(fields, where, first_frame, text), number))
        first = False
    if not rows:
        raise TrackFileError(
            f"{path} holds no box: expected lines 'frame, id, left, top, width, height, ...'"
        )
    frames, ids, values, lines = zip(*rows, strict=True)
    table = np.array(values, dtype=np.float64)
    boxes = table[:, :4] - np.array([first_pixel, first_pixel, 0, 0])
    return Tracks(
        np.array(frames, dtype=np.int64) - first_frame,
        whole_numbers(ids, "track id", str(path), unsigned=True),
        boxes,
        table[:, 4],
        np.array(lines, dtype=np.int64),
        source=str(path),
    )


def whole_numbers(column: Any, name: str, source: str, *, unsigned: bool = False) -> np.ndarray:
    """Return a column as ``(N,)`` int64 if the conversion is exact.

    Args:
        column: integers of any kind, or floats without a fraction that are below 2^53.
        name: name of the column, for the message.
        source: origin of the column, for the message.
        unsigned: return uint64 if an entry is 2^63 or more.

    Raises:
        TrackFileError: an entry is not a whole number, does not fit into 64 bits, is negative together with numbers of
            2^63 or more, or is 2^64 - 1, which marks boxes without a track.
    """
    if isinstance(column, list | tuple):
        column = np.array([*column, None], dtype=object)[
            :-1
        ]  # otherwise numbers of more than 64 bits become floats
    values = _array(column, name, source)
    if values.ndim != 1:
        raise TrackFileError(f"{source}: {name}s must have the shape (N,), got {values.shape}")
    if values.dtype.kind == "i" or not values.size:
        return values.astype(np.int64)
    numbers = [
        _whole_number(value, f"{source}, row {row}: {name}") for row, value in enumerate(values.tolist())
    ]
    low, high = min(numbers), max(numbers)
    if low >= -_INT64 and high < _INT64:
        return np.array(numbers, dtype=np.int64)
    if unsigned and high == _UNTRACKED:
        raise TrackFileError(
            f"{source}, row {numbers.index(high)}: {name} {high} is -1 as an unsigned number, with which trackers "
            "mark boxes without a track; leave them out"
        )
    if unsigned and low >= 0 and high < 2 * _INT64:
        return np.array(numbers, dtype=np.uint64)
    row = numbers.index(low if low < -_INT64 else high)
    raise TrackFileError(
        f"{source}, row {row}: {name} {numbers[row]} is not a 64-bit whole number"
        + (f" (signed, because {name} {low} is negative)" if unsigned and low < 0 else "")
    )


def _whole_number(value: Any, where: str) -> int:
    value = value.item() if isinstance(value, np.generic) else value  # lists may hold NumPy numbers
    whole = isinstance(value, int) and not isinstance(value, bool)
    if isinstance(value, float):
        whole = math.isfinite(value) and value == int(value) and abs(value) <= _EXACT_FLOATS
    if not whole:
        raise TrackFileError(
            f"{where} {value!r} is not a 64-bit whole number; leave untracked boxes out and convert times in seconds "
            "to frame numbers before you make tracks"
        )
    return int(value)


def _numbers(column: Any, source: str) -> np.ndarray:
    values = _array(column, "box or confidence", source)
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TrackFileError(f"{source}: boxes and confidences must be numbers: {error}") from error


def _array(column: Any, name: str, source: str) -> np.ndarray:
    try:
        return np.asarray(column)
    except (TypeError, ValueError, RuntimeError) as error:  # rows of unequal length, a tensor on a device
        raise TrackFileError(f"{source}: {name} entries do not make an array: {error}") from error


def _fields(text: str, where: str) -> list[str]:
    separator = field_separator(text)
    fields = [field.strip() for field in (text.split(separator) if separator else text.split())]
    if len(fields) > _MIN_FIELDS and not fields[-1]:
        fields.pop()  # a separator at the end of the line
    if len(fields) < _MIN_FIELDS:
        raise TrackFileError(
            f"{where}: {len(fields)} fields, expected 6 or more: frame, id, left, top, width, height; got {text!r}"
        )
    empty = [place for place, field in enumerate(fields[: _MIN_FIELDS + 1], start=1) if not field]
    if empty:
        raise TrackFileError(
            f"{where}: field {empty[0]} is empty; leave out boxes without an id; got {text!r}"
        )
    return fields


def _is_header(fields: list[str], where: str) -> bool:
    """Return whether a line is a header with the column names.

    Raises:
        TrackFileError: the header has other columns, such as the right and bottom edges.
    """
    names = [
        field.strip("\"' ").lower().removeprefix("bbox_").removeprefix("bb_")
        for field in fields[:_MIN_FIELDS]
    ]
    if any(_is_number(name) for name in names):
        return False
    wrong = [name for name, known in zip(names, _HEADERS, strict=True) if name not in known]
    if wrong:
        raise TrackFileError(
            f"{where}: the header names {', '.join(fields[:_MIN_FIELDS])}; expected frame, id, left, top, width, height"
        )
    return True


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _parse_fields(
    fields: list[str], where: str, first_frame: int, text: str
) -> tuple[int, int, tuple[float, ...]]:
    frame, track = (_whole(field, where, text) for field in fields[:2])
    if frame >= _INT64:
        raise TrackFileError(
            f"{where}: frame and id must be 64-bit whole numbers, the frame signed; got {text!r}"
        )
    try:
        values = tuple(float(value) for value in fields[2 : _MIN_FIELDS + 1])
    except ValueError:
        hint = "; a decimal is written with a point" if any("," in field for field in fields) else ""
        raise TrackFileError(f"{where}: expected numbers, got {text!r}{hint}") from None
    if not np.isfinite(values).all():
        raise TrackFileError(f"{where}: all numbers must be finite, got {text!r}")
    if frame < first_frame:
        raise TrackFileError(
            f"{where}: frame {frame} comes before the first, which is {first_frame}; for a file that counts "
            "from 0 give first_frame=0"
        )
    if values[2] <= 0 or values[3] <= 0:
        raise TrackFileError(f"{where}: a box of {values[2]:g} x {values[3]:g} pixels has no area")
    return frame, track, values if len(values) > _MIN_FIELDS - 2 else (*values, 1.0)


def _whole(field: str, where: str, text: str) -> int:
    """Return a whole number, without the detour over a float, which holds only 53 bits."""
    try:
        value = Decimal(field)
        number = int(value) if abs(value) < 2 * _INT64 else 2 * _INT64
    except (ArithmeticError, ValueError):
        raise TrackFileError(f"{where}: frame and id must be whole numbers, got {text!r}") from None
    if number != value or not -_INT64 <= number < 2 * _INT64:
        raise TrackFileError(f"{where}: frame and id must be 64-bit whole numbers, got {text!r}")
    return number
