"""Reading of detections from MOT, KITTI and COCO files and from folders of YOLO labels."""

import json
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from videoreid.data.text_rows import field_separator, read_lines
from videoreid.errors import TrackFileError

__all__ = ["DetectionFile", "LabelledBox", "is_detection_file", "read_detections", "read_labels"]

_KITTI_FIELDS = 10
_KITTI_PEOPLE = ("pedestrian", "person", "person_sitting")
_COCO_PERSON = 1
_NUMBER = re.compile(r"(\d+)\D*$")


class LabelledBox(NamedTuple):
    """A box of a label file.

    Args:
        where: file and line, for the start of a message.
        frame: 0-based frame number.
        track: track id, or None.
        box: left, top, width, height in pixels from 0, or in shares of the picture.
        score: confidence; 1 if the file has none.
    """

    where: str
    frame: int
    track: int | None
    box: tuple[float, float, float, float]
    score: float


@dataclass(frozen=True)
class DetectionFile:
    """Boxes by frame.

    Args:
        frames: for each frame number, boxes ``(N, 5)`` as left, top, right, bottom and score.
        in_shares: whether boxes are shares of the picture, 0 to 1, instead of pixels.
        source: the file.
    """

    frames: dict[int, np.ndarray]
    in_shares: bool
    source: str

    def find(self, number: int, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return boxes ``(N, 4)`` in pixels, clipped to the picture, and scores ``(N,)`` of a frame."""
        table = self.frames.get(number, np.empty((0, 5)))
        height, width = image.shape[:2]
        size = np.array([width, height, width, height], dtype=np.float64)
        boxes = table[:, :4] * size if self.in_shares else table[:, :4]
        return np.clip(boxes, 0.0, size), table[:, 4]


def is_detection_file(path: str | os.PathLike[str]) -> bool:
    """Return whether a path looks like a file or folder that `read_detections` reads."""
    path = Path(path)
    return path.is_dir() or path.suffix.lower() in (".txt", ".csv", ".json")


def read_detections(path: str | os.PathLike[str], *, first_frame: int | None = None) -> DetectionFile:
    """Read the boxes of persons, without their tracks.

    Args:
        path: see `read_labels`.
        first_frame: see `read_labels`.

    Raises:
        TrackFileError: a malformed entry; the message has its line.
    """
    labels, in_shares = read_labels(path, first_frame=first_frame)
    rows: dict[int, list[tuple[float, ...]]] = defaultdict(list)
    for label in labels:
        left, top, width, height = label.box
        rows[label.frame].append((left, top, left + width, top + height, label.score))
    frames = {number: np.array(found, dtype=np.float64) for number, found in rows.items()}
    return DetectionFile(frames, in_shares, os.fspath(path))


def read_labels(
    path: str | os.PathLike[str], *, first_frame: int | None = None
) -> tuple[list[LabelledBox], bool]:
    """Read the persons of a label file or folder; the format is recognised from the contents.

    - MOT (``frame, id, left, top, width, height[, score, ...]``), frames and pixels from 1; id -1 means no track;
    - KITTI tracking (``frame id type ... left top right bottom ...``), both from 0, types of persons;
    - COCO (an object with ``images`` and ``annotations``, or a list of results), pixels from 0, category ``person``;
    - a folder of YOLO labels, one text file per frame (``class x y width height [score] [id]`` in shares), class 0.

    Args:
        path: the file or folder.
        first_frame: number of the first frame; None means 1 for MOT and YOLO, 0 for KITTI, the lowest one for COCO.

    Returns:
        The boxes, and whether they are in shares of the picture.

    Raises:
        TrackFileError: no such file, no person in it, or a malformed entry; the message has its line.
    """
    path = Path(path)
    if path.is_dir():
        labels = _read_yolo(path, 1 if first_frame is None else first_frame)
    elif path.suffix.lower() == ".json":
        labels = _read_coco(path, first_frame)
    else:
        labels = _read_text(path, first_frame)
    if not labels:
        raise TrackFileError(f"{path} holds no person")
    return labels, path.is_dir()


def _read_text(path: Path, first_frame: int | None) -> list[LabelledBox]:
    labels = []
    for number, text in read_lines(path, "a text file of boxes in MOT or KITTI format", TrackFileError):
        where = f"{path}, line {number}"
        separator = field_separator(text)
        fields = [field.strip() for field in (text.split(separator) if separator else text.split())]
        if len(fields) > 2 and re.fullmatch(r"[A-Za-z_]+", fields[2]):
            label = _kitti(fields, where, text, first_frame or 0)
        else:
            label = _mot(fields, where, text, 1 if first_frame is None else first_frame)
        if label is not None:
            labels.append(label)
    return labels


def _kitti(fields: list[str], where: str, text: str, first_frame: int) -> LabelledBox | None:
    if fields[2].lower() not in _KITTI_PEOPLE:
        return None
    if len(fields) < _KITTI_FIELDS:
        raise TrackFileError(
            f"{where}: {len(fields)} fields, expected 10 or more of KITTI tracking; got {text!r}"
        )
    left, top, right, bottom = _floats(fields[6:10], where, text)
    score = _floats(fields[17:18], where, text) or [1.0]
    frame, track = _ints(fields[:2], where, text)
    box = (left, top, right - left, bottom - top)
    return _label(where, frame - first_frame, track if track >= 0 else None, box, score[0])


def _mot(fields: list[str], where: str, text: str, first_frame: int) -> LabelledBox:
    if len(fields) < 6:
        raise TrackFileError(
            f"{where}: {len(fields)} fields, expected 6 or more: frame, id, left, top, width, height; got {text!r}"
        )
    frame, track = _ints(fields[:2], where, text)
    left, top, width, height, *score = _floats(fields[2:7], where, text)
    box = (left - 1, top - 1, width, height)
    return _label(where, frame - first_frame, track if track >= 0 else None, box, score[0] if score else 1.0)


def _read_yolo(folder: Path, first_frame: int) -> list[LabelledBox]:
    labels = []
    files = sorted(folder.glob("*.txt"))
    if not files:
        raise TrackFileError(f"{folder} holds no label file: expected one .txt file per frame")
    for path in files:
        match = _NUMBER.search(path.stem)
        if match is None:
            if path.stem == "classes":
                continue
            raise TrackFileError(f"{path}: the name of a label file must end in the number of its frame")
        for number, text in read_lines(path, "a file of YOLO labels", TrackFileError):
            where = f"{path}, line {number}"
            fields = text.split()
            if not 5 <= len(fields) <= 7:
                raise TrackFileError(
                    f"{where}: {len(fields)} fields, expected class x y width height [score] [id]"
                )
            if fields[0] != "0":
                continue
            x, y, width, height, *more = _floats(fields[1:], where, text)
            whole = len(fields) == 6 and fields[5].isdigit()  # a track id without a score
            score = more[0] if more and not whole else 1.0
            track = _ints(fields[-1:], where, text)[0] if whole or len(fields) == 7 else None
            box = (x - width / 2, y - height / 2, width, height)
            labels.append(_label(where, int(match[1]) - first_frame, track, box, score))
    return labels


def _read_coco(path: Path, first_frame: int | None) -> list[LabelledBox]:
    text = "\n".join(line for _, line in read_lines(path, "a JSON file of detections", TrackFileError))
    try:
        content = json.loads(text)
        if isinstance(content, dict):
            numbers = {image["id"]: _coco_number(image) for image in content["images"]}
            people = {c["id"] for c in content.get("categories", []) if str(c["name"]).lower() == "person"}
            entries, people = content["annotations"], people or {_COCO_PERSON}
        else:
            entries, people = content, {_COCO_PERSON}
            numbers = {entry["image_id"]: int(entry["image_id"]) for entry in entries}
        base = min(numbers.values(), default=0) if first_frame is None else first_frame
        return [
            _label(
                f"{path}, entry {place}",
                numbers[entry["image_id"]] - base,
                entry.get("track_id"),
                tuple(float(value) for value in entry["bbox"]),
                float(entry.get("score", 1.0)),
            )
            for place, entry in enumerate(entries, start=1)
            if entry.get("category_id", _COCO_PERSON) in people
        ]
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise TrackFileError(
            f"{path} is not a COCO file ({type(error).__name__}: {error}): expected an object with images and "
            "annotations, or a list of results with image_id, category_id, bbox and score"
        ) from error


def _coco_number(image: dict[str, Any]) -> int:
    for name in ("frame_id", "frame_index"):
        if name in image:
            return int(image[name])
    match = _NUMBER.search(Path(str(image["file_name"])).stem)
    return int(match[1]) if match else int(image["id"])


def _label(where: str, frame: int, track: int | None, box: Sequence[float], score: float) -> LabelledBox:
    left, top, width, height = box
    if frame < 0:
        raise TrackFileError(f"{where}: the frame comes before the first one; give first_frame")
    if not np.isfinite([*box, score]).all() or width <= 0 or height <= 0:
        raise TrackFileError(
            f"{where}: box {tuple(box)} must be finite, with an area, and score {score} finite"
        )
    if track is not None and (isinstance(track, bool) or not isinstance(track, int)):
        raise TrackFileError(f"{where}: track id {track!r} is not a whole number")
    return LabelledBox(where, frame, track, (left, top, width, height), score)


def _floats(fields: Iterable[str], where: str, text: str) -> list[float]:
    try:
        return [float(field) for field in fields]
    except ValueError:
        raise TrackFileError(f"{where}: expected numbers, got {text!r}") from None


def _ints(fields: Iterable[str], where: str, text: str) -> list[int]:
    try:
        return [int(field) for field in fields]
    except ValueError:
        raise TrackFileError(f"{where}: frame and id must be whole numbers, got {text!r}") from None
