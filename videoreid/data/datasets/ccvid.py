"""CCVID: people who changed their clothes between recordings, walking past a few cameras."""

import re
from pathlib import Path

from videoreid.data.datasets.base import register_dataset
from videoreid.data.datasets.info import Counts, DatasetInfo
from videoreid.data.datasets.reading.files import check_inside, find_root, read_lines
from videoreid.data.datasets.reading.labels import relabel_pids
from videoreid.data.datasets.reading.sequences import folder_frames
from videoreid.errors import DatasetError
from videoreid.types import Splits, Tracklet

__all__ = ["CCVID", "ccvid"]

_SPLITS = ("train", "query", "gallery")
_PLACE = re.compile(r"session(\d+)/[^/]*_(\d+)")
_CAMERAS_A_SESSION = 12

CCVID = DatasetInfo(
    name="ccvid",
    title="CCVID",
    citation='Gu, Chang, Ma, Bai, Shan and Chen, "Clothes-Changing Person Re-identification with RGB Modality Only", '
    "CVPR 2022",
    provenance="Linked by the authors in github.com/guxinqian/Simple-CCReID; the sequences are those of FVG, whose "
    "owners have conditions of their own. The counts are the paper's.",
    licence="not stated for the data; the conditions of FVG apply. Ask its authors",
    layout="""\
CCVID/
  train.txt, query.txt, gallery.txt       lines "session1/001_01 001 u0_l0_s0_c0_a0": folder, person, clothes
  session1/001_01/00001.jpg               also session2, session3; the camera is the number after "_", 1-12
Not certain: the names of the images; they are sorted in natural order.
""",
    counts={
        "train": Counts(ids=75, tracklets=948),
        "query": Counts(ids=151, tracklets=834),
        "gallery": Counts(ids=151, tracklets=1_074),
    },
)


@register_dataset(CCVID)
def ccvid(root: str | Path | None = None) -> Splits:
    """Read CCVID from its three lists.

    The third session has other cameras than the first two, which are numbered from 12 on. The clothes of a tracklet are
    a number, the same for the same label in every list; the protocols "clothes_change" and "same_clothes" use it, see
    `videoreid.metrics.evaluate_features`.

    Args:
        root: folder that holds the lists, or its parent.

    Raises:
        DatasetError: a list or a folder is missing, or a line does not have the three parts.

    Reference:
        Gu et al., "Clothes-Changing Person Re-identification with RGB Modality Only", CVPR 2022.
    """
    folder = find_root(root, "ccvid", [f"{split}.txt" for split in _SPLITS], ["CCVID", "ccvid"])
    rows = {split: _read_list(folder / f"{split}.txt") for split in _SPLITS}
    labels = sorted({clothes for lines in rows.values() for _, _, _, clothes in lines})
    numbers = {clothes: number for number, clothes in enumerate(labels)}
    train, query, gallery = (
        tuple(
            Tracklet(folder_frames(folder / place, "ccvid"), pid, camid, clothes=numbers[clothes])
            for place, pid, camid, clothes in rows[split]
        )
        for split in _SPLITS
    )
    return Splits(
        name="ccvid", train=relabel_pids(train), query=query, gallery=gallery, licence=CCVID.licence
    )


def _read_list(path: Path) -> list[tuple[str, int, int, str]]:
    rows = []
    for number, line in enumerate(read_lines(path, "ccvid"), 1):
        where = f"ccvid: {path}, line {number}"
        parts = line.split()
        if len(parts) != 3 or not parts[1].isdecimal():
            raise DatasetError(f"{where}: {line!r} is not '<session>/<person>_<camera> <person> <clothes>'")
        place = check_inside(parts[0], where).replace("\\", "/")
        found = _PLACE.fullmatch(place)
        if found is None or not 1 <= int(found[2]) <= _CAMERAS_A_SESSION:
            raise DatasetError(
                f"{where}: no session and camera in {place!r}; expected one like session1/001_01, with a camera "
                f"from 1 to {_CAMERAS_A_SESSION}"
            )
        camid = int(found[2]) - 1 + (_CAMERAS_A_SESSION if found[1] == "3" else 0)
        rows.append((place, int(parts[1]), camid, parts[2]))
    return rows
