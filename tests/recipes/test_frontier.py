"""The observer of people in uniforms by value, the page from the record, and that every method trains."""

import argparse
import importlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from videoreid.synthetic_world.population import WorldOptions, make_population
from videoreid.synthetic_world.uniforms import PRESETS
from videoreid.types import Features

ROOT = Path(__file__).parents[2]


@pytest.fixture
def load(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module


@pytest.fixture
def oracle(load):
    return load("frontier_oracle")


@pytest.fixture
def observer(oracle):
    population = make_population(WorldOptions(identities=12, seed=3, **PRESETS["uniforms"]))
    free = replace(population, options=replace(population.options, frame_occluders=0.0))
    traits = oracle.traits_of(population.people)
    return oracle.Observer(free, 0.02, traits.mean(0), traits.std(0))


def test_one_frame_tells_sizes_and_not_steps_a_second(oracle, observer) -> None:
    sighting = next(s for s in observer.population.sightings if s.count >= 12)
    one, eight, all_ = (observer.information(sighting, np.arange(n)) for n in (1, 8, 12))
    cadence, height = oracle.TRAITS.index("cadence"), oracle.TRAITS.index("height")
    assert one[cadence, cadence] == pytest.approx(0.0, abs=1e-6)
    assert one[height, height] > 0.1
    assert eight[cadence, cadence] > 1.0
    assert np.linalg.eigvalsh(all_ - eight).min() > -1e-6, "more frames never say less"
    poor = replace(observer, error=0.04).information(sighting, np.arange(8))
    assert np.linalg.eigvalsh(eight - poor).min() > -1e-6
    hidden = replace(observer.population, options=replace(observer.population.options, frame_occluders=1.0))
    behind = replace(observer, population=hidden).information(sighting, np.arange(8))
    assert np.trace(behind) < 0.9 * np.trace(eight)


def test_readings_are_as_exact_as_their_information(oracle, observer) -> None:
    sighting = next(s for s in observer.population.sightings if s.count >= 8)
    matrix = observer.information(sighting, np.arange(8))
    person = observer.population.people[sighting.person]
    true = (oracle.traits_of([person])[0] - observer.centre) / observer.spread
    draws = np.random.default_rng(0)
    readings = np.stack([observer.read(sighting, matrix, draws) for _ in range(4000)])
    np.testing.assert_allclose(
        readings.mean(0), matrix @ true, atol=5 * np.sqrt(np.diag(matrix).max() / 4000)
    )
    scale = np.sqrt(np.outer(np.diag(matrix), np.diag(matrix))) + 1e-9
    np.testing.assert_allclose((np.cov(readings.T) - matrix) / scale, 0.0, atol=0.1)


@pytest.mark.parametrize("kept", [(0, 1, 2), (1,)])
def test_the_likelihood_ratio_is_that_of_normal_densities(oracle, kept) -> None:
    """Readings x = theta + e with theta ~ N(0, I): the densities of pairs, written out."""
    draws = np.random.default_rng(1)
    sides, plain = [], []
    for count in (2, 3):
        roots = draws.normal(size=(count, 3, 3))
        covariances = roots @ roots.transpose(0, 2, 1) + 0.3 * np.eye(3)
        x = draws.normal(size=(count, 3))
        matrices = np.linalg.inv(covariances)
        sides.append(((matrices @ x[..., None])[..., 0], matrices))
        plain.append((x, covariances))
    found = oracle.likelihood_distances(sides[0], sides[1], kept)
    shared = np.zeros((3, 3))
    shared[kept, kept] = 1.0

    def log_density(x, covariance):
        return -0.5 * (x @ np.linalg.solve(covariance, x) + np.linalg.slogdet(2 * np.pi * covariance)[1])

    for q, (x, a) in enumerate(zip(*plain[0], strict=True)):
        for g, (y, b) in enumerate(zip(*plain[1], strict=True)):
            both = np.block([[a + np.eye(3), shared], [shared, b + np.eye(3)]])
            ratio = log_density(np.concatenate([x, y]), both)
            ratio -= log_density(x, a + np.eye(3)) + log_density(y, b + np.eye(3))
            assert -found[q, g] == pytest.approx(ratio)


def test_what_embeddings_explain(oracle) -> None:
    draws = np.random.default_rng(0)
    traits = draws.normal(size=(400, 2))
    pids = np.arange(400) // 4
    embeddings = np.concatenate(
        [0.1 * traits[:, :1], 0.1 * draws.normal(size=(400, 5)), np.ones((400, 1))], axis=1
    )
    shares = oracle.explained(Features(embeddings, pids, pids * 0), traits)
    assert shares[0] > 0.95
    assert abs(shares[1]) < 0.1


def test_outfits_and_bags_as_distances(oracle) -> None:
    people = make_population(WorldOptions(identities=12, seed=3, **PRESETS["uniforms"])).people
    alone = oracle.look_distances(people[:12], people[:12], bags=False)
    bags = oracle.look_distances(people[:12], people[:12], bags=True)
    assert alone.sum() == 12 * 12 - 12 * 2  # six outfits go round
    assert (bags >= alone).all()
    first, other = people[0], people[6]  # in one uniform
    empty = [replace(p, outfit=replace(p.outfit, bag=None)) for p in (first, other)]
    assert empty[0].outfit.bag_colour != empty[1].outfit.bag_colour, "a colour of nothing, which nobody sees"
    assert oracle.look_distances(empty[:1], empty[1:], bags=True) == 0
    holding = replace(other, outfit=replace(other.outfit, bag="hand"))
    assert oracle.look_distances(empty[:1], [holding], bags=True) == 1


def test_the_page_is_made_from_the_record(load) -> None:
    page, methods = load("frontier_page"), load("frontier_methods")
    assert page.verdict([1.0, 0.1, 2.0]) == "pays"
    assert page.verdict([-1.0, -0.1, -2.0]) == "does not pay"
    assert page.verdict([1.0, -0.1, 2.0]) == "open"
    assert page.verdict([1.0, 1.0]) == "not complete"
    setting = {
        "steps": 120,
        "trunk_steps": 300,
        "identities": 250,
        "protocol": "line",
        "seconds": 9,
        "rank1": 0.5,
    }
    rows = [
        {"study": "memory", "method": name, "seed": seed, "mAP": 0.5 + 0.1 * number + 0.01 * seed, **setting}
        for number, name in enumerate(methods.STUDIES["memory"])
        for seed in range(3)
    ]
    text = page.render(rows)
    total = 3 * (sum(map(len, methods.STUDIES.values())) + len(page.LEVELS))
    assert f"**15 of {total} runs exist.** Not complete: clips 0 of 12" in text
    assert "| cross-entropy + batch-hard triplet | 51.0 ± 1.0 | 50.0 ± 0.0 | baseline | 9 |  |" in text
    assert "| cross-entropy alone | 61.0 ± 1.0 | 50.0 ± 0.0 | +10.0, +10.0, +10.0 | 9 | pays |" in text


def test_the_page_is_the_recorded_one(load) -> None:
    record = ROOT / "benchmarks" / "results" / "frontier_learning.jsonl"
    rows = [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []
    rows = [row for row in rows if (row["steps"], row["trunk_steps"], row["identities"]) == (120, 300, 250)]
    page = (ROOT / "docs" / "frontier_learning.md").read_text(encoding="utf-8")
    assert page == load("frontier_page").render(rows)


@pytest.mark.slow
@pytest.mark.timeout(1200)  # 21 trainings
def test_every_method_trains_and_every_level_is_scored(load, tmp_path) -> None:
    learning = load("frontier_learning")
    args = argparse.Namespace(work=tmp_path, identities=28, steps=1, trunk_steps=1, study=None, seeds=[0])
    splits = learning.world("oracle", args)
    levels = learning.level_rows(learning.open_test(splits, 28, tmp_path), splits, [0])
    known = {row["method"]: row["mAP"] for row in levels}
    assert len(known) == 14
    assert known["records: sizes and gait"] == 1.0
    assert known["chance"] < known["observer, 8 frames: sizes and gait"]
    jobs = [job for job in learning.wanted(args) if job[0] != "oracle"]
    found = {job[:2]: learning.run(*job, args) for job in jobs}
    assert len(found) == 21
    assert all(0 < row["mAP"] <= 1 for row in found.values())
    assert set(found["time", "clips, RNN"]["with_observer"]) == {"sizes", "gait", "both"}
