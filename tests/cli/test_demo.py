"""The demo on a tiny world: everything it promises is printed and written, and a seed is a table."""

import json
import logging
from pathlib import Path

import pytest

from videoreid.cli import main

TINY = ["--identities", "6", "--steps", "2", "--seed", "3"]


@pytest.fixture(autouse=True)
def _quiet_afterwards():
    yield
    logging.getLogger("videoreid").handlers.clear()


def demo(output: Path, root: Path, *options: str) -> str:
    assert main(["demo", "--output", str(output), "--root", str(root), *TINY, *options]) == 0
    return (output / "table.txt").read_text()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("worlds")


def test_a_table_with_its_protocol_and_the_pictures(root: Path, tmp_path: Path, capsys) -> None:
    table = demo(tmp_path / "answer", root)
    printed = capsys.readouterr().out
    assert table in printed
    lines = table.splitlines()
    assert lines[0].split() == ["mAP", "Rank-1", "Rank-5", "mINP"]
    assert [line[:18].strip() for line in lines[1:4]] == ["colour histogram", "untrained", "trained"]
    assert all("synthetic | protocol cross_camera" in line for line in lines[4:])
    assert len(lines[4:]) == 2
    metrics = json.loads((tmp_path / "answer" / "metrics.json").read_text())
    assert list(metrics) == ["colour histogram", "untrained", "trained"]
    shown = [float(number.rstrip("%")) for number in lines[1].split()[2:]]
    scores = [metrics["colour histogram"][key] for key in ("mAP", "rank1", "rank5", "mINP")]
    assert shown == pytest.approx([100 * score for score in scores], abs=0.051)
    assert (tmp_path / "answer" / "ranking.png").stat().st_size > 10_000
    assert "<html" in (tmp_path / "answer" / "explorer" / "index.html").read_text()
    index = (tmp_path / "answer" / "explorer" / "data" / "index.js").read_text()
    queries = metrics["trained"]["queries_scored"] + metrics["trained"]["queries_skipped"]
    assert f'"queries":{queries},' in index


def test_the_same_seed_gives_the_same_table_whatever_the_workers(root: Path, tmp_path: Path) -> None:
    first = demo(tmp_path / "first", root)
    assert demo(tmp_path / "again", root) == first
    assert demo(tmp_path / "workers", root, "--workers", "2") == first


def test_training_starts_from_the_seed(root: Path, tmp_path: Path) -> None:
    def trained(output: Path) -> dict:
        return json.loads((output / "metrics.json").read_text())["untrained"]

    demo(tmp_path / "first", root)
    main(["demo", "--output", str(tmp_path / "other"), "--root", str(root), *TINY[:-1], "4"])
    assert trained(tmp_path / "first") != trained(tmp_path / "other")


def test_a_world_that_cannot_be_is_refused(tmp_path: Path, capsys) -> None:
    assert main(["demo", "--identities", "1", "--root", str(tmp_path)]) == 2
    assert "identities must be 2" in capsys.readouterr().err


def test_no_steps_is_refused(tmp_path: Path, capsys) -> None:
    assert main(["demo", "--steps", "0", "--root", str(tmp_path)]) == 2
    assert "--steps must be 1 or more" in capsys.readouterr().err
