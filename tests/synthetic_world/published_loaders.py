"""Loaders that read a tree by the published rules and nothing else, with their checks and without any leniency.

Each returns its splits as lists of (paths, pid, camid), camid from 0.
"""

import json
from glob import glob
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from scipy.io import loadmat

Track = tuple[tuple[str, ...], int, int]
Parts = dict[str, list[Track]]


def mars(root: Path) -> Parts:
    info = root / "info"
    tables = {
        split: loadmat(info / f"tracks_{split}_info.mat")[f"track_{split}_info"]
        for split in ("train", "test")
    }
    rows = loadmat(info / "query_IDX.mat")["query_IDX"].squeeze()
    rows -= 1  # in place, in the type of the file
    query = tables["test"][rows, :]
    rest = tables["test"][[row for row in range(tables["test"].shape[0]) if row not in rows], :]
    return {
        "train": _mars_tracks(root, "train", tables["train"]),
        "query": _mars_tracks(root, "test", query),
        "gallery": _mars_tracks(root, "test", rest),
    }


def _mars_tracks(root: Path, split: str, table: np.ndarray) -> list[Track]:
    with (root / "info" / f"{split}_name.txt").open() as file:
        names = [line.rstrip() for line in file]
    tracks = []
    for number in range(table.shape[0]):
        start, end, pid, camid = table[number, ...]
        if pid == -1:
            continue
        assert 1 <= camid <= 6
        own = names[start - 1 : end]
        assert len({name[:4] for name in own}) == 1
        assert {int(name[5]) for name in own} == {camid}
        paths = tuple(str(root / f"bbox_{split}" / name[:4] / name) for name in own)
        tracks.append((paths, int(pid), int(camid) - 1))
    return tracks


def dukemtmcvidreid(root: Path) -> Parts:
    return {split: _duke_tracks(root / split) for split in ("train", "query", "gallery")}


def _duke_tracks(folder: Path) -> list[Track]:
    tracks = []
    for person in glob(str(folder / "*")):  # noqa: PTH207
        for tracklet in glob(f"{person}/*"):  # noqa: PTH207
            count = len(glob(f"{tracklet}/*.jpg"))  # noqa: PTH207
            paths = []
            for index in range(1, count + 1):
                found = glob(f"{tracklet}/*F{index:04d}*.jpg")  # noqa: PTH207
                assert len(found) == 1, f"frame {index} of {tracklet}"
                paths += found
            name = Path(paths[0]).name
            camid = int(name[6] if "_" in name else name[5]) - 1
            tracks.append((tuple(paths), int(Path(person).name), camid))
    return tracks


def lsvid(root: Path) -> Parts:
    train = []
    with (root / "list_sequence" / "list_seq_train.txt").open() as file:
        for line in file:
            prefix, pid = line.strip().split(" ")
            paths = sorted(glob(str(root / prefix) + "*"))  # noqa: PTH207
            train.append((tuple(paths), int(pid), int(Path(paths[0]).stem.split("_")[2]) - 1))
    with (root / "list_frame" / "list_lvreid_test.txt").open() as file:
        frames = [line.split(" ")[0] for line in file]
    with h5py.File(root / "test" / "data" / "info_test.mat", "r") as file:
        table = np.transpose(np.array(file["info_test"])).astype(int)
        rows = np.transpose(np.array(file["query"])).astype(int).squeeze() - 1
    table[:, :2] -= 1
    tracks = [
        (tuple(str(root / path) for path in frames[first : last + 1]), int(pid), int(camera) - 1)
        for first, last, pid, camera in table
    ]
    asked = set(rows.tolist())
    return {
        "train": train,
        "query": [track for row, track in enumerate(tracks) if row in asked],
        "gallery": [track for row, track in enumerate(tracks) if row not in asked],
    }


def prid2011(root: Path, split_id: int = 0) -> Parts:
    splits = json.loads((root / "splits_prid2011.json").read_text())
    assert len(splits) == 10
    split = splits[split_id]
    images = root / "prid_2011" / "multi_shot"
    return _two_cameras([images / "cam_a", images / "cam_b"], split["train"], split["test"])


def ilidsvid(root: Path, split_id: int = 0) -> Parts:
    order = loadmat(root / "train-test people splits" / "train_test_splits_ilidsvid.mat")["ls_set"]
    cameras = [root / "i-LIDS-VID" / "sequences" / name for name in ("cam1", "cam2")]
    people = sorted(path.name for path in cameras[0].iterdir())
    assert set(people) == {path.name for path in cameras[1].iterdir()}
    count, total = order.shape
    assert (count, total) == (10, len(people))
    half = total // 2
    test, train = (
        sorted(int(place) - 1 for place in part) for part in (order[split_id, :half], order[split_id, half:])
    )
    assert len(train) == len(test) == half
    assert not set(train) & set(test)
    return _two_cameras(cameras, [people[place] for place in train], [people[place] for place in test])


def _two_cameras(cameras: list[Path], train: list[str], test: list[str]) -> Parts:
    def track(names: list[str], camid: int) -> list[Track]:
        found: list[Any] = [sorted(glob(str(cameras[camid] / name / "*.png"))) for name in names]  # noqa: PTH207
        assert all(found)
        return [(tuple(paths), pid, camid) for pid, paths in enumerate(found)]

    return {"train": track(train, 0) + track(train, 1), "query": track(test, 0), "gallery": track(test, 1)}


def market1501(root: Path) -> Parts:
    folders = {"train": "bounding_box_train", "query": "query", "gallery": "bounding_box_test"}
    parts: Parts = {}
    for split, folder in folders.items():
        parts[split] = []
        for path in glob(str(root / folder / "*.jpg")):  # noqa: PTH207
            person, camera = Path(path).name.split("_")[:2]
            if int(person) == -1:
                continue
            assert 0 <= int(person) <= 1501
            assert 1 <= int(camera[1]) <= 6
            parts[split].append(((path,), int(person), int(camera[1]) - 1))
    return parts


def lip(root: Path) -> dict[str, list[tuple[str, str]]]:
    parts = {}
    for split in ("train", "val"):
        names = (root / f"{split}_id.txt").read_text().split()
        pairs = [
            (
                str(root / f"{split}_images" / f"{name}.jpg"),
                str(root / f"{split}_segmentations" / f"{name}.png"),
            )
            for name in names
        ]
        assert all(Path(path).is_file() for pair in pairs for path in pair)
        parts[split] = pairs
    return parts
