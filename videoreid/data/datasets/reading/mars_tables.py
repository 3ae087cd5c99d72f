"""The files of MARS and of datasets in its layout: name lists, track tables, and the tracklets they describe."""

import codecs
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from videoreid.data.datasets.reading.files import list_images, require_file
from videoreid.data.datasets.reading.frame_names import FrameNames
from videoreid.data.datasets.reading.mat import read_whole_numbers
from videoreid.data.datasets.text_tables import read_table, table_number
from videoreid.errors import DatasetError
from videoreid.types import Tracklet

__all__ = [
    "check_images",
    "make_tracklets",
    "person_folder",
    "read_names",
    "read_query_rows",
    "read_times",
    "read_tracks",
]

_NUM_CAMERAS = 6
_LONGEST_NAME = 255
_PREFIX = 6  # "0001C1": what every frame of a tracklet shares


def read_names(path: Path, dataset: str) -> np.ndarray:
    """Return the names of a list as an ``(n,)`` array of bytes, one per line.

    Raises:
        DatasetError: the list is missing, or a name is too short or holds a path separator.
    """
    names = _split_lines(path, require_file(path, dataset).read_bytes(), dataset)
    if not len(names):
        raise DatasetError(f"{dataset}: {path} is empty; expected one image name per line")
    if names.dtype.itemsize < _PREFIX:
        raise DatasetError(
            f"{dataset}: {path} holds names such as {names[0]!r}; expected 0001C1T0001F001.jpg"
        )
    letters = names.view(np.uint8).reshape(len(names), names.dtype.itemsize)
    bad = ((letters == ord("/")) | (letters == ord("\\"))).any(axis=1)
    if bad.any():
        line = int(bad.argmax())
        raise DatasetError(
            f"{dataset}: {path}, line {line + 1}: name {_shown(names[line])!r} "
            "leaves the root of the dataset; expected a bare file name"
        )
    return names


def _split_lines(path: Path, text: bytes, dataset: str) -> np.ndarray:
    text = text.removeprefix(codecs.BOM_UTF8)
    width = text.find(b"\n") + 1
    if width > 1 and len(text) % width == 0:
        # all names have the same length, as published: cut the text in place, without half a million objects
        table = np.frombuffer(text, np.uint8).reshape(-1, width)
        if (table[:, -1] == ord("\n")).all() and (table[:, :-1] > ord(" ")).all():
            return np.ascontiguousarray(table[:, :-1]).view(f"S{width - 1}").ravel()
    lines = [line.strip() for line in text.rstrip().split(b"\n")] if text.strip() else []
    for number, line in enumerate(lines, 1):
        # a skipped line would shift every later tracklet by one name, and one long line widens all rows of the array
        if not line or len(line) > _LONGEST_NAME or b" " in line:
            raise DatasetError(
                f"{dataset}: {path}, line {number}: {_shown(line[:40])!r} ({len(line)} letters) is not a file name; "
                "expected one image name per line"
            )
    return np.array(lines, dtype=np.bytes_)


def _shown(name: bytes) -> str:
    return name.decode(errors="replace")


def read_tracks(path: Path, variable: str, num_names: int, dataset: str) -> np.ndarray:
    """Return a track table ``(N, 4)``: first name and one past the last (0-based), pid, camera (1-based).

    Raises:
        DatasetError: the file, the variable or its shape is wrong, a row is empty or outside the name list,
            or a camera is out of range.
    """
    table = read_whole_numbers(path, variable, dataset)
    if table.ndim != 2 or table.shape[1] != 4 or not len(table):
        raise DatasetError(f"{dataset}: {variable} in {path} has shape {table.shape}; expected (N, 4)")
    table[:, 0] -= 1  # MATLAB counts from one and includes the end
    start, end, camera = table[:, 0], table[:, 1], table[:, 3]
    _refuse(
        (start < 0) | (end <= start), path, dataset, "is an empty tracklet: its last line precedes its first"
    )
    _refuse(
        end > num_names,
        path,
        dataset,
        f"ends at name {int(end.max())} but the name list has {num_names} lines; get the complete list",
    )
    _refuse(
        (camera < 1) | (camera > _NUM_CAMERAS), path, dataset, f"has a camera out of range 1..{_NUM_CAMERAS}"
    )
    return table


def read_query_rows(path: Path, num_tracks: int, dataset: str) -> np.ndarray:
    """Return the 0-based rows ``(Q,)`` int64 of the test table that are queries, in the published order.

    Raises:
        DatasetError: the file or variable is missing, or a row is outside the table or given twice.
    """
    rows = read_whole_numbers(path, "query_IDX", dataset).ravel() - 1
    if not len(rows) or rows.min() < 0 or rows.max() >= num_tracks or len(np.unique(rows)) != len(rows):
        raise DatasetError(
            f"{dataset}: query_IDX in {path} must be different rows in 1..{num_tracks} of the test table; "
            f"got {len(rows)} rows from {rows.min(initial=0) + 1} to {rows.max(initial=0) + 1}"
        )
    return rows


