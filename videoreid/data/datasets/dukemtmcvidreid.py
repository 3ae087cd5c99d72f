"""DukeMTMC-VideoReID: tracklets of 1,812 people in eight cameras; its authors withdrew the data."""

import re
from pathlib import Path

from videoreid.data.datasets.base import register_dataset
from videoreid.data.datasets.info import Counts, DatasetInfo
from videoreid.data.datasets.reading.files import find_root, list_folders
from videoreid.data.datasets.reading.frame_names import FrameNames
from videoreid.data.datasets.reading.labels import camera_index, relabel_pids
from videoreid.data.datasets.reading.sequences import folder_frames
from videoreid.errors import DatasetError
from videoreid.types import Splits, Tracklet

__all__ = ["DUKEMTMC_VIDEOREID", "dukemtmcvidreid"]

# 0001_C6_F0099_X30823.jpg, in older copies 0001C6F0099X30823.jpg: person, camera, index in the tracklet, video frame
_NAME = re.compile(r"(\d{4})_?C(\d+)_?F(\d+)_?X(\d+)\.\w+")

DUKEMTMC_VIDEOREID = DatasetInfo(
    name="dukemtmcvidreid",
    title="DukeMTMC-VideoReID",
    citation="Wu, Lin, Dong, Yan, Ouyang and Yang, "
    '"Exploit the Unknown Gradually: One-Shot Video-Based Person Re-Identification by Stepwise Learning", CVPR 2018; '
    'Ristani, Solera, Zou, Cucchiara and Tomasi, "Performance Measures and a Data Set for Multi-Target, '
    'Multi-Camera Tracking", ECCV workshops 2016',
    provenance="Withdrawn by its authors in 2019, after it became known that the people in it had not agreed. "
    "A copy that you already hold is read; none is offered here. Consider another dataset for new work.",
    licence="withdrawn; was for academic use only, without redistribution",
    layout="""\
DukeMTMC-VideoReID/
  train/0001/0003/0001_C6_F0099_X30823.jpg    person, tracklet; camera, index in the tracklet, frame of the video
  query/...                                   older copies write 0001C6F0099X30823.jpg
  gallery/...                                 holds the query tracklets again
""",
    counts={
        "train": Counts(ids=702, tracklets=2_196),
        "query": Counts(ids=702, tracklets=702),
        "gallery": Counts(ids=1_110, tracklets=2_636),  # 702 people and 408 distractors
    },
    num_cameras=8,
    withdrawn=True,
)


@register_dataset(DUKEMTMC_VIDEOREID)
def dukemtmcvidreid(root: str | Path | None = None) -> Splits:
    """Read DukeMTMC-VideoReID from its folders.

    Frames are ordered by their F index; a gap in the index loses no frame. The X number, the frame number in the video
    of the camera, is the time; the clocks of the eight cameras are not synchronised. The gallery already contains the
    queries: removing same-camera matches removes a query's own copy.

    Args:
        root: folder that holds train, query and gallery, or its parent.

    Raises:
        DatasetError: a folder is missing, or a file name contradicts its folder.

    Reference:
        Wu et al., "Exploit the Unknown Gradually: One-Shot Video-Based Person Re-Identification by Stepwise
        Learning", CVPR 2018.
    """
    name = "dukemtmcvidreid"
    usual = ["DukeMTMC-VideoReID", "dukemtmc-vidreid/DukeMTMC-VideoReID", "dukemtmc-vidreid", name]
    folder = find_root(root, name, ["train", "query", "gallery"], usual)
    return Splits(
        name=name,
        train=relabel_pids(_read_split(folder / "train")),
        query=_read_split(folder / "query"),
        gallery=_read_split(folder / "gallery"),
        protocol=name,
        licence=DUKEMTMC_VIDEOREID.licence,
    )


def _read_split(folder: Path) -> tuple[Tracklet, ...]:
    tracklets = [
        _read_tracklet(folder / person / tracklet, person)
        for person in list_folders(folder)
        for tracklet in list_folders(folder / person)
    ]
    if not tracklets:
        raise DatasetError(f"dukemtmcvidreid: {folder} holds no <person>/<tracklet> folder")
    return tuple(tracklets)


def _read_tracklet(folder: Path, person: str) -> Tracklet:
    rows = []
    for path in folder_frames(folder, "dukemtmcvidreid"):
        name = path.rpartition("/")[2]
        match = _NAME.fullmatch(name)
        if match is None:
            raise DatasetError(f"dukemtmcvidreid: {path} is not named like 0001_C6_F0099_X30823.jpg")
        rows.append((int(match[3]), int(match[4]), int(match[2]), int(match[1]), name))
    rows.sort()
    cameras, pids = {row[2] for row in rows}, {row[3] for row in rows}
    if len(cameras) > 1 or pids != {int(person) if person.isdecimal() else -1}:
        raise DatasetError(
            f"dukemtmcvidreid: {folder} mixes cameras {sorted(cameras)} or people {sorted(pids)}; "
            f"expected one camera, and person {person} only"
        )
    frames = FrameNames.of(str(folder), (row[4] for row in rows))
    camid = camera_index(cameras.pop(), 8, str(folder))
    times = [row[1] for row in rows]
    return Tracklet(frames, pids.pop(), camid, float(min(times)), float(max(times)))
