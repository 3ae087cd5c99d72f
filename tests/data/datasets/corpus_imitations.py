"""Tiny corpora of five people in the published layouts, written by the tests.

Every writer takes an empty folder, writes the corpus into it, and returns the facts that its loader must find.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np


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


IMITATIONS: dict[str, Callable[[Path], Facts]] = {
    "mars": write_mars,
}
