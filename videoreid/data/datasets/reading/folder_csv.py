"""A user's CSV of frames, read row by row into tracklets."""

import csv
import math
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from videoreid.data.datasets.reading.files import check_inside, natural_key, require_file
from videoreid.errors import DatasetError
from videoreid.types import Tracklet

__all__ = ["read_frame_table"]

_SPLITS = ("train", "query", "gallery", "")


class _Row(NamedTuple):
    time: float
    path: str
    line: int


def read_frame_table(
    path: Path, base: Path, *, cameras: bool = True, check_files: bool = True
) -> dict[str, list[Tracklet]]:
    """Return the tracklets of a CSV by split; rows without a split are filed under "".

    Columns: path, pid, tracklet, and, where there are cameras, camid; optional: time, split. Rows of one
    (split, pid, camid, tracklet) are one tracklet, ordered by time where it is given, else by path in natural order.

    Args:
        path: the CSV, UTF-8, with a header.
        base: paths of frames are relative to it.
        cameras: False means that there are none: camid becomes -1.
        check_files: check that every frame exists.

    Raises:
        DatasetError: a column is missing, or a row is malformed, repeated, outside ``base`` or without its
            file; the message names the line.
    """
    groups: dict[tuple[str, int, int, str], list[_Row]] = defaultdict(list)
    seen: dict[tuple[str, str], int] = {}
    for number, row in _read_rows(path, cameras=cameras):
        where = f"folder: {path}, line {number}"
        if None in row or None in row.values():
            raise DatasetError(f"{where}: more or fewer fields than in the header")
        split = row.get("split", "").strip()
        if split not in _SPLITS:
            raise DatasetError(f"{where}: split {split!r} is not train, query or gallery")
        frame = check_inside(row["path"].strip(), where)
        if (split, frame) in seen:
            raise DatasetError(f"{where}: {frame} is listed on line {seen[split, frame]} already")
        seen[split, frame] = number
        if check_files and not (base / frame).is_file():
            raise DatasetError(f"{where}: missing frame {base / frame}")
        camid = _integer(row["camid"], "camid", where, least=0) if cameras else -1
        key = (split, _integer(row["pid"], "pid", where, least=-1), camid, row["tracklet"].strip())
        groups[key].append(_Row(_time(row.get("time", ""), where), frame, number))
    if not groups:
        raise DatasetError(f"folder: {path} has a header and no rows")
    out: dict[str, list[Tracklet]] = defaultdict(list)
    for (split, pid, camid, _), rows in groups.items():
        out[split].append(_tracklet(rows, base, pid, camid, path))
    return dict(out)


def _read_rows(path: Path, *, cameras: bool) -> Iterator[tuple[int, dict[str, str]]]:
    with require_file(path, "folder").open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        try:
            _check_columns(path, list(reader.fieldnames or ()), cameras=cameras)
            yield from enumerate(reader, 2)
        except (UnicodeDecodeError, csv.Error) as error:
            raise DatasetError(f"folder: {path} is not a CSV in UTF-8: {error}") from None


def _check_columns(path: Path, names: list[str], *, cameras: bool) -> None:
    needed = ["path", "pid", "tracklet", *(["camid"] if cameras else [])]
    missing = [name for name in needed if name not in names]
    if missing:
        hint = "; pass cameras=False if there are none" if missing == ["camid"] else ""
        raise DatasetError(
            f"folder: {path} lacks the columns {', '.join(missing)}; it has {', '.join(names) or 'no header'}{hint}"
        )


def _integer(text: str, column: str, where: str, *, least: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least:
        raise DatasetError(f"{where}: {column} {text!r} is not a whole number from {least}")
    return value


def _time(text: str, where: str) -> float:
    if not text.strip():
        return math.nan
    try:
        value = float(text)
    except ValueError:
        value = math.inf
    if not math.isfinite(value):
        raise DatasetError(f"{where}: time {text!r} is not a number")
    return value


def _tracklet(rows: list[_Row], base: Path, pid: int, camid: int, path: Path) -> Tracklet:
    timed = [row for row in rows if not math.isnan(row.time)]
    if timed and len(timed) < len(rows):
        line = next(row.line for row in rows if math.isnan(row.time))
        raise DatasetError(
            f"folder: {path}, line {line}: no time, but other frames of its tracklet have one; give all or none"
        )
    rows = sorted(rows, key=lambda row: (row.time if timed else 0.0, natural_key(row.path)))
    frames = tuple(f"{base}/{row.path}" for row in rows)
    return Tracklet(frames, pid, camid, rows[0].time, rows[-1].time)
