"""Dataset of tracklets in the folders, lists and tables of MARS."""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from videoreid.errors import DatasetError
from videoreid.utils import atomic_path, atomic_write_text, generator_from, get_logger

__all__ = ["Piece", "divide_people", "move_crops", "queries_of", "share_out", "write_layout"]

_MOST_FRAMES = 999  # the F number has three digits
_MOST = 9999  # the person number and the T number have four digits


@dataclass(frozen=True)
class Piece:
    """A tracklet whose crops are in the staging folder.

    Args:
        frames: image files, in time order.
        pid: person, 1 or more; 0 is a distractor.
        camid: camera, 0 to 5 in the layout of MARS.
        time: time of the first frame in seconds.
        end_time: time of the last frame in seconds.
    """

    frames: tuple[Path, ...]
    pid: int
    camid: int
    time: float
    end_time: float


def write_layout(pieces: Sequence[Piece], root: Path, *, train_share: float, seed: int) -> None:
    """Move the crops of tracklets to ``bbox_train`` and ``bbox_test`` and write the ``info`` folder.

    A second call after an interruption finishes the work.

    Raises:
        DatasetError: see `share_out`.
    """
    move_crops(share_out(pieces, train_share=train_share, seed=seed), root)


def share_out(pieces: Sequence[Piece], *, train_share: float, seed: int) -> dict[str, list[Piece]]:
    """Split people at random between the parts "train" and "test"; cut tracklets of more than 999 frames.

    Raises:
        DatasetError: too few people or tracklets, or more than the names of MARS can number.
    """
    pieces = [part for piece in pieces for part in _shorten(piece)]
    parts = divide_people(pieces, train_share=train_share, seed=seed)
    highest = max(piece.pid for piece in pieces)
    if highest > _MOST:
        raise DatasetError(
            f"{highest} people: the layout of MARS numbers at most {_MOST}; import fewer videos"
        )
    (pid, camid), most = Counter((piece.pid, piece.camid) for piece in pieces).most_common(1)[0]
    if most > _MOST:
        raise DatasetError(
            f"person {pid} has more than {_MOST} tracklets in camera {camid}; allow longer gaps"
        )
    return parts


def divide_people(pieces: Sequence[Piece], *, train_share: float, seed: int) -> dict[str, list[Piece]]:
    """Split people at random between the parts "train" and "test".

    Raises:
        DatasetError: fewer than two people.
    """
    people = sorted({piece.pid for piece in pieces} - {0})
    if len(people) < 2:
        raise DatasetError(
            f"{len(people)} people with tracklets: a dataset with a training and a test part needs two or more; do the "
            "identities name them, or are min_length and the gaps too strict?"
        )
    count = min(max(round(train_share * len(people)), 1), len(people) - 1)
    chosen = set(generator_from(seed).permutation(people)[:count].tolist())
    parts = {
        "train": [piece for piece in pieces if piece.pid in chosen],
        "test": [piece for piece in pieces if piece.pid not in chosen],
    }
    for part in parts.values():
        part.sort(key=lambda piece: (piece.pid, piece.camid, piece.time))
    return parts


def move_crops(parts: dict[str, list[Piece]], root: Path) -> None:
    """Move the crops to their targets, then write the ``info`` folder, which marks the dataset as complete.

    The first tracklet of a test person in each camera is a query, see `queries_of`.

    Raises:
        DatasetError: a crop is neither in its staging folder nor at its target.
    """
    names = {part: _move(pieces, root / f"bbox_{part}") for part, pieces in parts.items()}
    _write_info(root / "info", parts, names)


def _shorten(piece: Piece) -> list[Piece]:
    length = len(piece.frames)
    if length <= _MOST_FRAMES:
        return [piece]
    step = (piece.end_time - piece.time) / (length - 1)
    out = []
    for begin in range(0, length, _MOST_FRAMES):
        frames = piece.frames[begin : begin + _MOST_FRAMES]
        time = piece.time + begin * step
        out.append(replace(piece, frames=frames, time=time, end_time=time + (len(frames) - 1) * step))
    return out


def _move(pieces: Sequence[Piece], folder: Path) -> list[list[str]]:
    """Move crops to ``<folder>/<pid>/<name>``; return the names of every tracklet."""
    numbers: dict[tuple[int, int], int] = defaultdict(int)
    names = []
    for piece in pieces:
        numbers[piece.pid, piece.camid] += 1
        number = numbers[piece.pid, piece.camid]
        prefix = f"{piece.pid:04d}C{piece.camid + 1}T{number:04d}"
        own = [f"{prefix}F{place:03d}{path.suffix}" for place, path in enumerate(piece.frames, start=1)]
        (folder / f"{piece.pid:04d}").mkdir(parents=True, exist_ok=True)
        for path, name in zip(piece.frames, own, strict=True):
            target = folder / f"{piece.pid:04d}" / name
            if path.is_file():  # otherwise it was moved before an interruption
                path.replace(target)
            elif not target.is_file():
                raise DatasetError(
                    f"{path} is gone, and {target} is not there: delete {folder.parent} and import again"
                )
        names.append(own)
    return names


def _write_info(info: Path, parts: dict[str, list[Piece]], names: dict[str, list[list[str]]]) -> None:
    import scipy.io

    # under another name until it is complete: a folder "info" marks a finished dataset
    unfinished = info.with_name(".info")
    unfinished.mkdir(parents=True, exist_ok=True)
    for leftover in unfinished.glob(".*"):  # of a run that was killed while it wrote a table
        leftover.unlink()
    times = io.StringIO(newline="")
    writer = csv.writer(times, lineterminator="\n")
    writer.writerow(["split", "row", "start", "end"])
    for part, pieces in parts.items():
        lists = names[part]
        atomic_write_text(
            unfinished / f"{part}_name.txt", "".join(f"{name}\n" for own in lists for name in own)
        )
        ends = np.cumsum([len(own) for own in lists])
        table = [
            [end - len(own) + 1, end, piece.pid, piece.camid + 1]
            for own, end, piece in zip(lists, ends.tolist(), pieces, strict=True)
        ]
        with atomic_path(unfinished / f"tracks_{part}_info.mat") as path:
            scipy.io.savemat(path, {f"track_{part}_info": np.array(table, dtype=np.int32)})
        writer.writerows([part, row, piece.time, piece.end_time] for row, piece in enumerate(pieces))
    atomic_write_text(unfinished / "tracks_time.csv", times.getvalue())
    with atomic_path(unfinished / "query_IDX.mat") as path:
        queries = np.array([queries_of(parts["test"])]) + 1
        rows = queries.astype(np.uint16 if queries.max(initial=0) < 1 << 16 else np.int32)
        scipy.io.savemat(path, {"query_IDX": rows})
    unfinished.replace(info)


def queries_of(pieces: Sequence[Piece]) -> list[int]:
    """Return the rows of the queries: the first tracklet in each camera of every person seen by two cameras or more.

    If no person was seen by two cameras, the first tracklet of every person is a query, and a warning says so.
    """
    by_person: dict[int, list[int]] = defaultdict(list)
    for row, piece in enumerate(pieces):
        if piece.pid:
            by_person[piece.pid].append(row)
    queries = []
    for rows in by_person.values():
        first = {pieces[row].camid: row for row in reversed(rows)}
        if len(first) > 1:
            queries += sorted(first.values())
    if not queries:
        get_logger("data").warning(
            "no test person was seen in two cameras, so no query has a true match elsewhere: the first tracklet of "
            "each person is listed as a query, for searching; cross-camera scores need known identities"
        )
        queries = [rows[0] for rows in by_person.values()]
    return sorted(queries)
