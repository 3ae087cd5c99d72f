"""MARS: tracklets of 1,261 people in six cameras on a campus."""

from pathlib import Path
from typing import Literal

import numpy as np

from videoreid.data.datasets.base import register_dataset
from videoreid.data.datasets.info import Counts, DatasetInfo
from videoreid.data.datasets.reading.files import find_root
from videoreid.data.datasets.reading.labels import relabel_pids
from videoreid.data.datasets.reading.mars_tables import (
    check_images,
    make_tracklets,
    read_names,
    read_query_rows,
    read_times,
    read_tracks,
)
from videoreid.errors import ConfigError
from videoreid.types import Splits
from videoreid.utils import get_logger
from videoreid.utils.printing import count_of

__all__ = ["MARS", "mars"]

Times = Literal["unknown", "tracklet_number"]

JUNK_PID = -1

MARS = DatasetInfo(
    name="mars",
    title="MARS",
    citation="Zheng, Bie, Sun, Wang, Su, Wang and Tian, "
    '"MARS: A Video Benchmark for Large-Scale Person Re-identification", ECCV 2016',
    provenance="The authors' project page (zheng-lab-anu.github.io) links the images; the info folder is in "
    "github.com/liangzheng06/MARS-evaluation.",
    licence="research only; the authors ask to be cited",
    layout="""\
mars/
  bbox_train/0001/0001C1T0001F001.jpg     person, camera 1-6, tracklet, frame
  bbox_test/0000/...                      distractors; 00-1/ holds junk
  info/train_name.txt                     509,914 names, one per line
  info/test_name.txt                      681,089 names
  info/tracks_train_info.mat              track_train_info (8298, 4): first line, last line, person, camera
  info/tracks_test_info.mat               track_test_info (12180, 4)
  info/query_IDX.mat                      query_IDX (1, 1980): rows of track_test_info, 1-based
""",
    counts={
        "train": Counts(ids=625, tracklets=8_298, images=509_914),
        "query": Counts(ids=626, tracklets=1_980, images=114_493),
        # 620 people and the distractor label 0
        "gallery": Counts(ids=621, tracklets=9_330, images=543_216),
    },
    num_cameras=6,
    image_size=(256, 128),
)


@register_dataset(MARS)
def mars(root: str | Path | None = None, *, times: Times = "unknown", check_files: bool = False) -> Splits:
    """Read MARS from its lists and tables, without opening the images.

    The gallery does not contain the queries; the official protocol adds them for scoring (11,310 tracklets), other
    protocols do not (9,330). Junk (pid -1) is dropped and distractors (pid 0) stay.
    The F number counts the frames of a tracklet and the T number orders the tracklets of a person. Neither is a clock
    that people or cameras share, so times are unknown unless ``info/tracks_time.csv`` gives them.

    Args:
        root: folder that holds ``info`` and the images, or its parent.
        times: "unknown" (NaN), or "tracklet_number": the T number, which only orders the tracklets of one person.
            Times from ``info/tracks_time.csv`` have precedence.
        check_files: also check that every image exists (one listing per person).

    Raises:
        DatasetError: a file or variable is missing, or the lists and tables contradict each other.
        ConfigError: an unknown rule for times.

    Reference:
        Zheng et al., "MARS: A Video Benchmark for Large-Scale Person Re-identification", ECCV 2016.
    """
    if times not in ("unknown", "tracklet_number"):
        raise ConfigError(f"unknown times {times!r}; choose 'unknown' or 'tracklet_number'")
    folder = find_root(root, "mars", ["info/tracks_train_info.mat"], ["mars", "MARS", "Mars"])
    info = folder / "info"
    tables = {}
    tracklets = {}
    for split in ("train", "test"):
        names = read_names(info / f"{split}_name.txt", "mars")
        table = read_tracks(info / f"tracks_{split}_info.mat", f"track_{split}_info", len(names), "mars")
        clock = read_times(info / "tracks_time.csv", split, len(table), "mars")
        if clock is None and times == "tracklet_number":
            clock = _tracklet_numbers(names, table)
        tables[split] = table
        tracklets[split] = make_tracklets(
            [folder / f"bbox_{split}"] * len(table), names, table, clock, dataset="mars"
        )
    junk = sum(tracklet.pid == JUNK_PID for tracklet in tracklets["test"])
    get_logger("data").info("mars: %s dropped", count_of(junk, "junk tracklet"))
    rows = read_query_rows(info / "query_IDX.mat", len(tables["test"]), "mars")
    query_rows = set(rows.tolist())
    splits = Splits(
        name="mars",
        train=relabel_pids(t for t in tracklets["train"] if t.pid != JUNK_PID),
        query=tuple(t for t in (tracklets["test"][row] for row in rows.tolist()) if t.pid != JUNK_PID),
        gallery=tuple(
            t for row, t in enumerate(tracklets["test"]) if row not in query_rows and t.pid != JUNK_PID
        ),
        protocol="mars_official",
        licence=MARS.licence,
    )
    if check_files:
        for part in (splits.train, splits.query, splits.gallery):
            check_images(part, "mars")
    return splits


def _tracklet_numbers(names: np.ndarray, table: np.ndarray) -> np.ndarray:
    numbers = []
    for start, end in table[:, :2].tolist():
        # "0001C1T0023F004.jpg": a table row may join two tracklets, so its last frame may have another number
        numbers.append([int(name[7:11]) for name in (names[start], names[end - 1])])
    return np.array(numbers, dtype=np.float64)
