"""The analyse command: stored features and the frames of their dataset to causes, in a line and in files."""

import json
import logging
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from videoreid.cli import main
from videoreid.data.datasets import build_dataset
from videoreid.engine import save_evaluation
from videoreid.metrics import evaluate_features
from videoreid.retrieval import read_features, write_features
from videoreid.types import Features

OPTIONS = {"identities": 8, "seed": 4, "frames": 2, "cameras": 3, "train_share": 0.2}
GIVEN = [part for name, value in OPTIONS.items() for part in ("--option", f"{name}={value}")]


@pytest.fixture(autouse=True)
def _quiet_afterwards():
    yield
    logging.getLogger("videoreid").handlers.clear()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a world, and features in which half of the queries are lost."""
    place = tmp_path_factory.mktemp("analyse")
    splits = build_dataset("synthetic", place / "worlds", **OPTIONS)
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(100, 16, generator=generator)

    def side(tracklets, spread):
        rows = [centres[t.pid] + spread * torch.randn(16, generator=generator) for t in tracklets]
        return Features.of(torch.stack(rows), tracklets)

    write_features(
        place / "f.h5",
        side(splits.query, 1.5),
        side(splits.gallery, 0.5),
        dataset="synthetic",
        protocol="cross_camera",
    )
    return place


def analyse(root: Path, *options: str) -> int:
    return main(
        ["analyse", str(root / "f.h5"), "--root", str(root / "worlds"), *GIVEN, "--frames", "1", *options]
    )


def test_the_line_is_printed_with_the_protocol_and_the_files_are_written(root, tmp_path, capsys) -> None:
    assert analyse(root, "--output", str(tmp_path / "out")) == 0
    printed = capsys.readouterr().out
    assert "synthetic | protocol cross_camera" in printed
    assert "causes (points of Rank-1" in printed
    figures = json.loads((tmp_path / "out" / "analysis.json").read_text())
    assert figures["queries_scored"] == len(np.unique([line.split(",")[0] for line in
        (tmp_path / "out" / "queries.csv").read_text().splitlines()[1:]]))  # fmt: skip
    assert {cost["cause"] for cost in figures["causes"]} == {
        "occlusion", "several people", "low resolution", "low light", "dark clothes"
    }  # fmt: skip
    assert (tmp_path / "out" / "analysis.html").read_text().startswith("<!doctype html>")


def test_a_folder_with_one_feature_file_is_enough_and_a_threshold_may_be_given(root, capsys) -> None:
    assert main(["analyse", str(root), "--root", str(root / "worlds"), *GIVEN, "--frames", "1",
                 "--threshold", "low light=0.99"]) == 0  # fmt: skip
    assert "low light no estimate (affects 100 %)" in capsys.readouterr().out


@pytest.fixture(scope="module")
def run_folder(root: Path) -> Path:
    """Return a run folder with the ranking of the features, and one that was stored without tracklets."""
    stored = read_features(root / "f.h5")
    splits = build_dataset("synthetic", root / "worlds", **OPTIONS)
    ranking = evaluate_features(stored.query, stored.gallery, protocol="cross_camera", dataset="synthetic")
    sides = {"query": stored.query, "gallery": stored.gallery}
    save_evaluation(root / "run", ranking, **sides, name="ori", tracklets=(splits.query, splits.gallery))
    save_evaluation(root / "run", ranking, **sides, name="bare")
    return root / "run"


def test_a_run_folder_gives_what_its_features_give_and_its_report_links_it(
    root, run_folder, tmp_path
) -> None:
    assert main(["analyse", str(run_folder), "--frames", "1"]) == 0
    assert analyse(root, "--output", str(tmp_path)) == 0
    named = (tmp_path / "analysis.json", run_folder / "analysis" / "analysis.json")
    of_features, of_run = (json.loads(path.read_text()) for path in named)
    assert of_run.pop("protocol").startswith("synthetic | protocol cross_camera")
    assert of_features.pop("protocol").startswith("synthetic | protocol cross_camera")
    assert of_run == of_features
    assert main(["report", str(run_folder)]) == 0
    page = (run_folder / "report" / "index.html").read_text(encoding="utf-8")
    assert "analysis/analysis.html" in page


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--root", "elsewhere"], "is a run folder, which holds its ranking and tracklets: leave out --root"),
        (["--distance", "cosine"], "leave out --distance"),
        (["--evaluation", "re"], "no evaluation 're'"),
        (["--evaluation", "bare"], "bare of .* was stored without its tracklets"),
    ],
)
def test_what_a_run_folder_cannot_answer_is_said(run_folder, options, message, capsys) -> None:
    assert main(["analyse", str(run_folder), *options]) == 2
    assert re.search(message, capsys.readouterr().err)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--threshold", "low light"], "is not CAUSE=NUMBER"),
        (["--threshold", "rain=1"], "no cause is called 'rain'"),
        (["--option", "seed=5"], "--option seed is given twice"),
        (["--evaluation", "ori"], "names an evaluation of a run folder"),
        (["--labels", "nowhere"], "holds no part labels"),
        (["--frames", "0"], "must be 1 or more"),
    ],
)
def test_bad_options_are_told(root, options, message, capsys) -> None:
    assert analyse(root, *options) == 2
    assert message in capsys.readouterr().err


def test_features_of_other_data_are_refused(root, tmp_path, capsys) -> None:
    assert main(["analyse", str(root / "f.h5"), "--root", str(root / "worlds"), *GIVEN[:2], "--option", "frames=2",
                 "--option", "cameras=3"]) == 2  # fmt: skip
    assert "the features belong to another dataset" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert main(["analyse", str(tmp_path / "empty")]) == 2
    assert "holds 0 feature files" in capsys.readouterr().err
