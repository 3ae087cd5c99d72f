"""The comparison and the search run from their command line, and go on where they were stopped."""

import csv
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
BENCHMARKS = EXAMPLES.parent / "benchmarks"


def run(script, *options):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, script, *map(str, options)]
    return subprocess.run(command, cwd=EXAMPLES, env=environment, capture_output=True, text=True, timeout=280)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    from videoreid.data.datasets import build_dataset

    root = tmp_path_factory.mktemp("studies") / "worlds"
    build_dataset("synthetic", root, identities=16, frames=6)
    return next(root.iterdir())


SMALL = [
    "--set=pretrained=False",
    "--set=height=64",
    "--set=width=32",
    "--set=epochs=1",
    "--set=num_frames=2",
]


@pytest.mark.slow
def test_the_comparison_writes_its_table_and_does_no_run_twice(world, tmp_path):
    common = [
        "--root",
        world,
        "--dataset",
        "mars",
        "--output",
        tmp_path,
        "--max-steps",
        1,
        "--workers",
        0,
        *SMALL,
    ]
    common += ["--recipes", "ilids_osnet_x1_0_s", "ilids_ours_osnet_x1_0_t"]
    first = run("compare_ilids.py", *common, "--seeds", 0)
    assert first.returncode == 0, first.stderr
    before = (tmp_path / "results.csv").read_text()
    second = run("compare_ilids.py", *common, "--seeds", 0, 1)
    assert second.returncode == 0, second.stderr
    assert (tmp_path / "results.csv").read_text().startswith(before)
    with (tmp_path / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = ("ilids_osnet_x1_0_s", "ilids_ours_osnet_x1_0_t")
    assert [(row["recipe"], row["seed"]) for row in rows] == [(name, seed) for seed in "01" for name in names]
    text = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert "| ilids_ours_osnet_x1_0_t | random | 2 |" in text
    assert "protocol mars_official" in text
    assert cv2.imread(str(tmp_path / "table.png")).std() > 5
    refused = run("compare_ilids.py", *common, "--seeds", 2, "--max-steps", 2)
    assert refused.returncode != 0
    assert "other settings" in refused.stderr
    (tmp_path / "settings.json").unlink()
    assert "other settings" in run("compare_ilids.py", *common, "--seeds", 2).stderr
    assert (tmp_path / "results.csv").read_text().count("\n") == 5


def test_the_comparison_is_the_study_by_default_and_shows_its_figures(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    compare = importlib.import_module("compare_ilids")
    assert compare.STUDY == [
        "ilids_hacnn_s", "ilids_osnet_x1_0_s", "ilids_osnet_x1_0_t", "ilids_pcb_p4_s", "ilids_resnet101_s",
        "ilids_resnet50mid_s", "ilids_resnet50mid_t",
    ]  # fmt: skip
    row = {"start": "random", "seeds": 1, "mAP": 0.5, "rank1": 0.25, "mAP_spread": 0, "rank1_spread": 0}
    names = ["ilids_hacnn_s", "psta"]
    text = compare.to_markdown([{**row, "recipe": name} for name in names], {"line"}, "ilidsvid")
    assert "| ilids_hacnn_s | random | 1 | 50.0% ± 0.0% | 25.0% ± 0.0% | 57.18 % / 46.0 % |" in text
    assert "| psta | random | 1 | 50.0% ± 0.0% | 25.0% ± 0.0% | - |" in text


@pytest.mark.slow
def test_the_search_searches_resumes_and_trains_the_best_again(world, tmp_path):
    pytest.importorskip("optuna", reason="the extra [tune] is not installed")
    common = ["--root", world, "--output", tmp_path, "--max-steps", 1, "--workers", 0, *SMALL]
    common += ["--set=model.backbone=resnet18", "--set=batch_size=4", "--set=instances=2"]
    common += ["--held-out", "most_cameras", "--objective", "rerank_map"]
    first = run("search_bag_of_tricks.py", *common, "--trials", 1)
    assert first.returncode == 0, first.stderr
    assert "exponent=1, metric=squared_euclidean" in first.stdout
    done = run("search_bag_of_tricks.py", *common, "--trials", 2)
    assert done.returncode == 0, done.stderr
    assert "best of 2 trials" in done.stdout
    assert "trained again on all identities" in done.stdout
    assert "protocol mars_torchreid" in done.stdout.splitlines()[-1]
    assert cv2.imread(str(tmp_path / "study.png")).std() > 5
    (folder,) = tmp_path.glob("best_trial_*")
    assert list(folder.glob("checkpoint-*.pt"))
    again = run("search_bag_of_tricks.py", *common, "--trials", 2)
    assert again.returncode == 0, again.stderr
    assert f"resumed from {folder}" in again.stdout + again.stderr
    assert again.stdout.splitlines()[-2:] == done.stdout.splitlines()[-2:]


@pytest.mark.slow
def test_the_six_steps_of_streid_run_from_nothing(tmp_path):
    options = [
        "--root",
        tmp_path / "worlds",
        "--output",
        tmp_path / "chain",
        "--seeds",
        0,
        "--identities",
        20,
    ]
    done = run("streid_chain.py", *options, "--images", 2, "--set=epochs=1", "--set=batch_size=8", *SMALL[:3])
    assert done.returncode == 0, done.stderr
    table = (tmp_path / "chain" / "table.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")][1:]
    assert rows == [
        "appearance", "re-ranked", "joint", "joint, re-ranked (published)", "joint, re-ranked (repaired)",
    ]  # fmt: skip
    assert "protocol market1501_toolkit" in table


@pytest.mark.slow
def test_the_proof_of_learning_does_no_run_twice_and_draws_its_table(tmp_path):
    results = tmp_path / "results.jsonl"
    common = ["--study", "components", "--identities", 30, "--steps", 1, "--trunk-steps", 1, "--jobs", 2]
    common += ["--work", tmp_path / "work", "--results", results]
    first = run(BENCHMARKS / "proof_of_learning.py", *common, "--seeds", 0)
    assert first.returncode == 0, first.stderr
    before = results.read_text()
    again = run(BENCHMARKS / "proof_of_learning.py", *common, "--seeds", 0)
    assert again.returncode == 0, again.stderr
    assert results.read_text() == before
    rows = [json.loads(line) for line in before.splitlines()]
    assert len(rows) == len({row["method"] for row in rows}) == 6
    assert {row["seed"] for row in rows} == {0}
    text = results.with_suffix(".md").read_text(encoding="utf-8")
    assert text.count("| BN neck |") == 1
    assert "protocol " in text
    assert cv2.imread(str(results.with_suffix(".png"))).std() > 5


@pytest.mark.slow
def test_short_trainings_are_recorded_and_none_is_done_twice(tmp_path):
    results = tmp_path / "results.json"
    common = ["--work", tmp_path / "work", "--results", results, "--identities", 8, "--steps", 1]
    recipes = ["--recipes", "ilids_osnet_x1_0_t", "temporal_pooling"]
    first = run(BENCHMARKS / "recipe_training.py", *common, *recipes[:2])
    assert first.returncode == 0, first.stderr
    second = run(BENCHMARKS / "recipe_training.py", *common, *recipes)
    assert second.returncode == 0, second.stderr
    rows = json.loads(results.read_text())["recipes"]
    assert first.stdout == second.stdout.splitlines(keepends=True)[0], "the first run was not done again"
    assert {name: row["dataset"] for name, row in rows.items()} == {
        "ilids_osnet_x1_0_t": "ilidsvid", "temporal_pooling": "mars",
    }  # fmt: skip
    for row in rows.values():
        assert 0 < row["chance_mAP"] < 100
        assert {"mAP", "rank1"} == set(row["before"]) == set(row["after"])
        assert row["steps"] >= 1
    other = run(BENCHMARKS / "recipe_training.py", *common[:-1], 2, *recipes)
    assert other.returncode == 1
    assert "holds runs of another budget" in other.stderr
