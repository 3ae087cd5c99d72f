"""X-MARS: the tracklets of MARS, split again so that training people match those of Market-1501."""

from pathlib import Path

import numpy as np

from videoreid.data.datasets.base import register_dataset
from videoreid.data.datasets.info import DatasetInfo
from videoreid.data.datasets.mars import MARS
from videoreid.data.datasets.reading.files import find_root
from videoreid.data.datasets.reading.labels import relabel_pids
from videoreid.data.datasets.reading.mars_tables import (
    check_images,
    make_tracklets,
    person_folder,
    read_names,
    read_query_rows,
    read_tracks,
)
from videoreid.data.datasets.reading.mat import read_mat
from videoreid.errors import DatasetError
from videoreid.types import Splits, Tracklet

__all__ = ["X_MARS", "xmars"]

_TABLE = "tracks_train_info.mat"

X_MARS = DatasetInfo(
    name="xmars",
    title="X-MARS",
    citation='Eberle, "Pose-Driven Deep Models for Person Re-Identification", arXiv 1803.08709, 2018; '
    'Zheng et al., "MARS: A Video Benchmark for Large-Scale Person Re-identification", ECCV 2016',
    provenance="Three .mat files in the info folder of github.com/andreas-eberle/x-mars; images and name lists are "
    "those of MARS. The author publishes no table of counts.",
    licence="as MARS: research only; the authors ask to be cited",
    layout="""\
mars/
  bbox_train/ bbox_test/ info/train_name.txt info/test_name.txt     of MARS, as they are
  info_xmars/tracks_train_info.mat        track_train_info (N, 4), lines of the re-sorted name list
  info_xmars/tracks_test_info.mat         track_test_info (N, 4)
  info_xmars/query_IDX.mat                query_IDX (1, Q), 1-based rows of track_test_info
""",
    num_cameras=6,
    image_size=(256, 128),
)


@register_dataset(X_MARS)
def xmars(
    root: str | Path | None = None, *, info: str | Path | None = None, check_files: bool = False
) -> Splits:
    """Read X-MARS: the images and name lists of MARS with other track tables.

    A model trained on Market-1501 must not be tested on MARS, because half of the MARS test people are in that training
    set; X-MARS moves every person to the side that Market-1501 has them on. Its tables count lines of lists in which
    the names of both MARS lists are sorted together, so the lists are rebuilt from the people in a table.
    Images stay in the folders of MARS: a training person may be in ``bbox_test``.

    Args:
        root: the folder of MARS, or its parent.
        info: folder of the three .mat files; None means ``info_xmars``, ``x-mars/info`` or ``xmars/info`` in the folder
            of MARS or beside it, or ``info`` if they have replaced those of MARS.
        check_files: also check that every image exists.

    Raises:
        DatasetError: a file is missing, or the tables do not belong to the name lists.

    Reference:
        Eberle, "Pose-Driven Deep Models for Person Re-Identification", arXiv 1803.08709, 2018.
    """
    folder = find_root(root, "xmars", ["info/train_name.txt"], ["mars", "MARS", "Mars"])
    tables = _find_tables(folder, info)
    lists = [read_names(folder / "info" / f"{split}_name.txt", "mars") for split in ("train", "test")]
    train, _ = _read_part(folder, tables, "train", lists)
    test, num_rows = _read_part(folder, tables, "test", lists)
    rows = read_query_rows(tables / "query_IDX.mat", num_rows, "xmars")
    query_rows = set(rows.tolist())
    splits = Splits(
        name="xmars",
        train=relabel_pids(t for t in train if t.pid > 0),
        query=tuple(t for t in (test[row] for row in rows.tolist()) if t.pid != -1),
        gallery=tuple(t for row, t in enumerate(test) if row not in query_rows and t.pid != -1),
        protocol="xmars",
        licence=X_MARS.licence,
    )
    if check_files:
        for part in (splits.train, splits.query, splits.gallery):
            check_images(part, "xmars")
    return splits


def _find_tables(folder: Path, info: str | Path | None) -> Path:
    if info is not None:
        return find_root(info, "xmars", [_TABLE], ["info"])
    names = ("info_xmars", "x-mars/info", "xmars/info")
    for place in (*(folder / name for name in names), *(folder.parent / name for name in names)):
        if (place / _TABLE).is_file():
            return place
    own = folder / "info"
    if (own / _TABLE).is_file():
        rows = len(read_mat(own / _TABLE, "track_train_info", "xmars"))
        if rows != MARS.counts["train"].tracklets:
            return own
    raise DatasetError(
        f"xmars: no {_TABLE} in {' or '.join(names)} of {folder} or beside it, and info holds none or that of MARS; "
        "put the three .mat files of X-MARS there, or give their folder as info"
    )


def _read_part(folder: Path, tables: Path, split: str, lists: list[np.ndarray]) -> tuple[list[Tracklet], int]:
    path = tables / f"tracks_{split}_info.mat"
    total = sum(map(len, lists))
    table = read_tracks(path, f"track_{split}_info", total, "xmars")
    people = set(table[:, 2].tolist())
    names, origin = _names_of(people, lists)
    if table[:, 1].max() != len(names):
        raise DatasetError(
            f"xmars: {path} ends at name {table[:, 1].max()}, but MARS has {len(names)} images of its people; "
            "the tables or the name lists are of another dataset"
        )
    pids = table[:, 2].tolist()
    places = {
        pid: _place(folder, pid, part) for pid, part in zip(pids, origin[table[:, 0]].tolist(), strict=True)
    }
    return make_tracklets([places[pid] for pid in pids], names, table, None, dataset="xmars"), len(table)


def _place(folder: Path, pid: int, origin: int) -> Path:
    """Return the part that holds a person's folder; without images, the part whose MARS list names the person."""
    parts = [folder / "bbox_train", folder / "bbox_test"]
    there = [part for part in parts if (part / person_folder(pid)).is_dir()]
    return there[0] if len(there) == 1 else parts[origin]


def _names_of(people: set[int], lists: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the names of these people, sorted by person and name, and the list (0, 1) each comes from."""
    names = np.concatenate(lists)
    origin = np.repeat(np.arange(len(lists)), [len(part) for part in lists])
    prefixes = names.astype("S4")
    numbers = {prefix: _pid(prefix) for prefix in np.unique(prefixes).tolist()}
    keys, inverse = np.unique(prefixes, return_inverse=True)
    pids = np.array([numbers[key] for key in keys.tolist()])[inverse]
    rows = np.flatnonzero(np.isin(pids, list(people)))
    rows = rows[np.lexsort((names[rows], pids[rows]))]
    return names[rows], origin[rows]


def _pid(prefix: bytes) -> int:
    text = prefix.decode(errors="replace")
    if text == "00-1":
        return -1
    if not text.isdecimal():
        raise DatasetError(f"xmars: a name of the MARS lists begins with {text!r}; expected four digits")
    return int(text)
