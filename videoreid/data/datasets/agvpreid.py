"""AG-VPReID: people seen by surveillance cameras, by worn cameras and by drones at 15 to 120 metres."""

import re
from pathlib import Path
from typing import Literal

from videoreid.data.datasets.base import register_dataset
from videoreid.data.datasets.info import DatasetInfo
from videoreid.data.datasets.reading.files import find_root, list_folders
from videoreid.data.datasets.reading.labels import relabel_pids
from videoreid.data.datasets.reading.sequences import folder_frames
from videoreid.errors import ConfigError, DatasetError
from videoreid.types import Splits, Tracklet

__all__ = ["AG_VPREID", "agvpreid"]

_CASES = {"aerial_to_ground": "case1_aerial_to_ground", "ground_to_aerial": "case2_ground_to_aerial"}
_CAMERA = re.compile(r"C(\d)(?!\d)")
_NUM_CAMERAS = 6

AG_VPREID = DatasetInfo(
    name="agvpreid",
    title="AG-VPReID",
    citation='Nguyen et al., "AG-VPReID: A Challenging Large-Scale Benchmark for Aerial-Ground Video-based Person '
    'Re-Identification", CVPR 2025',
    provenance="A Kaggle competition (agvpreid25). The full dataset has 6,632 people, 32,321 tracklets and 9.6 million "
    "frames, the part of the competition fewer.",
    licence="not stated; see the rules of the competition",
    layout="""\
AG-VPReID/
  train/<person>/<tracklet>/<frame>.jpg
  case1_aerial_to_ground/query/...        also gallery; the same three levels
  case2_ground_to_aerial/query/...        also gallery
Not certain: file names. The camera is the digit after "C": 0, 1 surveillance, 2, 3 worn, 4, 5 drone; the frame number
follows "F". Person folders are numbers; those of a competition's test part may not be the true identities.
""",
    num_cameras=_NUM_CAMERAS,
)


@register_dataset(AG_VPREID)
def agvpreid(
    root: str | Path | None = None,
    *,
    case: Literal["aerial_to_ground", "ground_to_aerial"] = "aerial_to_ground",
) -> Splits:
    """Read AG-VPReID from its folders.

    Args:
        root: folder that holds train and the two cases, or its parent.
        case: which cameras the queries come from: the drones ("aerial_to_ground") or the ground ("ground_to_aerial").

    Raises:
        DatasetError: a folder is missing, or a file name has no camera.
        ConfigError: an unknown case.

    Reference:
        Nguyen et al., "AG-VPReID: A Challenging Large-Scale Benchmark for Aerial-Ground Video-based Person
        Re-Identification", CVPR 2025. https://arxiv.org/abs/2503.08121
    """
    if case not in _CASES:
        raise ConfigError(f"unknown case {case!r} of agvpreid; choose {' or '.join(map(repr, _CASES))}")
    usual = ["AG-VPReID", "agvpreid", "AG-VPReID.v1"]
    folder = find_root(root, "agvpreid", ["train", f"{_CASES[case]}/query", f"{_CASES[case]}/gallery"], usual)
    return Splits(
        name=f"agvpreid/{case}",
        train=relabel_pids(_read_part(folder / "train")),
        query=_read_part(folder / _CASES[case] / "query"),
        gallery=_read_part(folder / _CASES[case] / "gallery"),
        licence=AG_VPREID.licence,
    )


def _read_part(folder: Path) -> tuple[Tracklet, ...]:
    tracklets = []
    for person in list_folders(folder):
        if not person.isdecimal():
            raise DatasetError(
                f"agvpreid: {folder / person} is not the folder of a person: expected a number"
            )
        for name in list_folders(folder / person):
            frames = folder_frames(folder / person / name, "agvpreid")
            tracklets.append(Tracklet(frames, int(person), _camera(frames[0])))
    if not tracklets:
        raise DatasetError(f"agvpreid: {folder} holds no <person>/<tracklet> folder")
    return tuple(tracklets)


def _camera(path: str) -> int:
    found = _CAMERA.search(path.rpartition("/")[2])
    if found is None or int(found[1]) >= _NUM_CAMERAS:
        raise DatasetError(f"agvpreid: no camera in the name of {path}; expected C0 to C{_NUM_CAMERAS - 1}")
    return int(found[1])
