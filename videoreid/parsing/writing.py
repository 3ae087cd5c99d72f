"""Parsing of many pictures into a folder: label maps, overlays, and part visibilities of tracklets."""

import csv
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from videoreid.data import FrameReader
from videoreid.errors import ConfigError, DatasetError
from videoreid.parsing.drawing import draw_overlay
from videoreid.parsing.label_files import read_label_map, write_label_map
from videoreid.parsing.parsers import Parser
from videoreid.parsing.sources import Picture
from videoreid.parsing.tables import LabelTable
from videoreid.parsing.visibility import part_shares, part_visibility, typical_shares
from videoreid.utils import atomic_path, atomic_write_text

__all__ = ["ParsedFolder", "parse_into_folder", "read_visibility"]

_SETTINGS, _VISIBILITY = "parsing.json", "visibility.csv"


@dataclass(frozen=True)
class ParsedFolder:
    """Counts of a parsing run.

    Args:
        parsed: number of pictures parsed in this run.
        found: number of pictures that an earlier run had parsed.
        seconds: time of the parsing, including reading and writing.
    """

    parsed: int
    found: int
    seconds: float

    @property
    def pictures_per_second(self) -> float:
        """Pictures parsed per second in this run; 0 if there was nothing left to do."""
        return self.parsed / self.seconds if self.parsed else 0.0


def parse_into_folder(
    parser: Parser,
    pictures: Sequence[Picture],
    output: Path,
    *,
    batch_size: int = 16,
    overlays: bool = True,
    progress: bool = True,
) -> ParsedFolder:
    """Parse pictures into a folder; an interrupted run can be resumed.

    The function writes ``labels/NAME.png`` (class numbers with a palette), ``overlays/NAME.jpg``, ``visibility.csv``
    (for each tracklet, the mean visibility of each part over its pictures) and ``parsing.json`` (the settings). Every
    file is written atomically, and an old ``visibility.csv`` is deleted before new pictures are written. Visibility is
    relative to the median share of a part over all pictures of the folder.

    Args:
        parser: see `Parser`.
        pictures: pictures with different names.
        output: output folder; pictures that are already parsed in it are skipped.
        batch_size: pictures per call of the parser.
        overlays: also write overlays.
        progress: show a progress bar with pictures per second on standard error.

    Raises:
        ConfigError: there is no picture, or the folder was made with other settings.
        FrameError: a picture cannot be read; the pictures before it are written.
    """
    from tqdm import tqdm

    if not pictures or batch_size < 1:
        raise ConfigError(f"expected pictures and a batch of 1 or more, got {len(pictures)} and {batch_size}")
    _keep_settings(output, parser)
    pending = [picture for picture in pictures if not _is_done(output, picture, overlays=overlays)]
    if pending:  # it would not cover the new pictures until this run ends
        (output / _VISIBILITY).unlink(missing_ok=True)
    reader = FrameReader()
    began = time.perf_counter()
    with tqdm(
        total=len(pictures), initial=len(pictures) - len(pending), unit="picture", disable=not progress
    ) as bar:
        for start in range(0, len(pending), batch_size):
            batch = pending[start : start + batch_size]
            images = reader.read([picture.key for picture in batch])
            for picture, image, labels in zip(batch, images, parser(images), strict=True):
                if overlays:
                    _write_jpeg(_overlay_path(output, picture), draw_overlay(image, labels, parser.table))
                write_label_map(
                    _label_path(output, picture), labels
                )  # last, because it marks the picture as done
            bar.update(len(batch))
    seconds = time.perf_counter() - began
    _write_visibility(output, pictures, parser.table)
    return ParsedFolder(len(pending), len(pictures) - len(pending), seconds)


def read_visibility(output: Path) -> tuple[list[str], tuple[str, ...], np.ndarray]:
    """Read ``visibility.csv`` of a parsed folder.

    Returns:
        Names of the N tracklets ("query/000012" for query number 12), names of the P parts, and visibilities
        ``(N, P)`` float64.

    Raises:
        DatasetError: the file is missing or damaged.
    """
    path = output / _VISIBILITY
    try:
        with path.open(newline="", encoding="utf-8") as file:
            head, *rows = list(csv.reader(file))
        values = np.array([[float(cell) for cell in row[2:]] for row in rows], dtype=np.float64)
        return [row[0] for row in rows], tuple(head[2:]), values.reshape(len(rows), len(head) - 2)
    except (OSError, ValueError, IndexError) as error:
        raise DatasetError(f"{path} cannot be read ({error}); run videoreid parse again") from error


def _keep_settings(output: Path, parser: Parser) -> None:
    settings: dict[str, Any] = {
        "table": parser.table.name,
        "classes": list(parser.table.classes),
        "parser": parser.description,
    }
    path = output / _SETTINGS
    if path.is_file():
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(found, dict):
                raise ValueError("expected an object")
        except ValueError as error:
            raise ConfigError(f"{path} is damaged ({error}); give another output folder") from error
        if found != settings:
            raise ConfigError(
                f"{output} was parsed with {found.get('parser')} in table {found.get('table')}, not with "
                f"{settings['parser']} in table {settings['table']}; give another output folder"
            )
    else:
        atomic_write_text(path, json.dumps(settings, indent=1) + "\n")


def _label_path(output: Path, picture: Picture) -> Path:
    return output / "labels" / f"{picture.name}.png"


def _overlay_path(output: Path, picture: Picture) -> Path:
    return output / "overlays" / f"{picture.name}.jpg"


def _is_done(output: Path, picture: Picture, *, overlays: bool) -> bool:
    paths = [_label_path(output, picture), *([_overlay_path(output, picture)] if overlays else [])]
    return all(path.is_file() for path in paths)


def _write_jpeg(path: Path, image: np.ndarray) -> None:
    import cv2

    done, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    if not done:
        raise ConfigError("this OpenCV cannot write JPEG; install opencv-python")
    with atomic_path(path) as temporary:
        temporary.write_bytes(data.tobytes())


def _write_visibility(output: Path, pictures: Sequence[Picture], table: LabelTable) -> None:
    shares = np.concatenate(
        [part_shares([read_label_map(_label_path(output, picture), table)], table) for picture in pictures]
    )
    visibility = part_visibility(shares, typical_shares(shares))
    with atomic_path(output / _VISIBILITY) as path, path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["tracklet", "pictures", *table.classes[1:]])
        for name, rows in _by_tracklet(pictures):
            means = visibility[rows].mean(0)
            writer.writerow([name, len(rows), *(f"{value:.4f}" for value in means)])


def _by_tracklet(pictures: Sequence[Picture]) -> Iterator[tuple[str, list[int]]]:
    groups: dict[str, list[int]] = {}
    for row, picture in enumerate(pictures):
        groups.setdefault(picture.tracklet, []).append(row)
    yield from groups.items()
