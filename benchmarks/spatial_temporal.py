"""Measure the spatial-temporal metric: its speed, and its gain over appearance on the embedded world.

    python benchmarks/spatial_temporal.py speed      # 3,368 queries x 15,913 gallery images
    python benchmarks/spatial_temporal.py gain       # appearance alone, joint, both with re-ranking; three worlds

Appearance is the colour histogram of six stripes, without training, so the table takes minutes. The settings are the
published ones or follow from the training set, except sigma 10, which was chosen on world 0.
"""

import argparse
import json
import math
import platform
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from videoreid.data.colour_histogram import histogram_features
from videoreid.data.datasets import build_dataset
from videoreid.metrics import (
    JointKReciprocal,
    JointRules,
    KReciprocal,
    Refiner,
    SpatialTemporalModel,
    evaluate_features,
)
from videoreid.types import Features, Splits

RESULTS = Path(__file__).parent / "results" / "spatial_temporal.json"
QUERIES, GALLERY, CAMERAS = 3368, 15913, 6
SEEDS = (0, 1, 2)


def loop_score(
    model: SpatialTemporalModel, similarity: float, cameras: tuple[int, int], delta: float
) -> float:
    """Score one pair in plain Python, as the published evaluation does."""
    row = model.distribution[cameras] if delta > 0 else model.distribution[cameras[::-1]]
    probability = row[int(abs(delta) / model.interval)]
    return 1 / (1 + math.exp(-5 * similarity)) * 1 / (1 + 2 * math.exp(-5 * probability))


def speed() -> dict[str, object]:
    """Time joint scores at the size of Market-1501, and nested loops on a part of it."""
    rng = np.random.default_rng(0)
    people = 751
    model = SpatialTemporalModel.fit(
        pids=np.repeat(np.arange(people), CAMERAS),
        camids=np.tile(np.arange(CAMERAS), people),
        times=rng.integers(0, 400_000, people * CAMERAS),
    )
    similarity = torch.from_numpy(rng.uniform(-1, 1, (QUERIES, GALLERY)).astype(np.float32))
    seen = {
        "q_camids": rng.integers(0, CAMERAS, QUERIES),
        "g_camids": rng.integers(0, CAMERAS, GALLERY),
        "q_times": rng.integers(0, 400_000, QUERIES),
        "g_times": rng.integers(0, 400_000, GALLERY),
    }
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        scores = model.joint(similarity, **seen)
        seconds.append(time.perf_counter() - start)
    part = 20
    expected = np.zeros((part, GALLERY))
    start = time.perf_counter()
    for i in range(part):
        for j in range(GALLERY):
            cameras = int(seen["q_camids"][i]), int(seen["g_camids"][j])
            delta = float(seen["q_times"][i] - seen["g_times"][j])
            expected[i, j] = loop_score(model, float(similarity[i, j]), cameras, delta)
    loops = (time.perf_counter() - start) * QUERIES / part
    return {
        "queries": QUERIES,
        "gallery": GALLERY,
        "seconds_median": statistics.median(seconds),
        "seconds": seconds,
        "times_faster_than_loops": loops / statistics.median(seconds),
        "largest_difference_from_loops": float(np.abs(scores[:part].numpy() - expected).max()),
        "threads": torch.get_num_threads(),
    }


def without_times(features: Features, share: float) -> Features:
    """Forget the times of some rows."""
    lost = np.random.default_rng(0).random(len(features)) < share
    times, ends = np.where(lost, np.nan, features.times), np.where(lost, np.nan, features.end_times)
    return replace(features, times=times, end_times=ends)


def refiners(splits: Splits) -> dict[str, tuple[Refiner, ...]]:
    """Return the rows of the table; every model is fitted on the training split."""
    train = splits.train
    rows = {
        "pids": np.array([tracklet.pid for tracklet in train]),
        "camids": np.array([tracklet.camid for tracklet in train]),
        "times": np.array([tracklet.time for tracklet in train]),
        "end_times": np.array([tracklet.end_time for tracklet in train]),
    }
    published = SpatialTemporalModel.fit(**rows)
    clustered = SpatialTemporalModel.fit(**rows, visits="clustered", sigma=10)
    # as many neighbours as an identity has tracklets: known from training, and far fewer than the published 20
    few = max(2, round(len(train) / splits.num_train_pids))
    table: dict[str, tuple[Refiner, ...]] = {"appearance": (), "joint": (published,)}
    table["joint, same camera neutral"] = (replace(published, rules=JointRules(same_camera="neutral")),)
    table["joint, visits clustered, sigma 10"] = (clustered,)
    for k1, k2 in ((20, 6), (few, 2)):
        settings = KReciprocal(k1, k2)
        joint = replace(settings, exponent=1.0)
        table[f"appearance, re-ranked {k1}/{k2}"] = (settings,)
        for rule in ("published", "repaired"):
            table[f"joint, re-ranked {k1}/{k2}, {rule}"] = (JointKReciprocal(published, rule, joint),)
        name = f"joint, visits clustered, sigma 10, re-ranked {k1}/{k2}, repaired"
        table[name] = (JointKReciprocal(clustered, "repaired", joint),)
    return table


def gain() -> dict[str, object]:
    """Score every row of the table on every world."""
    scores: dict[str, list[dict[str, float]]] = {}
    lines: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        for seed in SEEDS:
            splits = build_dataset("synthetic", folder, seed=seed)
            query, gallery = histogram_features(splits.query), histogram_features(splits.gallery)
            table = refiners(splits)
            for name, chain in table.items():
                ranking = evaluate_features(query, gallery, refiners=chain, dataset=splits.name)
                record = {"mAP": ranking.mean_average_precision, "rank1": ranking.rank(1)}
                scores.setdefault(name, []).append(record)
                lines[name] = ranking.protocol_line
            ranking = evaluate_features(query, without_times(gallery, 0.5), refiners=table["joint"])
            record = {"mAP": ranking.mean_average_precision, "rank1": ranking.rank(1)}
            scores.setdefault("joint, half of the gallery without times", []).append(record)
    print("| distances | mAP | Rank-1 |\n|---|---|---|")
    for name, records in scores.items():
        cells = []
        for key in ("mAP", "rank1"):
            values = [100 * record[key] for record in records]
            cells.append(f"{statistics.mean(values):.1f} ({min(values):.1f} to {max(values):.1f})")
        print(f"| {name} | {' | '.join(cells)} |")
    return {"seeds": list(SEEDS), "scores": scores, "protocol_lines": lines}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["speed", "gain"])
    args = parser.parse_args()
    result = speed() if args.what == "speed" else gain()
    if args.what == "speed":
        print(json.dumps(result, indent=2))
    stored = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    stored["machine"] = {"python": platform.python_version(), "torch": torch.__version__}
    stored[args.what] = result
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(stored, indent=2) + "\n")


if __name__ == "__main__":
    main()
