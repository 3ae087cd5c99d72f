"""Every plotted number, read back from the CSV, is what a slow and plain computation gives."""

import csv
import math
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from videoreid.errors import ConfigError, ProtocolError, StorageError
from videoreid.metrics import PairDistances, SpatialTemporalModel, camera_pair_rank1, evaluate_features
from videoreid.types import Features
from videoreid.visual import (
    plot_attention,
    plot_camera_pairs,
    plot_cmc,
    plot_distances,
    plot_embedding,
    plot_length,
    plot_precision_recall,
    plot_reliability,
    plot_roc,
    plot_training,
    plot_transitions,
)
from videoreid.visual.plots.style import PlotFiles, label, write_plot


def read(files: PlotFiles) -> list[dict[str, str]]:
    assert files.png.read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in files.svg.read_bytes()[:600]
    with files.csv.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def numbers(rows: list[dict[str, str]], name: str) -> np.ndarray:
    return np.array([math.nan if row[name] == "" else float(row[name]) for row in rows])


def world(noise: float = 1.2, seed: int = 0, people: int = 25) -> tuple[Features, Features]:
    centres = np.random.default_rng(7).normal(size=(people, 8))
    rng = np.random.default_rng(seed)
    sides = []
    for repeats in (2, 4):
        pids = np.repeat(np.arange(1, people + 1), repeats)
        values = centres[pids - 1] + noise * rng.normal(size=(len(pids), 8))
        cameras = np.tile(np.arange(repeats) % 3, people)
        sides.append(Features(torch.from_numpy(values).float(), pids, cameras))
    return sides[0], sides[1]


@pytest.fixture(scope="module")
def facts() -> SimpleNamespace:
    """Distances and truth of the world, by loops."""
    query, gallery = world()
    q, g = (part.embeddings.double().numpy() for part in (query, gallery))
    distances = np.linalg.norm(q[:, None] - g[None], axis=2)
    same = query.pids[:, None] == gallery.pids[None]
    junk = same & (query.camids[:, None] == gallery.camids[None])
    ranking = evaluate_features(query, gallery, distance="euclidean", dataset="world")
    return SimpleNamespace(query=query, gallery=gallery, d=distances, same=same, junk=junk, ranking=ranking)


def lists(facts: SimpleNamespace) -> list[np.ndarray]:
    """Return whether each row of each query's ranked list is a match, junk left out."""
    found = []
    for q in range(len(facts.d)):
        order = [g for g in np.argsort(facts.d[q], kind="stable") if not facts.junk[q, g]]
        found.append(facts.same[q, order])
    return [row for row in found if row.any()]


def test_cmc(facts, tmp_path):
    other = evaluate_features(*world(2.5), distance="euclidean", dataset="world")
    rows = read(plot_cmc({"<b>$a$": facts.ranking, "_other": other}, tmp_path / "cmc"))
    assert {row["run"] for row in rows} == {"<b>$a$", "_other"}
    first = np.array([1 + int(np.argmax(row)) for row in lists(facts)])
    mine = [row for row in rows if row["run"] == "<b>$a$"]
    matched = numbers(mine, "matched")
    assert matched == pytest.approx([np.mean(first <= k) for k in range(1, 51)], abs=1e-12)
    assert numbers(mine, "rank").tolist() == list(range(1, 51))
    low, high = numbers(mine, "low"), numbers(mine, "high")
    rng = np.random.default_rng(1)
    drawn = [np.mean(rng.choice(first, len(first)) <= 1) for _ in range(4000)]
    assert (low[0], high[0]) == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.025)
    assert (low <= matched).all()
    assert (matched <= high).all()


def test_precision_recall(facts, tmp_path):
    rows = read(plot_precision_recall({"a": facts.ranking}, tmp_path / "pr"))
    expected = np.zeros(101)
    for place, level in enumerate(np.linspace(0, 1, 101)):
        values = []
        for row in lists(facts):
            hits = np.cumsum(row)
            precision, recall = hits / np.arange(1, len(row) + 1), hits / hits[-1]
            values.append(max(p for p, r in zip(precision, recall, strict=True) if r >= level - 1e-9))
        expected[place] = np.mean(values)
    assert numbers(rows, "precision") == pytest.approx(expected, abs=1e-9)
    assert numbers(rows, "recall") == pytest.approx(np.linspace(0, 1, 101))


