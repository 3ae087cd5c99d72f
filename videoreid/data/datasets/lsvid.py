"""LS-VID: long tracklets of 3,772 people in fifteen cameras over four days."""

from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np

from videoreid.data.datasets.base import register_dataset
from videoreid.data.datasets.info import Counts, DatasetInfo
from videoreid.data.datasets.reading.files import check_inside, find_root, list_images, read_lines
from videoreid.data.datasets.reading.frame_names import FrameNames
from videoreid.data.datasets.reading.labels import camera_index, relabel_pids
from videoreid.data.datasets.reading.mat import read_whole_numbers
from videoreid.errors import ConfigError, DatasetError
from videoreid.types import Splits, Tracklet

__all__ = ["LSVID", "lsvid"]

_NUM_CAMERAS = 15

LSVID = DatasetInfo(
    name="lsvid",
    title="LS-VID",
    citation="Li, Wang, Tian, Gao and Zhang, "
    '"Global-Local Temporal Representations for Video Person Re-Identification", ICCV 2019',
    provenance="The authors at Peking University (pkuvmc.com) give access after a signed release agreement.",
    licence="research only, under the signed release agreement; no redistribution",
    layout="""\
LS-VID/
  tracklet_train/<id>/*.jpg               also tracklet_val, tracklet_test; the camera is the third "_" token, 1-15
  list_sequence/list_seq_train.txt        lines "tracklet_train/<id>/<start of the file names> <id>"
  list_frame/list_lvreid_test.txt         one frame per line, first token is its path (also list_lvreid_val.txt);
                                          without it, list_sequence/list_seq_test.txt is read
  test/data/info_test.mat                 info_test (N, 4): first frame, last frame, id, camera; query: rows
  test/data/info_val.mat                  info_val, query; all 1-based
""",
    counts={
        "train": Counts(ids=842, tracklets=2_831),
        "query": Counts(tracklets=3_504),
        "gallery": Counts(tracklets=7_829),
    },
    num_cameras=_NUM_CAMERAS,
)


@register_dataset(LSVID)
def lsvid(root: str | Path | None = None, *, split: Literal["test", "val"] = "test") -> Splits:
    """Read LS-VID from its lists and tables.

    The gallery does not contain the queries; protocol "lsvid" adds them for scoring, "lsvid_queries_out" does not.
    Published figures exist for both and cannot be compared.

    Args:
        root: folder that holds ``list_sequence``, or its parent.
        split: people of query and gallery: "test" (2,730) or "val" (200).

    Raises:
        DatasetError: a list, table or folder is missing, or they contradict each other.
        ConfigError: an unknown split.

    Reference:
        Li et al., "Global-Local Temporal Representations for Video Person Re-Identification", ICCV 2019.
    """
    if split not in ("test", "val"):
        raise ConfigError(f"unknown split {split!r} of lsvid; choose 'test' or 'val'")
    folder = find_root(root, "lsvid", ["list_sequence/list_seq_train.txt"], ["LS-VID", "LSVID", "lsvid"])
    tracklets, query = _read_tables(folder, split)
    query_rows = set(query)
    return Splits(
        name="lsvid" if split == "test" else "lsvid/val",
        train=relabel_pids(_read_sequences(folder / "list_sequence" / "list_seq_train.txt", folder)),
        query=tuple(tracklets[row] for row in query),
        gallery=tuple(tracklet for row, tracklet in enumerate(tracklets) if row not in query_rows),
        protocol="lsvid",
        licence=LSVID.licence,
    )


def _read_sequences(path: Path, folder: Path) -> list[Tracklet]:
    listed: dict[str, list[str]] = {}
    tracklets = []
    for number, line in enumerate(read_lines(path, "lsvid"), 1):
        where = f"lsvid: {path}, line {number}"
        prefix, _, pid = line.strip().rpartition(" ")
        if not prefix or not pid.isdecimal():
            raise DatasetError(f"{where}: {line!r} is not '<path prefix> <id>'")
        place, _, start = check_inside(prefix.strip(), where).replace("\\", "/").rpartition("/")
        if place not in listed:
            listed[place] = list_images(folder / place)
        # a prefix must end at the end of a token: "12_1" must not match the frames of "12_10"
        names = [name for name in listed[place] if name.startswith(start) and not _continues(start, name)]
        if not names:
            raise DatasetError(f"{where}: no image in {folder / place} begins with {start!r}")
        frames = FrameNames.of(f"{folder}/{place}", names)
        tracklets.append(
            Tracklet(frames, int(pid), camera_index(_camera(names[0], where), _NUM_CAMERAS, where))
        )
    return tracklets


