"""A user's CSV of frames, read row by row into tracklets."""

import math
import posixpath
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from videoreid.data.datasets.reading.files import check_inside, natural_key
from videoreid.data.datasets.text_tables import read_table, table_number
from videoreid.errors import DatasetError
from videoreid.types import Tracklet

__all__ = ["read_frame_table"]

_SPLITS = ("train", "query", "gallery", "")
_INTEGER = re.compile(r"-?[0-9]{1,18}")


class _Row(NamedTuple):
    time: float
    path: str
    line: int


def read_frame_table(
    path: Path, base: Path, *, cameras: bool = True, check_files: bool = True
) -> dict[str, list[Tracklet]]:
    """Return the tracklets of a CSV by split; the key of rows without a split is "".

    Columns: path, pid, tracklet and, with cameras, camid; optional: time, split. Rows with the same
    (split, pid, camid, tracklet) are one tracklet, ordered by time if given, else by path in natural order.
    The table may use commas, semicolons or tabs, a byte order mark and comments (`read_table`).

    Args:
        path: the table, with a header.
        base: folder that the paths of frames are relative to.
        cameras: False means that there are no cameras: camid becomes -1.
        check_files: check that every frame exists.

    Raises:
        DatasetError: a column is missing, or a row is malformed, repeated, outside ``base`` or without its
            file; the message names the line.
    """
    groups: dict[tuple[str, int, int, str], list[_Row]] = defaultdict(list)
    seen: dict[tuple[str, str], int] = {}
    for number, row in _read_rows(path, cameras=cameras):
        where = f"folder: {path}, line {number}"
        split = row.get("split", "").lower()
        if split not in _SPLITS:
            raise DatasetError(f"{where}: split {split!r} is not train, query or gallery")
        frame = _frame(row["path"], base, where, check_files=check_files)
        if (split, frame) in seen:
            raise DatasetError(f"{where}: {frame} is listed on line {seen[split, frame]} already")
        seen[split, frame] = number
        camid = _integer(row["camid"], "camid", where, least=0) if cameras else -1
        key = (split, _integer(row["pid"], "pid", where, least=-1), camid, row["tracklet"])
        groups[key].append(_Row(_time(row.get("time", ""), where), frame, number))
    if not groups:
        raise DatasetError(f"folder: {path} has a header and no rows")
    out: dict[str, list[Tracklet]] = defaultdict(list)
    for (split, pid, camid, _), rows in groups.items():
        out[split].append(_tracklet(rows, base, pid, camid, path))
    return dict(out)


def _read_rows(path: Path, *, cameras: bool) -> Iterator[tuple[int, dict[str, str]]]:
    rows = read_table(path, "folder")
    _check_columns(path, list(next(rows)[1]), cameras=cameras)
    yield from rows


def _check_columns(path: Path, names: list[str], *, cameras: bool) -> None:
    needed = ["path", "pid", "tracklet", *(["camid"] if cameras else [])]
    missing = [name for name in needed if name not in names]
    if missing:
        hint = "; pass cameras=False if there are none" if missing == ["camid"] else ""
        raise DatasetError(
            f"folder: {path} lacks the columns {', '.join(missing)}; it has {', '.join(names) or 'no header'}{hint}"
        )


def _frame(text: str, base: Path, where: str, *, check_files: bool) -> str:
    """Return the normalised path, so that ``./a.jpg`` and ``a.jpg`` are the same file."""
    frame = posixpath.normpath(check_inside(text, where))
    if not check_files or (base / frame).is_file():
        return frame
    turned = posixpath.normpath(text.replace("\\", "/"))  # as Windows writes it
    if not (base / turned).is_file():
        raise DatasetError(f"{where}: missing frame {base / frame}")
    return turned


def _integer(text: str, column: str, where: str, *, least: int) -> int:
    # the pattern refuses what int() accepts: 1_0, digits of other scripts, numbers of more than 64 bits
    if not _INTEGER.fullmatch(text) or int(text) < least:
        raise DatasetError(f"{where}: {column} {text!r} is not a whole number from {least}")
    return int(text)


def _time(text: str, where: str) -> float:
    if not text:
        return math.nan
    try:
        return table_number(text)
    except ValueError:
        raise DatasetError(f"{where}: time {text!r} is not a number") from None


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