def pairs_of(facts) -> PairDistances:
    return PairDistances(facts.d[facts.same & ~facts.junk], facts.d[~facts.same])


def test_distances(facts, tmp_path):
    pairs = pairs_of(facts)
    rows = read(plot_distances(pairs, tmp_path / "d", bins=12, note="a line"))
    low, high = numbers(rows, "low"), numbers(rows, "high")
    for name, values in (("same", pairs.genuine), ("different", pairs.impostor)):
        for place in range(12):
            last = place == 11
            inside = sum(
                low[place] <= v < high[place] or (last and v == high[place]) for v in values.astype(float)
            )
            assert numbers(rows, name)[place] == pytest.approx(
                inside / len(values) / (high[place] - low[place])
            )


def test_roc(facts, tmp_path):
    pairs = pairs_of(facts)
    rows = read(plot_roc({"a": pairs}, tmp_path / "roc"))
    curve = [row for row in rows if row["kind"] == "curve"]
    for row in curve[:: max(1, len(curve) // 40)]:
        limit = np.float32(float(row["threshold"]))
        assert float(row["fpr"]) == pytest.approx(np.mean([d <= limit for d in pairs.impostor]))
        assert float(row["tpr"]) == pytest.approx(np.mean([d <= limit for d in pairs.genuine]))
    (equal,) = (row for row in rows if row["kind"] == "equal_error_rate")
    limit = float(equal["threshold"])
    wrong = np.mean(pairs.impostor <= limit), np.mean(pairs.genuine > limit)
    assert float(equal["fpr"]) == pytest.approx(np.mean(wrong), abs=0.02)
    assert float(equal["tpr"]) == pytest.approx(1 - float(equal["fpr"]))


def test_reliability(tmp_path):
    rng = np.random.default_rng(0)
    told = np.concatenate([rng.random(500) ** 2 * 0.69, [0.7, 0.75, 1.0]])
    same = rng.random(503) < told
    rows = read(plot_reliability(told, same, tmp_path / "r"))
    for row in rows:
        low, high = float(row["low"]), float(row["high"])
        inside = [i for i, p in enumerate(told) if int(p * 10) == round(low * 10) or (high == 1 and p == 1)]
        assert int(row["pairs"]) == len(inside)
        if not inside:
            assert row["told"] == row["true"] == row["true_low"] == ""
            continue
        share, n, z = same[inside].mean(), len(inside), 1.959964
        assert float(row["told"]) == pytest.approx(told[inside].mean())
        assert float(row["true"]) == pytest.approx(share)
        half = z * math.sqrt(share * (1 - share) / n + z * z / 4 / n / n) / (1 + z * z / n)
        middle = (share + z * z / 2 / n) / (1 + z * z / n)
        assert (float(row["true_low"]), float(row["true_high"])) == pytest.approx(
            (max(0, middle - half), min(1, middle + half))
        )
    with pytest.raises(ProtocolError, match="lies outside"):
        plot_reliability(np.array([1.5]), np.array([True]), tmp_path / "bad")


def test_camera_pairs(facts, tmp_path):
    rates = camera_pair_rank1(facts.query, facts.gallery, distance="euclidean")
    rows = read(plot_camera_pairs(rates, tmp_path / "cameras"))
    assert len(rows) == 2 * 3
    for row in rows:
        own, other, hits = int(row["query_camera"]), int(row["gallery_camera"]), []
        for q in np.flatnonzero(facts.query.camids == own):
            there = np.flatnonzero((facts.gallery.camids == other) & ~facts.junk[q])
            if facts.same[q, there].any():
                hits.append(facts.same[q, there[np.argmin(facts.d[q, there])]])
        assert int(row["queries"]) == len(hits)
        assert row["rank1"] == "" if not hits else float(row["rank1"]) == pytest.approx(np.mean(hits))
    assert any(row["rank1"] == "" for row in rows), "the diagonal has no match under this protocol"


def test_length(facts, tmp_path):
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 40, len(facts.query))
    lengths[3] = -1
    rows = read(plot_length(lengths, facts.ranking, tmp_path / "length", bins=4))
    seen = 0
    for row in rows:
        low, high = int(row["shortest"]), int(row["longest"])
        inside = [
            ap for n, ap in zip(lengths, facts.ranking.average_precision, strict=True)
            if low <= n <= high and not math.isnan(ap)
        ]  # fmt: skip
        assert int(row["queries"]) == len(inside)
        assert float(row["mAP"]) == pytest.approx(np.mean(inside))
        assert float(row["low"]) <= float(row["mAP"]) <= float(row["high"])
        seen += len(inside)
    assert seen == int(facts.ranking.scored.sum()) - int(facts.ranking.scored[3])
    with pytest.raises(ConfigError, match="3 lengths for 50 queries"):
        plot_length(np.ones(3), facts.ranking, tmp_path / "bad")
    with pytest.raises(ConfigError, match="no length of a scored query is known"):
        plot_length(np.full(50, -1), facts.ranking, tmp_path / "bad")
    (row,) = read(plot_length(np.full(50, 5), facts.ranking, tmp_path / "one"))
    assert float(row["mAP"]) == pytest.approx(facts.ranking.mean_average_precision)


def test_attention(tmp_path):
    rng = np.random.default_rng(0)
    weights = rng.dirichlet(np.ones(5), size=60)
    weights[0] = [0, 0, 1, 0, 0]
    rows = read(plot_attention(weights, tmp_path / "attention"))
    for t, row in enumerate(row for row in rows if row["kind"] == "position"):
        column = sorted(weights[:, t])
        assert float(row["value"]) == pytest.approx(sum(column) / 60)
        place = 0.1 * 59
        plain = column[int(place)] + (place - int(place)) * (column[int(place) + 1] - column[int(place)])
        assert float(row["low"]) == pytest.approx(plain)
    effective = [math.exp(-sum(w * math.log(w) for w in row if w > 0)) for row in weights]
    assert effective[0] == 1.0
    shares = [row for row in rows if row["kind"] == "effective_frames"]
    for row in shares[:-1]:
        inside = [float(row["low"]) <= value < float(row["high"]) for value in effective]
        assert float(row["value"]) == pytest.approx(np.mean(inside))
    assert numbers(shares, "value").sum() == pytest.approx(1)
    for bad, message in (
        (weights * 2, "must sum to 1"),
        (weights - 0.5, "not negative"),
        (weights[0], "shape"),
    ):
        with pytest.raises(ConfigError, match=message):
            plot_attention(bad, tmp_path / "bad")


def test_transitions(tmp_path):
    rng = np.random.default_rng(0)
    pids = np.repeat(np.arange(40), 2)
    camids, times = np.tile([0, 1], 40), 1000.0 * pids
    times[1::2] += rng.normal(300, 40, 40)
    model = SpatialTemporalModel.fit(pids=pids, camids=camids, times=times, num_bins=20, interval=50, sigma=1)
    rows = read(plot_transitions(model, tmp_path / "transitions"))
    assert {(row["first_camera"], row["second_camera"]) for row in rows} == {("0", "1")}
    for row in rows:
        gap = float(row["time"])
        inside = [
            int(abs(b - a) // 50) == int(abs(gap) // 50) for a, b in zip(times[::2], times[1::2], strict=True)
        ]
        assert float(row["seen"]) == pytest.approx(np.mean(inside) if gap > 0 else 0.0)
    assert numbers(rows, "smoothed").max() > 0


def test_training(tmp_path):
    history = [
        {"epoch": 1.0, "loss": 2.0, "triplet": 0.5, "lr": 0.1},
        {
            "epoch": 2.0,
            "loss": 1.0,
            "triplet": 0.25,
            "lr": 0.01,
            "mAP": 0.5,
            "rank1": 0.75,
            "queries_scored": 9.0,
        },
    ]
    rows = read(plot_training(history, tmp_path / "training"))
    assert {(r["panel"], r["name"], float(r["epoch"]), float(r["value"])) for r in rows} == {
        ("loss", "loss", 1, 2), ("loss", "loss", 2, 1), ("loss", "triplet", 1, 0.5), ("loss", "triplet", 2, 0.25),
        ("rate", "lr", 1, 0.1), ("rate", "lr", 2, 0.01), ("score", "mAP", 2, 0.5), ("score", "rank1", 2, 0.75),
    }  # fmt: skip
    with pytest.raises(ConfigError, match="no epoch is finished"):
        plot_training([], tmp_path / "none")


def test_principal_components_of_chosen_people(facts, tmp_path):
    people = [1, 2, 3]
    rows = read(plot_embedding(facts.gallery, tmp_path / "pca", people=people, method="pca"))
    mine = np.isin(facts.gallery.pids, people)
    assert numbers(rows, "pid").tolist() == facts.gallery.pids[mine].tolist()
    assert numbers(rows, "camid").tolist() == facts.gallery.camids[mine].tolist()
    values = facts.gallery.embeddings[torch.from_numpy(mine)].double()
    values = (values / values.norm(dim=1, keepdim=True)).numpy()
    values = values - values.mean(axis=0)
    sizes, vectors = np.linalg.eigh(values.T @ values)
    for name, column in (("x", -1), ("y", -2)):
        plain = values @ vectors[:, column]
        assert np.abs(numbers(rows, name)) == pytest.approx(np.abs(plain), abs=1e-9)
    assert sizes[-1] >= sizes[-2]
    with pytest.raises(ConfigError, match="no tracklet of pid 999"):
        plot_embedding(facts.gallery, tmp_path / "bad", people=[999])
    with pytest.raises(ConfigError, match="2 tracklets of the chosen people"):
        plot_embedding(facts.query, tmp_path / "bad", people=[1])


def test_neighbours_by_t_sne(facts, tmp_path):
    pytest.importorskip("sklearn", reason="the extra [plots] is not installed")
    from sklearn.manifold import TSNE

    rows = read(plot_embedding(facts.gallery, tmp_path / "tsne", people=[1, 2, 3, 4], seed=3))
    part = facts.gallery.select(np.isin(facts.gallery.pids, [1, 2, 3, 4])).embeddings.double()
    unit = (part / part.norm(dim=1, keepdim=True)).numpy()
    plain = TSNE(perplexity=5.0, init="pca", random_state=3).fit_transform(unit)
    assert np.stack([numbers(rows, "x"), numbers(rows, "y")], 1) == pytest.approx(plain, abs=1e-3)


@pytest.mark.slow
def test_neighbours_by_umap(facts, tmp_path):
    pytest.importorskip("umap", reason="the extra [plots] is not installed")
    rows = read(plot_embedding(facts.gallery, tmp_path / "umap", method="umap"))
    assert len(rows) == 40
    assert np.isfinite(numbers(rows, "x")).all()


def test_the_same_input_gives_the_same_bytes(facts, tmp_path):
    for name in ("one", "two"):
        plot_distances(pairs_of(facts), tmp_path / name / "d", note="x")
    for ending in ("png", "svg", "csv"):
        assert (tmp_path / f"one/d.{ending}").read_bytes() == (tmp_path / f"two/d.{ending}").read_bytes()


def test_nothing_to_draw_and_names_that_matplotlib_would_read(tmp_path):
    with pytest.raises(ConfigError, match="nothing to draw"):
        write_plot(lambda figure: None, {"a": []}, tmp_path / "x")
    assert label("_run $x$") == r" _run \$x\$"
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_named(facts, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="cannot write"):
        plot_cmc({"a": facts.ranking}, tmp_path / "cmc")
    tmp_path.chmod(0o700)


def test_a_file_where_a_folder_is_asked_for(facts, tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(StorageError, match="cannot write"):
        plot_cmc({"a": facts.ranking}, tmp_path / "taken" / "cmc")
    assert Path(tmp_path / "taken").read_text() == ""
