"""Tiny datasets of five people in the published layouts, written by the tests.

Every writer takes an empty folder, writes the dataset into it, and returns the facts that its loader must find.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

SHARED = Path(__file__).parents[4] / "shared"


@dataclass(frozen=True)
class Facts:
    """What the loader must find: (ids, tracklets, images) of each split."""

    train: tuple[int, int, int]
    query: tuple[int, int, int]
    gallery: tuple[int, int, int]
    cameras: set[int] = field(default_factory=lambda: {0, 1})
    options: dict[str, Any] = field(default_factory=dict)
    protocol: str = "cross_camera"


def picture(path: Path, seed: int = 0, height: int = 16, width: int = 8) -> Path:
    """Write one small picture whose colours tell it from the others."""
    rng = np.random.default_rng(seed)
    image = np.full((height, width, 3), rng.integers(0, 256, 3), np.uint8)
    image[: height // 2] = rng.integers(0, 256, 3)
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)
    return path


def pictures(folder: Path, names: Iterable[str], seed: int = 0) -> None:
    for number, name in enumerate(names):
        picture(folder / name, seed * 1000 + number)


def savemat(path: Path, **variables: np.ndarray) -> None:
    import scipy.io

    path.parent.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(path, variables)


def mars_tables(tracks: list[tuple[int, int, int]]) -> tuple[list[str], np.ndarray]:
    """Return names and the published table of (pid, camera 1-based, frames) tracks, sorted as MARS sorts them."""
    names: list[str] = []
    rows = []
    for number, (pid, camera, frames) in enumerate(tracks, 1):
        person = "00-1" if pid == -1 else f"{pid:04d}"
        rows.append((len(names) + 1, len(names) + frames, pid, camera))
        names += [f"{person}C{camera}T{number:04d}F{frame:03d}.jpg" for frame in range(1, frames + 1)]
    return names, np.array(rows, np.int32)


MARS_TRAIN = [(3, 1, 4), (3, 2, 3), (3, 6, 2), (7, 1, 5), (7, 3, 2)]
MARS_TEST = [
    (-1, 1, 2),  # junk
    (0, 2, 3),  # a distractor
    (2, 1, 3),  # query
    (2, 1, 2),
    (2, 4, 5),
    (5, 2, 4),  # query
    (5, 3, 2),
    (9, 5, 2),  # query
    (9, 6, 3),
]
MARS_QUERY = [3, 6, 8]


def write_mars(root: Path) -> Facts:
    for split, tracks in (("train", MARS_TRAIN), ("test", MARS_TEST)):
        names, table = mars_tables(tracks)
        savemat(root / "info" / f"tracks_{split}_info.mat", **{f"track_{split}_info": table})
        (root / "info" / f"{split}_name.txt").write_text("\n".join(names) + "\n")
        for number, name in enumerate(names):
            picture(root / f"bbox_{split}" / name[:4] / name, number)
    savemat(root / "info" / "query_IDX.mat", query_IDX=np.array([MARS_QUERY], np.float64))
    return Facts(
        train=(2, 5, 16), query=(3, 3, 9), gallery=(4, 5, 15), cameras=set(range(6)), protocol="mars_official"
    )


def write_dukemtmcvidreid(root: Path) -> Facts:
    """Both naming styles; frames 9 and 10 and a gap in the index, which a listing by text or by count gets wrong."""

    def tracklet(
        split: str, pid: int, number: int, camera: int, frames: list[tuple[int, int]], *, new: bool
    ) -> None:
        pattern = "{:04d}_C{}_F{:04d}_X{}.jpg" if new else "{:04d}C{}F{:04d}X{}.jpg"
        names = [pattern.format(pid, camera, index, x) for index, x in frames]
        pictures(root / split / f"{pid:04d}" / f"{number:04d}", names, pid * 10 + number)

    tracklet("train", 4, 1, 2, [(1, 99), (2, 111), (12, 231)], new=True)  # indices 3 to 11 are missing
    tracklet("train", 4, 2, 8, [(1, 7)], new=True)
    tracklet("train", 2, 1, 1, [(1, 9_999), (2, 10_011)], new=False)
    tracklet("query", 3, 1, 5, [(1, 500), (2, 512)], new=False)
    tracklet("gallery", 3, 1, 5, [(1, 500), (2, 512)], new=False)
    tracklet("gallery", 3, 2, 6, [(1, 30823), (2, 30835)], new=True)
    tracklet("gallery", 7, 1, 6, [(1, 1)], new=True)
    return Facts((2, 3, 6), (1, 1, 2), (2, 3, 5), set(range(8)), protocol="dukemtmcvidreid")


LSVID_TRAIN = [(0, 1, 3, 2), (0, 10, 4, 3), (1, 2, 15, 2)]  # id, tracklet, camera, frames
LSVID_TEST = [(0, 1, 1, 2), (0, 2, 2, 3), (1, 3, 7, 2), (1, 4, 15, 2), (2, 5, 9, 1)]


def lsvid_names(pid: int, tracklet: int, camera: int, frames: int) -> list[str]:
    return [f"{tracklet}_{pid:04d}_{camera}_{100 + number}.jpg" for number in range(frames)]


def write_lsvid(root: Path) -> Facts:
    import h5py

    lines = []
    for pid, tracklet, camera, frames in LSVID_TRAIN:
        pictures(root / f"tracklet_train/{pid:04d}", lsvid_names(pid, tracklet, camera, frames), pid)
        lines.append(f"tracklet_train/{pid:04d}/{tracklet} {pid}")
    (root / "list_sequence").mkdir()
    (root / "list_sequence" / "list_seq_train.txt").write_text("\n".join(lines) + "\n")
    (root / "list_frame").mkdir()
    for split in ("test", "val"):
        paths: list[str] = []
        rows = []
        for pid, tracklet, camera, frames in LSVID_TEST:
            names = lsvid_names(pid, tracklet, camera, frames)
            pictures(root / f"tracklet_{split}/{pid:04d}", names, pid)
            rows.append((len(paths) + 1, len(paths) + frames, pid, camera))
            paths += [f"tracklet_{split}/{pid:04d}/{name}" for name in names]
        text = "".join(f"{path} {number}\n" for number, path in enumerate(paths))
        (root / "list_frame" / f"list_lvreid_{split}.txt").write_text(text)
        table = np.array(rows, np.float64)
        mat = root / "test" / "data" / f"info_{split}.mat"
        if split == "val":
            savemat(mat, info_val=table, query=np.array([[1, 3]], np.float64))
            continue
        mat.parent.mkdir(parents=True)
        with h5py.File(mat, "w") as file:  # MATLAB 7.3 stores the transposed table
            file["info_test"] = table.T
            file["query"] = np.array([[1], [3]], np.float64)
    return Facts((2, 3, 7), (2, 2, 4), (3, 3, 6), set(range(15)), protocol="lsvid")


def write_prid2011(root: Path) -> Facts:
    people = [f"person_{number:04d}" for number in (1, 2, 3, 7, 12)]
    for camera in ("cam_a", "cam_b"):
        for number, person in enumerate([*people, "person_0300"]):  # the last is in no split, as most are not
            pictures(
                root / "prid_2011" / "multi_shot" / camera / person,
                ["0002.png", "0001.png", "0010.png"],
                number,
            )
    splits = [{"train": people[:3], "test": people[3:]}, {"train": people[2:], "test": people[:2]}]
    (root / "splits_prid2011.json").write_text(json.dumps(splits * 5))
    return Facts((3, 6, 18), (2, 2, 6), (2, 2, 6), protocol="prid2011")


def write_ilidsvid(root: Path) -> Facts:
    for camera in ("cam1", "cam2"):
        for number in (1, 2, 3, 5, 9):
            names = [f"{camera}_person{number:03d}_{frame:05d}.png" for frame in (98, 99, 100)]
            pictures(root / "i-LIDS-VID" / "sequences" / camera / f"person{number:03d}", names, number)
    splits = np.array([[5, 1, 2, 3, 4], [2, 4, 5, 1, 3]] * 5, np.float64)  # the first two are tested
    savemat(root / "train-test people splits" / "train_test_splits_ilidsvid.mat", ls_set=splits)
    return Facts((3, 6, 18), (2, 2, 6), (2, 2, 6), protocol="ilidsvid")


def write_market1501(root: Path) -> Facts:
    train = ["0002_c1s1_000451_03.jpg", "0002_c6s4_000001_00.jpg", "0007_c2s3_000776_01.jpg"]
    query = ["0001_c1s1_001051_00.jpg", "0003_c3s2_000010_00.jpg"]
    gallery = [
        "-1_c1s1_000401_03.jpg",
        "0000_c4s6_000001_01.jpg",
        "0001_c2s1_000301_00.jpg",
        "0003_c5s1_000777_00.jpg",
    ]
    for part, names in (("bounding_box_train", train), ("query", query), ("bounding_box_test", gallery)):
        pictures(root / part, names)
        (root / part / "Thumbs.db").touch()  # the published archive holds these
    return Facts((2, 3, 3), (2, 2, 2), (3, 3, 3), set(range(6)), protocol="market1501")


def write_dukemtmcreid(root: Path) -> Facts:
    train = ["0001_c2_f0046182.jpg", "0001_c8_f0000007.jpg", "0005_c1_f0044158.jpg"]
    query = ["0003_c2_f0058160.jpg"]
    gallery = ["0003_c4_f0081533.jpg", "0009_c7_f0100000.jpg"]
    for part, names in (("bounding_box_train", train), ("query", query), ("bounding_box_test", gallery)):
        pictures(root / part, names)
    return Facts((2, 3, 3), (1, 1, 1), (2, 2, 2), set(range(8)))


# people 3 and 5 train, 2, 7, 9 are tested: 7 lies in MARS' bbox_train and 5 in its bbox_test
XMARS_TRAIN = {3, 5}


def write_xmars(root: Path) -> Facts:
    write_mars(root)
    tracks = [*MARS_TRAIN, *MARS_TEST]
    names = [
        name
        for split in ("train", "test")
        for name in (root / "info" / f"{split}_name.txt").read_text().split()
    ]
    for split in ("train", "test"):
        people = sorted(XMARS_TRAIN if split == "train" else {pid for pid, _, _ in tracks} - XMARS_TRAIN)
        rows: list[tuple[int, int, int, int]] = []
        end = 0
        for pid in people:  # by person and file name, as the author's tables count
            person = "00-1" if pid == -1 else f"{pid:04d}"
            starts = sorted({name[:11] for name in names if name[:4] == person})
            for start in starts:
                length = sum(name.startswith(start) for name in names)
                rows.append((end + 1, end + length, pid, int(start[5])))
                end += length
        savemat(
            root / "info_xmars" / f"tracks_{split}_info.mat",
            **{f"track_{split}_info": np.array(rows, np.int32)},
        )
    # test rows: -1, 0, 2, 2, 2, 7, 7, 9, 9
    savemat(root / "info_xmars" / "query_IDX.mat", query_IDX=np.array([[3, 6, 8]], np.float64))
    return Facts((2, 5, 15), (3, 3, 10), (4, 5, 15), set(range(6)), protocol="xmars")


def write_folder(root: Path) -> Facts:
    tree = {
        "train": {("3", "hall", "a"): 3, ("3", "door", "b"): 2, ("12", "hall", "a"): 2},
        "query": {("4", "hall", "x"): 2},
        "gallery": {("4", "door", "y"): 2, ("7", "hall", "z"): 1, ("-1", "hall", "junk"): 1},
    }
    for split, tracklets in tree.items():
        for number, ((person, camera, tracklet), frames) in enumerate(tracklets.items()):
            names = [
                f"{frame}.jpg" for frame in range(8, 8 + frames)
            ]  # 8, 9, 10: the order of text is 10, 8, 9
            pictures(root / split / person / camera / tracklet, names, number)
    return Facts((2, 3, 7), (1, 1, 2), (2, 2, 3))


def write_lip(root: Path) -> tuple[int, int, int]:
    """Write five people; return how many pictures each split has."""
    import cv2

    rng = np.random.default_rng(0)
    for split, count in (("train", 3), ("val", 1), ("test", 1)):
        names = [f"{number}_{split}" for number in range(count)]
        (root).mkdir(exist_ok=True)
        (root / f"{split}_id.txt").write_text("\n".join(names) + "\n")
        for number, name in enumerate(names):
            picture(root / f"{split}_images" / f"{name}.jpg", number)
            if split != "test":
                (root / f"{split}_segmentations").mkdir(exist_ok=True)
                label = rng.integers(0, 20, (16, 8), dtype=np.uint8)
                assert cv2.imwrite(str(root / f"{split}_segmentations" / f"{name}.png"), label)
    return 3, 1, 1


CCVID_LINES = {  # session, person, camera, clothes, frames
    "train": [(1, 4, 2, "u0_l0", 3), (2, 4, 2, "u1_l0", 2), (3, 9, 1, "u0_l2", 11)],
    "query": [(1, 2, 1, "u0_l0", 2), (1, 5, 3, "u0_l0", 2)],
    "gallery": [(1, 2, 2, "u0_l0", 2), (2, 2, 3, "u1_l1", 3), (3, 2, 1, "u1_l1", 1), (3, 5, 4, "u0_l3", 2)],
}


def write_ccvid(root: Path) -> Facts:
    for split, rows in CCVID_LINES.items():
        lines = []
        for session, pid, camera, clothes, frames in rows:
            place = f"session{session}/{pid:03d}_{camera:02d}"
            pictures(root / place, [f"{number}.jpg" for number in range(1, frames + 1)], pid * 10 + camera)
            lines.append(f"{place} {pid:03d} {clothes}")
        (root / f"{split}.txt").write_text("\n".join(lines) + "\n")
    return Facts((2, 3, 16), (2, 2, 4), (2, 4, 8), set(range(24)))


MEVID_TRAIN = [(201, 1, 330, 2), (201, 3, 507, 3), (203, 0, 330, 2)]  # person, outfit, camera, frames
MEVID_TEST = [(205, 0, 436, 2), (205, 0, 330, 1), (205, 2, 639, 2), (210, 1, 330, 2), (210, 1, 436, 1)]
MEVID_QUERY = [0, 3]


def write_mevid(root: Path) -> Facts:
    for split, tracks in (("train", MEVID_TRAIN), ("test", MEVID_TEST)):
        names: list[str] = []
        rows = []
        for number, (pid, outfit, camera, frames) in enumerate(tracks):
            rows.append((len(names), len(names) + frames - 1, pid, outfit, camera))
            names += [f"{pid:04d}O{outfit:03d}C{camera}T{number:03d}F{f:05d}.jpg" for f in range(frames)]
        for number, name in enumerate(names):
            picture(root / f"bbox_{split}" / name[:4] / name, number)
        (root / f"{split}_name.txt").write_text("\n".join(names) + "\n")
        np.savetxt(root / f"track_{split}_info.txt", np.array(rows))
    np.savetxt(root / "query_IDX.txt", np.array(MEVID_QUERY))
    return Facts((2, 3, 7), (2, 2, 4), (2, 3, 4), set(range(4)))


G2A_TRAIN = [(1, 1, 2), (1, 2, 3), (4, 1, 2), (4, 2, 1)]  # person, camera, frames
G2A_TEST = [(2, 1, 2), (2, 2, 2), (3, 1, 1), (3, 2, 4)]
G2A_QUERY = [1, 3]


def write_g2avreid(root: Path) -> Facts:
    for split, tracks in (("train", G2A_TRAIN), ("test", G2A_TEST)):
        names, table = mars_tables(tracks)
        savemat(root / "info" / f"tracks_{split}_info.mat", **{f"track_{split}_info": table})
        (root / "info" / f"{split}_name.txt").write_text("\n".join(names) + "\n")
        for number, name in enumerate(names):
            picture(root / f"bbox_{split}" / name[:4] / name, number)
    savemat(root / "info" / "query_IDX.mat", query_IDX=np.array([G2A_QUERY], np.float64))
    return Facts((2, 4, 8), (2, 2, 3), (2, 2, 6))


def write_agvpreid(root: Path) -> Facts:
    def tracklet(part: str, pid: int, number: int, camera: int, frames: int) -> None:
        names = [f"P{pid:04d}T{number:03d}C{camera}E1F{frame:03d}.jpg" for frame in range(frames)]
        pictures(root / part / str(pid) / f"{number:03d}", names, pid * 10 + number)

    for pid, camera, frames in ((7, 0, 2), (7, 4, 3), (31, 3, 1)):
        tracklet("train", pid, camera, camera, frames)
    for case, (asked, searched) in {
        "case1_aerial_to_ground": ((4, 5), (0, 2)),
        "case2_ground_to_aerial": ((1, 3), (4, 5)),
    }.items():
        for pid in (2, 8):
            tracklet(f"{case}/query", pid, 1, asked[pid == 8], 2)
            for number, camera in enumerate(searched):
                tracklet(f"{case}/gallery", pid, number, camera, 1 + number)
    return Facts((2, 3, 6), (2, 2, 4), (2, 4, 6), set(range(6)))


IMITATIONS: dict[str, Callable[[Path], Facts]] = {
    "agvpreid": write_agvpreid,
    "ccvid": write_ccvid,
    "dukemtmcreid": write_dukemtmcreid,
    "dukemtmcvidreid": write_dukemtmcvidreid,
    "folder": write_folder,
    "g2avreid": write_g2avreid,
    "ilidsvid": write_ilidsvid,
    "lsvid": write_lsvid,
    "market1501": write_market1501,
    "mars": write_mars,
    "mevid": write_mevid,
    "prid2011": write_prid2011,
    "xmars": write_xmars,
}

# drawn, not collected: it needs no imitation; where its own tests are, relative to tests/data
OWN_TESTS = {"synthetic": "../synthetic_world/test_layouts.py"}
