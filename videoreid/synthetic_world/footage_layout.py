"""Files of filmed cameras: videos, ground truth boxes, imitated detections, and the table of identities."""

import csv
import io
from pathlib import Path

import cv2
import numpy as np

from videoreid.errors import DatasetError
from videoreid.synthetic_world.draws import Draws
from videoreid.synthetic_world.filming import FilmedFrame, film_camera
from videoreid.synthetic_world.layouts import write_all
from videoreid.synthetic_world.walks import FilmWorld

__all__ = ["lay_out_footage"]

_DETECTIONS = 60  # stream of random numbers
_FALSE_ALARMS = 0.05  # per frame
_HEADER = ("video", "track", "person", "camera", "first_frame", "last_frame", "start", "end")

Row = tuple[str, int, int, str, int, int, str, str]


def lay_out_footage(world: FilmWorld, folder: Path) -> None:
    """Write ``cameraN.mp4``, ``cameraN.gt.txt`` and ``cameraN.det.txt`` of every camera, and ``identities.csv``."""
    tables = write_all(lambda camera: _write_camera(world, camera, folder), range(world.options.cameras))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADER)
    for rows in tables:
        writer.writerows(rows)
    (folder / "identities.csv").write_text(text.getvalue(), newline="\n")


def _write_camera(world: FilmWorld, camera: int, folder: Path) -> list[Row]:
    """Film one camera; return its rows of the table of identities."""
    options, name = world.options, f"camera{camera + 1}"
    video = _open(folder / f"{name}.mp4", options.frame_rate, (options.width, options.height))
    draws = Draws(options.seed, _DETECTIONS, camera)
    truth, found = [], []
    spans: dict[int, tuple[int, int]] = {}
    for frame in film_camera(world, camera):
        video.write(cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2BGR))
        for track, box, share in zip(frame.tracks.tolist(), frame.boxes, frame.visibility, strict=True):
            truth.append(f"{frame.number + 1},{track},{_numbers(box)},1,1,{share:.4f}\n")
            spans[track] = spans.get(track, (frame.number, 0))[0], frame.number
        found += [
            f"{frame.number + 1},-1,{_numbers(box)},{score:.4f},-1,-1,-1\n"
            for box, score in _detect(draws, frame)
        ]
    video.release()
    if not (folder / f"{name}.mp4").stat().st_size:
        raise DatasetError(f"{folder / name}.mp4 is empty: is the disk full?")
    (folder / f"{name}.gt.txt").write_text("".join(truth), newline="\n")
    (folder / f"{name}.det.txt").write_text("".join(found), newline="\n")
    rows: list[Row] = []
    for track, (first, last) in sorted(spans.items()):
        person = world.walks[camera][track - 1].person + 1
        start, end = (f"{number / options.frame_rate:.3f}" for number in (first, last))
        rows.append((f"{name}.mp4", track, person, name, first, last, start, end))
    return rows


def _open(path: Path, rate: int, size: tuple[int, int]) -> cv2.VideoWriter:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), rate, size)
    if not writer.isOpened():
        raise DatasetError(f"OpenCV cannot write {path}: was it built without MPEG-4, or is the disk full?")
    return writer


def _numbers(box: np.ndarray) -> str:
    """Return left, top, width, height, counted from 1 as MOT does."""
    left, top, right, bottom = box.tolist()
    return f"{left + 1:.2f},{top + 1:.2f},{right - left:.2f},{bottom - top:.2f}"


def _detect(draws: Draws, frame: FilmedFrame) -> list[tuple[np.ndarray, float]]:
    """Return boxes and scores like those of a fair detector: boxes jitter, hidden people are missed."""
    height, width = frame.rgb.shape[:2]
    limits = np.array([width, height, width, height], dtype=float)
    found = []
    for box, share in zip(frame.boxes, frame.visibility.tolist(), strict=True):
        seen = draws.chance(0.97 * min(1.0, max(0.0, (share - 0.15) / 0.35)))
        tremble = np.array([draws.bell(0.0, 0.04) for _ in range(4)])
        score = 0.45 + 0.4 * share + draws.bell(0.0, 0.06)
        if seen:
            size = np.array([box[2] - box[0], box[3] - box[1]] * 2)
            found.append((np.clip(box + tremble * size * [1.0, 0.5, 1.0, 0.5], 0.0, limits), score))
    if draws.chance(_FALSE_ALARMS):
        left, top = draws.uniform(0.0, 0.9 * width), draws.uniform(0.3, 0.7) * height
        tall = draws.uniform(0.1, 0.28) * height
        box = np.clip(np.array([left, top, left + 0.4 * tall, top + tall]), 0.0, limits)
        found.append((box, draws.uniform(0.1, 0.5)))
    return [(box, min(0.99, max(0.05, score))) for box, score in found]