def _continues(start: str, name: str) -> bool:
    return bool(start) and start[-1].isdecimal() and name[len(start)].isdecimal()


def _camera(name: str, where: str) -> int:
    tokens = name.rpartition(".")[0].split("_")
    if len(tokens) < 3 or not tokens[2].isdecimal():
        raise DatasetError(f"{where}: no camera in {name!r}; expected it as the third '_' token")
    return int(tokens[2])


def _read_tables(folder: Path, split: str) -> tuple[list[Tracklet], list[int]]:
    mat_path = folder / "test" / "data" / f"info_{split}.mat"
    table = read_whole_numbers(mat_path, f"info_{split}", "lsvid")
    if table.ndim != 2 or table.shape[1] != 4:
        raise DatasetError(f"lsvid: info_{split} in {mat_path} has shape {table.shape}; expected (N, 4)")
    rows = read_whole_numbers(mat_path, "query", "lsvid").ravel() - 1
    if not len(rows) or rows.min() < 0 or rows.max() >= len(table) or len(np.unique(rows)) != len(rows):
        raise DatasetError(f"lsvid: query in {mat_path} must be different rows in 1..{len(table)}")
    list_path = folder / "list_frame" / f"list_lvreid_{split}.txt"
    sequence_path = folder / "list_sequence" / f"list_seq_{split}.txt"
    if sequence_path.is_file() and not list_path.is_file():  # some copies come without the list of frames
        tracklets = _match_sequences(_read_sequences(sequence_path, folder), table, sequence_path)
    else:
        tracklets = _cut_frames(folder, list_path, table, mat_path)
    return tracklets, sorted(rows.tolist())


def _cut_frames(folder: Path, list_path: Path, table: np.ndarray, mat_path: Path) -> list[Tracklet]:
    paths = [line.split(" ", 1)[0] for line in read_lines(list_path, "lsvid")]
    tracklets = []
    for number, (first, last, pid, camera) in enumerate(table.tolist(), 1):
        where = f"lsvid: row {number} of {mat_path}"
        if not 1 <= first <= last <= len(paths):
            raise DatasetError(
                f"{where}: frames {first} to {last} are empty or outside the {len(paths)} lines of {list_path}"
            )
        camid = camera_index(camera, _NUM_CAMERAS, where)
        tracklets.append(Tracklet(_listed_frames(folder, paths[first - 1 : last], where), pid, camid))
    return tracklets


def _match_sequences(sequences: list[Tracklet], table: np.ndarray, path: Path) -> list[Tracklet]:
    if len(sequences) != len(table):
        raise DatasetError(
            f"lsvid: {path} has {len(sequences)} lines and the table {len(table)} rows; expected the same number"
        )
    for number, (sequence, (first, last, pid, camera)) in enumerate(
        zip(sequences, table.tolist(), strict=True), 1
    ):
        if (len(sequence), sequence.pid, sequence.camid) != (last - first + 1, pid, camera - 1):
            raise DatasetError(
                f"lsvid: {path}, line {number} gives {len(sequence)} frames of person {sequence.pid} in camera "
                f"{sequence.camid + 1}; the table says {last - first + 1} of person {pid} in camera {camera}"
            )
    return sequences


def _listed_frames(folder: Path, paths: list[str], where: str) -> FrameNames:
    parts = [check_inside(path, where).replace("\\", "/").rpartition("/") for path in paths]
    places = {place for place, _, _ in parts}
    names = [name for _, _, name in parts]
    if len(places) > 1:
        raise DatasetError(f"{where}: its frames lie in {len(places)} folders; expected one person's folder")
    if any(later <= earlier for earlier, later in pairwise(names)):
        raise DatasetError(f"{where}: unsorted frames: {names[0]} ... {names[-1]}; expected ascending names")
    return FrameNames.of(f"{folder}/{places.pop()}", names)
