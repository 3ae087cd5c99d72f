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


@pytest.mark.slow
def test_the_comparison_writes_its_table_and_does_no_run_twice(world, tmp_path):
    common = ["--root", world, "--dataset", "mars", "--output", tmp_path, "--epochs", 1, "--max-steps", 1]
    common += [
        "--size",
        64,
        32,
        "--pretrained",
        0,
        "--workers",
        0,
        "--pairs",
        "osnet_x0_25:S",
        "osnet_x0_25:T",
    ]
    first = run("compare_ilids.py", *common, "--seeds", 0)
    assert first.returncode == 0, first.stderr
    before = (tmp_path / "results.csv").read_text()
    second = run("compare_ilids.py", *common, "--seeds", 0, 1)
    assert second.returncode == 0, second.stderr
    assert (tmp_path / "results.csv").read_text().startswith(before)
    with (tmp_path / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    pairs = ("osnet_x0_25:S", "osnet_x0_25:T")
    assert [(row["pair"], row["seed"]) for row in rows] == [(p, "0") for p in pairs] + [
        (p, "1") for p in pairs
    ]
    text = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert "| osnet_x0_25 (T) | random | 2 |" in text
    assert "protocol mars_official" in text
    assert cv2.imread(str(tmp_path / "table.png")).std() > 5
    refused = run("compare_ilids.py", *common, "--seeds", 2, "--epochs", 2)
    assert refused.returncode != 0
    assert "another recipe" in refused.stderr
    (tmp_path / "recipe.json").unlink()
    assert "another recipe" in run("compare_ilids.py", *common, "--seeds", 2).stderr
    assert (tmp_path / "results.csv").read_text().count("\n") == 5


def test_the_compared_networks_start_from_what_is_published(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    compare = importlib.import_module("compare_ilids")
    starts = {pair: compare.start_of(pair.split(":")[0], 1) for pair in compare.PAIRS}
    assert {pair for pair, start in starts.items() if start == "random"} == {"hacnn:S"}
    assert compare.start_of("osnet_x1_0", 0) == "random"


@pytest.mark.slow
def test_the_search_searches_resumes_and_trains_the_best_again(world, tmp_path):
    pytest.importorskip("optuna", reason="the extra [tune] is not installed")
    common = [
        "--root",
        world,
        "--output",
        tmp_path,
        "--epochs",
        1,
        "--max-steps",
        1,
        "--height",
        64,
        "--width",
        32,
    ]
    common += [
        "--pretrained",
        0,
        "--workers",
        0,
        "--backbone",
        "resnet18",
        "--batch-size",
        4,
        "--instances",
        2,
    ]
    first = run("search_bag_of_tricks.py", *common, "--trials", 1, "--held-out", "intelligent")
    assert first.returncode == 0, first.stderr
    done = run("search_bag_of_tricks.py", *common, "--trials", 2, "--held-out", "intelligent")
    assert done.returncode == 0, done.stderr
    assert "best of 2 trials" in done.stdout
    assert "trained again on everybody" in done.stdout
    assert cv2.imread(str(tmp_path / "study.png")).std() > 5
    (folder,) = tmp_path.glob("best_trial_*")
    assert list(folder.glob("checkpoint-*.pt"))
    again = run("search_bag_of_tricks.py", *common, "--trials", 2, "--held-out", "intelligent")
    assert again.returncode == 0, again.stderr
    assert f"resumed from {folder}" in again.stdout + again.stderr
    assert again.stdout.splitlines()[-1] == done.stdout.splitlines()[-1]


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
