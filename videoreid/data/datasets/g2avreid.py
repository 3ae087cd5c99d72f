"""G2A-VReID: people seen by a ground camera and by a drone."""

from pathlib import Path

import numpy as np

from videoreid.data.datasets.base import register_dataset
from videoreid.data.datasets.info import DatasetInfo
from videoreid.data.datasets.reading.files import find_root
from videoreid.data.datasets.reading.frame_names import FrameNames
from videoreid.data.datasets.reading.labels import relabel_pids
from videoreid.data.datasets.reading.mars_tables import read_names, read_query_rows, read_tracks
from videoreid.errors import DatasetError
from videoreid.types import Splits, Tracklet

__all__ = ["G2A_VREID", "g2avreid"]

_PERSON = 4

G2A_VREID = DatasetInfo(
    name="g2avreid",
    title="G2A-VReID",
    citation='Zhang, Luo, Cheng, Yang, Ran, Xing and Zhang, "Cross-Platform Video Person ReID: A New Benchmark Dataset '
    'and Adaptation Approach", ECCV 2024',
    provenance="Linked by the authors in github.com/FHR-L/G2A-VReID; in all 2,788 people, 5,576 tracklets and 185,907 "
    "images.",
    licence="non-profit academic research only, under the authors' release agreement; faces are masked",
    layout="""\
G2A-VReID/
  bbox_train/0001/...                     person; also bbox_test
  info/train_name.txt, info/test_name.txt      one image name a line, its first four letters the person
  info/tracks_train_info.mat              track_train_info (N, 4): first line, last line, person, camera; from 1
  info/tracks_test_info.mat               track_test_info (N, 4)
  info/query_IDX.mat                      query_IDX (1, Q): rows of track_test_info, from 1
Not certain: the authors describe no layout; the tables are read like those of MARS, as their users do. Camera 1 is the
ground camera, 2 the drone. Version 2 of the dataset may have another layout.
""",
    num_cameras=2,
)


@register_dataset(G2A_VREID)
def g2avreid(root: str | Path | None = None) -> Splits:
    """Read G2A-VReID from lists and tables like those of MARS, without opening the images.

    Args:
        root: folder that holds ``info`` and the images, or its parent.

    Raises:
        DatasetError: a file or variable is missing, or the lists and tables contradict each other.

    Reference:
        Zhang et al., "Cross-Platform Video Person ReID: A New Benchmark Dataset and Adaptation Approach", ECCV 2024.
        https://arxiv.org/abs/2408.07500
    """
    folder = find_root(root, "g2avreid", ["info/tracks_train_info.mat"], ["G2A-VReID", "g2avreid", "G2A"])
    tracklets = {}
    for split in ("train", "test"):
        names = read_names(folder / "info" / f"{split}_name.txt", "g2avreid")
        path = folder / "info" / f"tracks_{split}_info.mat"
        table = read_tracks(path, f"track_{split}_info", len(names), "g2avreid")
        tracklets[split] = [_tracklet(folder / f"bbox_{split}", names, row, path) for row in table.tolist()]
    rows = read_query_rows(folder / "info" / "query_IDX.mat", len(tracklets["test"]), "g2avreid").tolist()
    query_rows = set(rows)
    return Splits(
        name="g2avreid",
        train=relabel_pids(tracklets["train"]),
        query=tuple(tracklets["test"][row] for row in rows),
        gallery=tuple(t for row, t in enumerate(tracklets["test"]) if row not in query_rows),
        licence=G2A_VREID.licence,
    )


def _tracklet(folder: Path, names: np.ndarray, row: list[int], path: Path) -> Tracklet:
    start, end, pid, camera = row
    frames = names[start:end]
    people = set(frames.astype(f"S{_PERSON}").tolist())
    if people != {f"{pid:04d}".encode()}:
        found = ", ".join(sorted(name.decode(errors="replace") for name in people))
        raise DatasetError(
            f"g2avreid: lines {start + 1} to {end} of the name list are person {pid} in {path}, but the names begin "
            f"with {found}; the files do not belong together"
        )
    if not 1 <= camera <= 2:
        raise DatasetError(f"g2avreid: camera {camera} in {path}; expected 1 (ground) or 2 (drone)")
    return Tracklet(FrameNames(f"{folder}/{pid:04d}", frames), pid, camera - 1)
