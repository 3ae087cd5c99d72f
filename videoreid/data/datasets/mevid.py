"""MEVID: long tracklets of 158 people in 598 outfits, in 33 cameras indoors and outdoors, over 73 days."""

import re
from pathlib import Path

import numpy as np

from videoreid.data.datasets.base import register_dataset
from videoreid.data.datasets.info import Counts, DatasetInfo
from videoreid.data.datasets.reading.files import find_root, require_file
from videoreid.data.datasets.reading.frame_names import FrameNames
from videoreid.data.datasets.reading.labels import relabel_pids
from videoreid.data.datasets.reading.mars_tables import read_names
from videoreid.errors import DatasetError
from videoreid.types import Splits, Tracklet

__all__ = ["MEVID", "mevid"]

# 0201O003C330T004F00192.jpg: person, outfit, camera, tracklet, frame
_NAME = re.compile(rb"(\d{4})O(\d{3})C(\d{3})T\d+F\d+\.\w+")

MEVID = DatasetInfo(
    name="mevid",
    title="MEVID",
    citation='Davila, Du, Lewis et al., "MEVID: Multi-view Extended Videos with Identities for Video Person '
    'Re-Identification", WACV 2023',
    provenance="The MEVA home page (mevadata.org) links images and annotations; the code is in "
    "github.com/Kitware/MEVID.",
    licence="BSD-3-Clause for the code; the data under the conditions of MEVA (CC BY 4.0), see mevadata.org",
    layout="""\
mevid/
  bbox_train/0201/0201O003C330T004F00192.jpg    person, outfit, camera, tracklet, frame; also bbox_test
  train_name.txt, test_name.txt           one name per line
  track_train_info.txt                    (N, 5): first line, last line (from 0), person, outfit, camera
  track_test_info.txt                     likewise
  query_IDX.txt                           rows of track_test_info, from 0
Not certain: whether your copy has the five text files in a separate folder; if so, put them beside the images.
""",
    counts={"train": Counts(ids=104, tracklets=6_338)},
    num_cameras=33,
)


@register_dataset(MEVID)
def mevid(root: str | Path | None = None) -> Splits:
    """Read MEVID from its lists and tables, without opening the images.

    Camera numbers go up to 639 and become 0, 1, ... in sorted order over both tables. The outfit of a tracklet is its
    ``clothes``, numbered for each person separately; the protocols "clothes_change" and "same_clothes" use it.

    Args:
        root: folder that holds the lists and the images, or its parent.

    Raises:
        DatasetError: a file is missing, or the lists and tables contradict each other.

    Reference:
        Davila et al., "MEVID: Multi-view Extended Videos with Identities for Video Person Re-Identification", WACV
        2023. https://arxiv.org/abs/2211.04656
    """
    usual = ["mevid", "MEVID", "mevid-v1"]
    folder = find_root(root, "mevid", ["track_train_info.txt", "track_test_info.txt"], usual)
    names = {split: read_names(folder / f"{split}_name.txt", "mevid") for split in ("train", "test")}
    tables = {
        split: _read_table(folder / f"track_{split}_info.txt", len(names[split]))
        for split in ("train", "test")
    }
    cameras = np.unique(np.concatenate([table[:, 4] for table in tables.values()]))
    tracklets = {
        split: [
            _tracklet(
                folder / f"bbox_{split}", names[split], row, cameras, f"row {number} of track_{split}_info"
            )
            for number, row in enumerate(table.tolist())
        ]
        for split, table in tables.items()
    }
    queries = _read_queries(folder / "query_IDX.txt", len(tables["test"]))
    query_rows = set(queries)
    return Splits(
        name="mevid",
        train=relabel_pids(tracklets["train"]),
        query=tuple(tracklets["test"][row] for row in queries),
        gallery=tuple(t for row, t in enumerate(tracklets["test"]) if row not in query_rows),
        licence=MEVID.licence,
    )


def _read_table(path: Path, num_names: int) -> np.ndarray:
    table = _read_numbers(path)
    if table.ndim != 2 or table.shape[1] != 5 or not len(table):
        raise DatasetError(f"mevid: {path} has shape {table.shape}; expected (N, 5)")
    start, end = table[:, 0], table[:, 1]
    wrong = (start < 0) | (end < start) | (end >= num_names)
    if wrong.any():
        row = int(wrong.argmax())
        raise DatasetError(
            f"mevid: row {row} of {path} is lines {start[row]} to {end[row]} of a list of {num_names} names; "
            "get the list that belongs to the table"
        )
    return table


def _read_queries(path: Path, num_rows: int) -> list[int]:
    rows = _read_numbers(path).ravel()
    if not len(rows) or rows.min() < 0 or rows.max() >= num_rows or len(np.unique(rows)) != len(rows):
        raise DatasetError(
            f"mevid: {path} must hold different rows in 0..{num_rows - 1} of track_test_info.txt"
        )
    return [int(row) for row in rows]


def _read_numbers(path: Path) -> np.ndarray:
    try:
        numbers = np.loadtxt(require_file(path, "mevid"), ndmin=1)
    except ValueError as error:
        raise DatasetError(f"mevid: {path} is not a table of numbers: {error}") from None
    odd = ~(np.abs(numbers) < 2**53) | (numbers != np.floor(numbers))  # NaN is odd as well
    if odd.any():
        raise DatasetError(f"mevid: {path} holds {numbers[odd][0]}; expected whole numbers")
    return numbers.astype(np.int64)


def _tracklet(folder: Path, names: np.ndarray, row: list[int], cameras: np.ndarray, where: str) -> Tracklet:
    start, end, pid, outfit, camera = row
    frames = names[start : end + 1]
    for name in (frames[0], frames[-1]):
        found = _NAME.fullmatch(name)
        if found is None or tuple(map(int, found.groups())) != (pid, outfit, camera):
            raise DatasetError(
                f"mevid: {where} is person {pid}, outfit {outfit}, camera {camera}, but its list has "
                f"{name.decode(errors='replace')}; expected a name like 0201O003C330T004F00192.jpg"
            )
    camid = int(np.searchsorted(cameras, camera))
    return Tracklet(FrameNames(f"{folder}/{pid:04d}", frames), pid, camid, clothes=outfit)
