import json
import shutil
from pathlib import Path

import pytest

from tests.data.datasets.dataset_imitations import write_folder, write_ilidsvid, write_lip, write_mars
from videoreid.cli import main
from videoreid.data.datasets import list_infos


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_folder(tmp_path / "own")
    return tmp_path / "own"


def test_layout_lists_every_dataset(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "layout"]) == 0
    printed = capsys.readouterr().out
    assert [line.split()[0] for line in printed.splitlines()] == list_infos()


@pytest.mark.parametrize("name", list_infos())
def test_layout_says_what_lies_where_and_whom_to_ask(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "layout", name]) == 0
    printed = capsys.readouterr().out
    for head in ("Where from: ", "Licence: ", "Cite: "):
        assert head in printed
    if name == "mars":
        assert "bbox_train/0001/0001C1T0001F001.jpg" in printed
        assert "Published: train: 625 ids, 8,298 tracklets, 509,914 images" in printed


def test_verify_a_whole_dataset(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "verify", "folder", str(root), "--all", "--json", str(tmp_path / "out.json")]) == 0
    printed = capsys.readouterr().out
    assert "OK      decoding: all 12 frames tried decode" in printed
    assert "folder/own: no damage found, 6 notes above to read; no counts were published" in printed
    content = json.loads((tmp_path / "out.json").read_text())
    assert content["damaged"] is False
    assert {finding["check"] for finding in content["findings"]} >= {"files", "decoding", "cameras"}


def test_verify_exits_1_on_damage(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "train" / "3" / "hall" / "a" / "9.jpg").write_bytes(b"")
    assert main(["data", "verify", "folder", str(root), "--num-frames", "3", "--workers", "1"]) == 1
    printed = capsys.readouterr().out
    assert "DAMAGE  decoding: 1 of 12 frames tried do not decode" in printed
    assert "9.jpg" in printed
    assert "tracklets shorter than 3 frames: train 2, query 1, gallery 2" in printed


def test_verify_exits_1_where_counts_differ(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_mars(tmp_path / "mars")
    assert main(["data", "verify", "mars", str(tmp_path)]) == 1
    assert "DAMAGE  counts: train has 2 ids; 625 were published" in capsys.readouterr().out


def test_verify_exits_2_where_nothing_can_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "verify", "mars", str(tmp_path)]) == 2
    assert "is empty" in capsys.readouterr().err
    assert main(["data", "verify", "marz", str(tmp_path)]) == 2
    assert "did you mean 'mars'" in capsys.readouterr().err


def test_verify_samples(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "verify", "folder", str(root), "--sample", "5"]) == 0
    assert "all 5 frames tried decode" in capsys.readouterr().out


def test_verify_a_parsing_dataset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_lip(tmp_path / "LIP")
    assert main(["data", "verify", "lip", str(tmp_path)]) == 1  # three pictures are not 30,462
    printed = capsys.readouterr().out
    assert "OK      pairs: all 4 pairs tried fit together" in printed
    shutil.copyfile(tmp_path / "LIP/val_images/0_val.jpg", tmp_path / "LIP/val_segmentations/0_val.png")
    (tmp_path / "LIP/test_images/0_test.jpg").unlink()
    assert main(["data", "verify", "lip", str(tmp_path), "--all"]) == 1
    printed = capsys.readouterr().out
    assert "DAMAGE  pairs: 1 of 4 pairs tried are unusable" in printed
    assert "DAMAGE  files: 1 pictures are missing" in printed


def test_stats_prints_the_table_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_ilidsvid(tmp_path / "iLIDS-VID")
    chart = tmp_path / "chart.png"
    options = ["--option", "split_id=1", "--output", str(chart)]
    assert main(["data", "stats", "ilidsvid", str(tmp_path), *options]) == 0
    printed = capsys.readouterr().out
    assert "ilidsvid/split1, protocol 'ilidsvid'" in printed
    assert "train      3          6      18" in printed
    assert "gallery: tracklets per camera (from 0): 1: 2" in printed
    assert chart.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("option", ["split_id", "=3", "a b=3"])
def test_a_malformed_option_is_refused(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "stats", "prid2011", str(tmp_path), "--option", option]) == 2
    assert "is not KEY=VALUE" in capsys.readouterr().err


def test_options_are_literals_or_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_mars(tmp_path)
    options = ["--option", "times=tracklet_number", "--option", "check_files=True"]
    assert main(["data", "stats", "mars", str(tmp_path), *options]) == 0
    assert main(["data", "stats", "mars", str(tmp_path), "--option", "clock=3"]) == 2
    assert "options are times, check_files" in capsys.readouterr().err
