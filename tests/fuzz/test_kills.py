"""Kill -9 at any moment: what a writer leaves is the last finished file or a newer one, whole, and the next run works.

Training and packing in mid-work have kill tests of their own (tests/engine/test_resume.py, tests/data/test_packing.py).
"""

import multiprocessing
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from videoreid.data.packing import pack_splits, verify_store
from videoreid.errors import DatasetError
from videoreid.retrieval import GalleryIndex, read_features, write_features
from videoreid.types import Features, Splits, Tracklet

pytestmark = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="forks processes and kills them"
)


def features(value: int) -> Features:
    count = 4000
    ids = np.full(count, value)
    return Features(torch.full((count, 16), float(value)), ids, ids % 3)


def write_index(folder: Path, value: int) -> None:
    index = GalleryIndex(16, distance="euclidean")
    index.add(features(value))
    index.save(folder / "index.npz")


def read_index(folder: Path) -> int:
    index = GalleryIndex.load(folder / "index.npz")
    assert len(index) == 4000
    assert len(np.unique(index.features.pids)) == 1
    return int(index.features.pids[0])


def write_feature_file(folder: Path, value: int) -> None:
    write_features(folder / "features.h5", features(value), features(value))


def read_feature_file(folder: Path) -> int:
    stored = read_features(folder / "features.h5")
    assert {len(stored.query), len(stored.gallery)} == {4000}
    return int(stored.gallery.pids[0])


def write_weights(folder: Path, value: int) -> None:
    from videoreid.engine.checkpointing import save_checkpoint

    save_checkpoint(
        {"progress": {"step": value}, "w": torch.full((300_000,), value)}, folder / "checkpoint-00000001.pt"
    )


def read_weights(folder: Path) -> int:
    from videoreid.engine.checkpointing import load_checkpoint

    state = load_checkpoint(folder / "checkpoint-00000001.pt")
    assert set(state["w"].unique().tolist()) == {state["progress"]["step"]}
    return int(state["progress"]["step"])


WRITERS: dict[str, tuple[Callable[[Path, int], None], Callable[[Path], int]]] = {
    "index": (write_index, read_index),
    "features": (write_feature_file, read_feature_file),
    "checkpoint": (write_weights, read_weights),
}


def write_for_ever(write: Callable[[Path, int], None], folder: Path, start: int, counter: Any) -> None:
    value = start
    while True:
        value += 1
        write(folder, value)
        counter.value = value


def kill_often(name: str, folder: Path, kills: int) -> None:
    write, read = WRITERS[name]
    write(folder, 0)
    context = multiprocessing.get_context("fork")
    counter, rng = context.Value("i", 0), np.random.default_rng(kills)
    for _ in range(kills):
        child = context.Process(target=write_for_ever, args=(write, folder, counter.value, counter))
        child.start()
        time.sleep(float(rng.uniform(0.02, 0.25)))
        child.kill()
        child.join()
        found = read(folder)
        assert counter.value <= found <= counter.value + 1, "a finished file was lost"
        counter.value = found
    # what the killed left is an hour old one day, and then the next writer removes it
    for path in folder.iterdir():
        os.utime(path, (time.time() - 7200,) * 2)
    write(folder, 7)
    assert len(list(folder.iterdir())) == 1
    assert read(folder) == 7


@pytest.mark.parametrize("name", WRITERS)
def test_a_killed_writer_leaves_whole_files(name: str, tmp_path: Path) -> None:
    kill_often(name, tmp_path, kills=4)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", WRITERS)
def test_a_writer_that_is_killed_often_leaves_whole_files(name: str, tmp_path: Path) -> None:
    kill_often(name, tmp_path, kills=100)


def pack(splits: Splits, store: Path) -> None:
    from videoreid.data.packing import writing

    writing._BLOCK = 3
    pack_splits(splits, store)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_packing_that_is_killed_often_ends_in_the_right_store(tmp_path: Path) -> None:
    import cv2

    rng = np.random.default_rng(0)
    names = []
    for number in range(150):
        names.append(str(tmp_path / f"{number:03d}.png"))
        cv2.imwrite(names[-1], rng.integers(0, 256, (20, 10, 3), dtype=np.uint8))
    splits = Splits("x", train=tuple(Tracklet(tuple(names[i : i + 5]), i, 0) for i in range(0, 150, 5)))
    context = multiprocessing.get_context("fork")
    for trial in range(10):
        store = tmp_path / f"{trial}.h5"
        while not store.exists():
            child = context.Process(target=pack, args=(splits, store))
            child.start()
            child.join(timeout=float(rng.uniform(0.05, 0.4)))
            child.kill()
            child.join()
        assert verify_store(store) == 150
        leftovers = [
            path for path in tmp_path.iterdir() if path.name.startswith(store.name) and path != store
        ]
        assert all(path.suffix in (".lock", ".partial", ".journal", ".assembling") for path in leftovers)
    assert len({path.read_bytes() for path in tmp_path.glob("*.h5")}) == 1  # byte for byte the same


def test_a_half_file_is_never_read(tmp_path: Path) -> None:
    write_feature_file(tmp_path, 1)
    path = tmp_path / "features.h5"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DatasetError):
        read_feature_file(tmp_path)
