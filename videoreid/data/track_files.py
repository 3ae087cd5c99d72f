"""Tracks of people in a video, and the MOT-format file that any tracker writes."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from videoreid.errors import TrackFileError

__all__ = ["Tracks", "read_tracks"]

_MIN_FIELDS = 6


@dataclass(frozen=True, eq=False)
class Tracks:
    """The boxes of the tracks of one video, one row a box, in the order of (track, frame).

    Args:
        frames: ``(N,)`` int64, 0-based frame numbers.
        track_ids: ``(N,)`` int64.
        boxes: ``(N, 4)`` float64, left, top, width, height in pixels; the first pixel of the frame begins at 0.
        confidences: ``(N,)`` float64; 1 where the tracker gives none.
        lines: ``(N,)`` int64, line of the file (1-based), for messages; 0 where there is no file.
        source: file or tracker that the rows come from, for messages.

    Raises:
        TrackFileError: lengths differ, or a track has two boxes in one frame.
    """

    frames: np.ndarray
    track_ids: np.ndarray
    boxes: np.ndarray
    confidences: np.ndarray = field(default_factory=lambda: np.empty(0))
    lines: np.ndarray = field(default_factory=lambda: np.empty(0))
    source: str = "tracks"

    def __post_init__(self) -> None:
        n = len(self.frames)
        boxes = np.asarray(self.boxes, dtype=np.float64).reshape(-1, 4)
        columns = {
            "frames": np.asarray(self.frames, dtype=np.int64),
            "track_ids": np.asarray(self.track_ids, dtype=np.int64),
            "confidences": np.asarray(self.confidences if len(self.confidences) else np.ones(n), np.float64),
            "lines": np.asarray(self.lines if len(self.lines) else np.zeros(n), np.int64),
            "boxes": boxes,
        }
        lengths = {name: len(column) for name, column in columns.items()}
        if set(lengths.values()) != {n}:
            raise TrackFileError(
                f"{self.source}: columns of unequal length {lengths}: one row a box is needed"
            )
        order = np.lexsort((columns["frames"], columns["track_ids"]))
        for name, column in columns.items():
            object.__setattr__(self, name, column[order])
        twice = np.flatnonzero((np.diff(self.track_ids) == 0) & (np.diff(self.frames) == 0))
        if twice.size:
            row = int(twice[0]) + 1
            raise TrackFileError(
                f"{self.where(row)}: track {self.track_ids[row]} has a second box in frame {self.frames[row]}; "
                "a track is one person, once a frame"
            )

    def __len__(self) -> int:
        return len(self.frames)

    def where(self, row: int) -> str:
        """Return the file and line of a row, as messages begin."""
        line = int(self.lines[row])
        return f"{self.source}, line {line}" if line else f"{self.source}, row {row}"

    def select(self, rows: np.ndarray) -> "Tracks":
        """Return the given rows (indices or a boolean mask)."""
        return Tracks(
            self.frames[rows],
            self.track_ids[rows],
            self.boxes[rows],
            self.confidences[rows],
            self.lines[rows],
            self.source,
        )


def read_tracks(path: str | os.PathLike[str], *, first_frame: int = 1, first_pixel: int = 1) -> Tracks:
    """Read a MOT-format file: ``frame, id, left, top, width, height[, confidence, ...]`` a line.

    The format counts frames and pixels from one; trackers that count from zero are common, hence the two options.
    Blank lines and lines that begin with ``#`` are passed over; commas, tabs and spaces all separate.

    Args:
        path: the track file.
        first_frame: number that the file gives to the first frame of the video.
        first_pixel: coordinate that the file gives to the first pixel of a row.

    Returns:
        The tracks, 0-based.

    Raises:
        TrackFileError: no such file, nothing in it, or a malformed line; the message has its number.
    """
    path = Path(path)
    if not path.is_file():
        raise TrackFileError(f"no track file {path}: expected a text file in MOT format")
    rows: list[tuple[float, ...]] = []
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                text = line.strip()
                if text and not text.startswith("#"):
                    rows.append((*_parse_line(text, f"{path}, line {number}", first_frame), number))
    except UnicodeDecodeError as error:
        raise TrackFileError(f"{path} is not text: expected a MOT-format track file") from error
    if not rows:
        raise TrackFileError(
            f"{path} holds no box: expected lines 'frame, id, left, top, width, height, ...'"
        )
    table = np.array(rows, dtype=np.float64)
    boxes = table[:, 2:6] - np.array([first_pixel, first_pixel, 0, 0])
    frames = table[:, 0] - first_frame
    return Tracks(frames, table[:, 1], boxes, table[:, 6], table[:, 7], source=str(path))


def _parse_line(text: str, where: str, first_frame: int) -> tuple[float, ...]:
    fields = text.replace(",", " ").split()
    if len(fields) < _MIN_FIELDS:
        raise TrackFileError(
            f"{where}: {len(fields)} fields, expected 6 or more: frame, id, left, top, width, height; got {text!r}"
        )
    try:
        values = tuple(float(value) for value in fields[: _MIN_FIELDS + 1])
    except ValueError:
        raise TrackFileError(f"{where}: expected numbers, got {text!r}") from None
    if not np.isfinite(values).all() or values[0] != int(values[0]) or values[1] != int(values[1]):
        raise TrackFileError(f"{where}: frame and id must be whole and all numbers finite, got {text!r}")
    if values[0] < first_frame:
        raise TrackFileError(
            f"{where}: frame {int(values[0])} comes before the first, which is {first_frame}; a file that counts "
            "from 0 is read with first_frame=0"
        )
    if values[4] <= 0 or values[5] <= 0:
        raise TrackFileError(f"{where}: a box of {values[4]:g} x {values[5]:g} pixels has no area")
    return values if len(values) > _MIN_FIELDS else (*values, 1.0)