def read_times(path: Path, split: str, num_tracks: int, dataset: str) -> np.ndarray | None:
    """Return ``(N, 2)`` first and last times of a track table from an additional file, or None without that file.

    MARS has no times; a dataset in its layout may have them in ``info/tracks_time.csv`` with the columns
    split ("train" or "test"), row (0-based), start, end. Rows that are not listed stay NaN.

    Raises:
        DatasetError: a column is missing, or a line cannot be read; the message names the line.
    """
    if not path.is_file():
        return None
    times = np.full((num_tracks, 2), math.nan)
    rows = read_table(path, dataset)
    lacking = {"split", "row", "start", "end"} - set(next(rows)[1])
    if lacking:
        raise DatasetError(f"{dataset}: {path} lacks the columns {', '.join(sorted(lacking))}")
    for number, line in rows:
        if line["split"] != split:
            continue
        try:
            row = _row_number(line["row"], num_tracks)
            if not np.isnan(times[row, 0]):
                raise ValueError(f"row {row} of {split} is listed already")
            times[row] = table_number(line["start"]), table_number(line["end"])
            if times[row, 1] < times[row, 0]:
                raise ValueError(f"row {row} of {split} ends before it starts")
        except ValueError as error:
            raise DatasetError(
                f"{dataset}: {path}, line {number}: {error}; expected columns split,row,start,end"
            ) from None
    return times


def _row_number(text: str, num_tracks: int) -> int:
    if not text.isdecimal() or len(text) > 12 or int(text) >= num_tracks:
        raise ValueError(f"row {text!r} is not one of the {num_tracks} tracklets")
    return int(text)


def make_tracklets(
    folders: Sequence[Path], names: np.ndarray, tracks: np.ndarray, times: np.ndarray | None, *, dataset: str
) -> list[Tracklet]:
    """Return one tracklet per row of the table.

    Args:
        folders: for every row, the folder with one folder per person, named by the first four letters of its files.
        names: ``(n,)`` bytes.
        tracks: ``(N, 4)`` from `read_tracks`.
        times: ``(N, 2)`` first and last times, or None.
        dataset: name used in messages.

    Raises:
        DatasetError: a name is of another person or camera than its row, or frames are not in ascending order.
    """
    _check_rows(names, tracks, dataset)
    tracklets = []
    for row, (start, end, pid, camera) in enumerate(tracks.tolist()):
        time, end_time = (math.nan, math.nan) if times is None else times[row].tolist()
        frames = FrameNames(f"{folders[row]}/{person_folder(pid)}", names[start:end])
        tracklets.append(Tracklet(frames, pid, camera - 1, time, end_time))
    return tracklets


def person_folder(pid: int) -> str:
    """Return the folder name of a person, which also begins its file names: "0007"; junk (-1) is "00-1"."""
    return f"{pid:04d}" if pid >= 0 else f"00{pid}"


def check_images(tracklets: Iterable[Tracklet], dataset: str) -> None:
    """Check that every frame exists, with one listing per folder instead of one call per file.

    Raises:
        DatasetError: a frame is missing; the message names the first and counts the tracklet's others.
    """
    present: dict[str, set[str]] = {}
    for tracklet in tracklets:
        folder = tracklet.frames[0].rpartition("/")[0]
        if folder not in present:
            present[folder] = set(list_images(Path(folder)))
        missing = [path for path in tracklet.frames if path.rpartition("/")[2] not in present[folder]]
        if missing:
            raise DatasetError(
                f"{dataset}: {len(missing)} of {len(tracklet)} frames of a tracklet are missing, "
                f"the first is {missing[0]}; restore the images or unpack the archive again"
            )


def _check_rows(names: np.ndarray, tracks: np.ndarray, dataset: str) -> None:
    start, end, pid, camera = tracks.T
    lengths = end - start
    rows = np.repeat(np.arange(len(tracks)), lengths)
    # the position in the name list of every frame of every row, rows one after the other
    lines = np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + start[rows]
    expected = np.array([f"{person_folder(p)}C{c}".encode() for p, c in zip(pid, camera, strict=True)])
    wrong = names[lines].astype(f"S{_PREFIX}") != expected[rows]
    if wrong.any():
        at = int(wrong.argmax())
        raise DatasetError(
            f"{dataset}: row {rows[at] + 1} of the track table is person {pid[rows[at]]}, camera {camera[rows[at]]}, "
            f"but line {lines[at] + 1} of the name list is {_shown(names[lines[at]])}; "
            "the files do not belong together"
        )
    falls = (names[lines[1:]] <= names[lines[:-1]]) & (rows[1:] == rows[:-1])
    if falls.any():
        at = int(falls.argmax())
        raise DatasetError(
            f"{dataset}: unsorted frames: {_shown(names[lines[at + 1]])} follows {_shown(names[lines[at]])} "
            f"in row {rows[at] + 1} of the track table; expected ascending names"
        )


def _refuse(bad: np.ndarray, path: Path, dataset: str, what: str) -> None:
    if bad.any():
        raise DatasetError(f"{dataset}: row {int(bad.argmax()) + 1} of {path} {what}")
