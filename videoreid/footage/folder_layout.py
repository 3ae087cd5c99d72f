"""Dataset of tracklets as a folder of crops and one table, for any number of cameras, with names."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from videoreid.errors import DatasetError
from videoreid.footage.mars_layout import Piece, queries_of
from videoreid.utils import atomic_write_text

__all__ = ["TABLE", "move_to_folders"]

TABLE = "frames.csv"
_CROPS = "crops"
_HEADER = ("path", "pid", "camid", "tracklet", "time", "split", "camera", "person")


def move_to_folders(
    parts: Mapping[str, Sequence[Piece]], root: Path, cameras: Mapping[int, str], people: Mapping[int, str]
) -> None:
    """Move crops to ``crops/<person>/<camera>/<tracklet>/<frame>``, then write the table, which marks it as complete.

    The dataset `folder` reads the table. The first tracklet of a test person in each camera is a query (see
    `queries_of`). The gallery contains the queries too; the same-camera rule removes a query's own copy. A second call
    after an interruption finishes the work.

    Args:
        parts: tracklets of "train" and "test".
        root: folder of the dataset.
        cameras: name of each camera; a camera without a name gets its number as name.
        people: name of each person, likewise.

    Raises:
        DatasetError: a crop is neither in its staging folder nor at its target.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADER)
    number = 0
    for part, pieces in parts.items():
        queries = set(queries_of(pieces)) if part == "test" else set()
        for row, piece in enumerate(pieces):
            number += 1
            splits = ["train"] if part == "train" else ["query", "gallery"] if row in queries else ["gallery"]
            names = cameras.get(piece.camid, str(piece.camid)), people.get(piece.pid, str(piece.pid))
            for path, time in zip(_move(piece, number, root), _times(piece), strict=True):
                for split in splits:
                    writer.writerow([path, piece.pid, piece.camid, number, f"{time:.6g}", split, *names])
    atomic_write_text(root / TABLE, text.getvalue())


def _times(piece: Piece) -> list[float]:
    step = (piece.end_time - piece.time) / max(len(piece.frames) - 1, 1)
    return [piece.time + place * step for place in range(len(piece.frames))]


def _move(piece: Piece, number: int, root: Path) -> list[str]:
    """Move the crops of a tracklet; return their paths within the dataset."""
    folder = f"{_CROPS}/{piece.pid:04d}/{piece.camid:03d}/{number:05d}"
    (root / folder).mkdir(parents=True, exist_ok=True)
    paths = [f"{folder}/{place:05d}{path.suffix}" for place, path in enumerate(piece.frames, start=1)]
    for source, name in zip(piece.frames, paths, strict=True):
        if source.is_file():  # otherwise it was moved before an interruption
            source.replace(root / name)
        elif not (root / name).is_file():
            raise DatasetError(
                f"{source} is gone, and {root / name} is not there: delete {root} and import again"
            )
    return paths
