from pathlib import Path

import numpy as np
import pytest

from videoreid.cli import main
from videoreid.data import FrameReader
from videoreid.data.datasets import build_dataset
from videoreid.data.stores import packed_splits


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Write a user's own dataset of two people and two cameras."""
    import cv2

    rng = np.random.default_rng(0)
    for split, pids in (("train", (1, 2)), ("query", (3,)), ("gallery", (3,))):
        for pid in pids:
            for camera in (0, 1):
                for frame in range(3):
                    path = tmp_path / "own" / split / str(pid) / str(camera) / "1" / f"{frame}.png"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    cv2.imwrite(str(path), rng.integers(0, 256, (20, 10, 3), dtype=np.uint8))
    return tmp_path / "own"


def test_a_dataset_is_packed_and_read_back(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "own.h5"
    assert main(["data", "pack", "folder", str(dataset), str(store)]) == 0
    assert "8 tracklets, 24 frames" in capsys.readouterr().out
    before, after = build_dataset("folder", root=dataset), packed_splits(store)
    for one, other in zip(before.train, after.train, strict=True):
        np.testing.assert_array_equal(FrameReader().read(one.frames), FrameReader().read(other.frames))
    assert main(["data", "pack", "folder", str(dataset), str(store)]) == 2
    assert "exists" in capsys.readouterr().err


def test_frames_are_re_encoded_on_request(dataset: Path, tmp_path: Path) -> None:
    options = ["--size", "16", "8", "--quality", "70"]
    assert main(["data", "pack", "folder", str(dataset), str(tmp_path / "s.h5"), *options]) == 0
    assert FrameReader().read(packed_splits(tmp_path / "s.h5").train[0].frames)[0].shape == (16, 8, 3)


def write_table(folder: Path) -> Path:
    rows = ["path,pid,camid,tracklet"]
    for path in sorted(folder.rglob("*.png")):
        pid, camera = path.parts[-4:-2]
        rows.append(f"{path.relative_to(folder)},{pid},{camera},{path.parts[-5]}")
    table = folder / "frames.csv"
    table.write_text("\n".join(rows))
    return table


def test_a_table_is_packed_by_its_options(dataset: Path, tmp_path: Path) -> None:
    table, store = write_table(dataset), tmp_path / "own.h5"
    options = ["--option", "test_share=0.4", "--option", "seed=1"]
    assert main(["data", "pack", "folder", str(table), str(store), *options]) == 0
    before, after = build_dataset("folder", root=table, test_share=0.4, seed=1), packed_splits(store)
    assert after.name == before.name
    assert [t.pid for t in after.query] == [t.pid for t in before.query]
    for one, other in zip(before.gallery, after.gallery, strict=True):
        np.testing.assert_array_equal(FrameReader().read(one.frames), FrameReader().read(other.frames))
    entry = before.gallery[0].frames[0].removeprefix(f"{dataset}/")
    assert after.gallery[0].frames[0] == f"{store}::{entry}"


def test_an_option_twice_or_unknown_is_refused(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["data", "pack", "folder", str(dataset), str(tmp_path / "own.h5")]
    assert main([*command, "--option", "seed=1", "--option", "seed=2"]) == 2
    assert "--option seed is given twice" in capsys.readouterr().err
    assert main([*command, "--option", "sead=1"]) == 2
    assert "its options are csv, cameras" in capsys.readouterr().err
