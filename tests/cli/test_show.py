"""``videoreid show``: sheets of what a network is fed."""

from pathlib import Path

import cv2
import pytest

from videoreid.cli import main
from videoreid.data.datasets import build_dataset


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    build_dataset("synthetic", root=folder, identities=8)
    return folder


def show(verb: str, root: Path, output: Path, *more: str) -> int:
    options = ["--option", "identities=8", "--output", str(output)]
    return main(["show", verb, "synthetic", str(root), *more, *options])


def test_a_batch(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = ("--size", "64", "32", "--batch-size", "4", "--instances", "2", "--frames", "3")
    assert show("batch", root, tmp_path / "a.png", *small) == 0
    assert "4 clips of 3 frames" in capsys.readouterr().out
    first = (tmp_path / "a.png").read_bytes()
    assert cv2.imread(str(tmp_path / "a.png")).shape[0] > 4 * 64
    assert show("batch", root, tmp_path / "b.png", *small) == 0
    assert (tmp_path / "b.png").read_bytes() == first, "the same seed draws the same clips"
    assert show("batch", root, tmp_path / "c.png", *small, "--seed", "1") == 0
    assert (tmp_path / "c.png").read_bytes() != first


def test_a_dataset(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert show("dataset", root, tmp_path / "a.pdf", "--part", "gallery", "--per-camera", "1") == 0
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")
    assert show("dataset", root, tmp_path / "a.xyz") == 2
    assert "ends in .png" in capsys.readouterr().err


def test_a_sampling_rule(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert show("sampling", root, tmp_path / "a.png", "--rule", "evenly", "--rule", "all_continuous") == 0
    printed = capsys.readouterr().out
    assert "evenly: 1 clips of 4 frames" in printed
    assert (tmp_path / "a.png").stat().st_size > 5000
    assert show("sampling", root, tmp_path / "b.png", "--row", "9999") == 2
    assert "rows count from 0" in capsys.readouterr().err
    assert show("sampling", root, tmp_path / "b.png", "--rule", "evenyl") == 2
    assert "evenly" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
