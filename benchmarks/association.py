"""Measure `videoreid.analysis.associate` on the synthetic world against plain clusterings, with and without time.

    python benchmarks/association.py --work FOLDER     # three worlds; embeddings are kept in FOLDER
    python benchmarks/association.py --work FOLDER --weights osnet_x0_25_msmt17.pth

Per world: osnet_x0_25 is trained from scratch on 100 people, as in ``videoreid demo`` but for 300 steps; or it has
published weights, and the 100 people only give the transit times. 50 other people choose every threshold; one third of
them are passers-by, persons with a single tracklet. The 100 test people and 50 passers-by are associated.
"""

import argparse
import functools
import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from videoreid.analysis import (
    assign,
    associate,
    association_scores,
    centre_cameras,
    forbidden_pairs,
    threshold_at,
)
from videoreid.data import ClipTransform, build_transform, eval_loader, train_loader
from videoreid.data.datasets import build_dataset
from videoreid.data.transforms import HorizontalFlip, PadCrop, Resize
from videoreid.engine import Engine, TrainSettings, extract_features
from videoreid.losses import SoftmaxCriterion
from videoreid.metrics import (
    KReciprocal,
    PairDistances,
    SpatialTemporalModel,
    fit_logistic,
    k_reciprocal_rerank,
)
from videoreid.models import ReIDModel, build_model
from videoreid.optim import build_lr_scheduler, build_optimizer
from videoreid.retrieval import read_features, write_features
from videoreid.types import Features, Tracklet
from videoreid.utils import seed_everything

RESULTS = Path(__file__).parent / "results"
LEARNERS, STEPS = 100, 300
SCORES = ("idf1", "pairwise_f1", "bcubed_f1", "homogeneity", "completeness")
NEAR, FAR, SHARES = np.linspace(0.0, 0.6, 61), np.linspace(0.0, 1.0, 51), np.linspace(0.3, 0.9, 61)
Clustering = Callable[[Features, float], np.ndarray]


def embeddings(seed: int, args: argparse.Namespace) -> tuple[Features, Features, list[Tracklet]]:
    """Return validation and test tracklets as the network sees them, and the tracklets it may have learnt from."""
    splits = build_dataset("synthetic", args.work / "world", seed=seed)
    learnt = [tracklet for tracklet in splits.train if tracklet.pid < LEARNERS]
    size = tuple(args.size)
    stored = args.work / f"features{seed}_{size[0]}x{size[1]}{'_published' if args.weights else ''}.h5"
    if not stored.exists():
        seed_everything(seed)
        if args.weights:
            model = build_model("osnet_x0_25", pretrained=args.weights)
        else:
            model = build_model("osnet_x0_25", num_classes=LEARNERS)
            train(model, learnt, size, seed)
        parts = validation(splits.train), (*splits.query, *splits.gallery)
        write_features(stored, *(embed(model, part, size) for part in parts))
    found = read_features(stored)
    return found.query, found.gallery, learnt


def train(model: ReIDModel, learnt: Sequence[Tracklet], size: tuple[int, int], seed: int) -> None:
    """Train from scratch by cross-entropy."""
    loader = train_loader(
        learnt,
        batch_size=32,
        num_frames=1,
        instances=2,
        sampling="random",
        transform=ClipTransform([Resize(size), HorizontalFlip(), PadCrop(size[0] // 20)]),
        seed=seed,
    )
    optimizer = build_optimizer(model, "adamw", 3e-3, weight_decay=5e-4)
    schedule = build_lr_scheduler(
        optimizer, "cosine", max_epoch=STEPS, warmup="linear", warmup_epochs=STEPS // 8
    )
    settings = TrainSettings(precision="float32", schedule="step", clip_norm=5.0)
    engine = Engine(model, SoftmaxCriterion(), optimizer, schedule, settings=settings)
    engine.fit(loader, epochs=-(-STEPS // len(loader)), max_steps=STEPS)


def validation(train: Sequence[Tracklet]) -> list[Tracklet]:
    """Return the people who were not learnt from; of every third one only the first tracklet."""
    chosen, seen = [], set()
    for tracklet in train:
        if tracklet.pid >= LEARNERS and (tracklet.pid % 3 or tracklet.pid not in seen):
            chosen.append(tracklet)
            seen.add(tracklet.pid)
    return chosen


def embed(model: torch.nn.Module, tracklets: Sequence[Tracklet], size: tuple[int, int]) -> Features:
    """Return the mean embedding of all frames of each tracklet."""
    transform = build_transform("basic", size, train=False)
    loader = eval_loader(
        tracklets, batch_size=64, num_frames=1, sampling="all_continuous", transform=transform
    )
    return extract_features(model, loader, progress=False)


def truth(features: Features) -> tuple[np.ndarray, np.ndarray]:
    """Return persons, every passer-by one of their own, and which rows are scored."""
    persons = np.where(features.pids > 0, features.pids, -1 - np.arange(len(features)))
    return persons, features.pids != -1


def score(names: np.ndarray, features: Features) -> dict[str, float]:
    """Compare with the truth."""
    persons, scored = truth(features)
    found = asdict(association_scores(names[scored], persons[scored]))
    return {name: found[name] for name in SCORES}


def components(distances: np.ndarray, threshold: float) -> np.ndarray:
    """Return which rows hang together by distances within the threshold."""
    from scipy.sparse.csgraph import connected_components

    return np.asarray(connected_components(distances <= threshold, directed=False)[1])


def dbscan(distances: np.ndarray, radius: float, least: int) -> np.ndarray:
    """Return DBSCAN's clusters; what it calls noise is a cluster of its own."""
    from sklearn.cluster import DBSCAN

    found = DBSCAN(eps=max(radius, 1e-6), min_samples=least, metric="precomputed")
    names = found.fit_predict(np.clip(distances, 0, None))
    noise = names < 0
    names[noise] = names.max() + 1 + np.arange(noise.sum())
    return np.asarray(names)


def cosine(features: Features) -> np.ndarray:
    """Return the distances of all pairs."""
    rows = features.normalised().embeddings.double().numpy()
    return np.asarray(1 - rows @ rows.T)


@functools.lru_cache(maxsize=8)  # of one features, for all thresholds
def reciprocal(features: Features, k1: int, k2: int) -> np.ndarray:
    """Return k-reciprocal distances; every row is query and gallery, so neighbours count twice."""
    rows = features.normalised().embeddings
    found = k_reciprocal_rerank(rows, rows, 2 * k1, 2 * k2 if k2 > 1 else 1, 0.3).numpy()
    return np.asarray((found + found.T) / 2)


def joint(model: SpatialTemporalModel, features: Features) -> np.ndarray:
    """Return 1 - joint score of all pairs."""
    sides = {
        f"{s}_{name}": getattr(features, name) for s in "qg" for name in ("camids", "times", "end_times")
    }
    found = model.joint(1 - torch.from_numpy(cosine(features)), **sides).numpy()
    return np.asarray(1 - (found + found.T) / 2)


def free(features: Features) -> np.ndarray:
    """Return no forbidden pair."""
    return np.zeros((len(features),) * 2, bool)


def times_of(learnt: Sequence[Tracklet]) -> tuple[SpatialTemporalModel, np.ndarray]:
    """Return what the people who were learnt from tell of transits: a model, and the least times."""
    rows = Features.of(torch.zeros(len(learnt), 1), learnt)
    model = SpatialTemporalModel.fit(
        pids=rows.pids,
        camids=rows.camids,
        times=rows.times,
        end_times=rows.end_times,
        visits="clustered",
        sigma=10,
        num_cameras=6,
    )
    least = np.full((6, 6), np.inf)
    for person in np.unique(rows.pids):
        mine = np.flatnonzero(rows.pids == person)
        for a in mine[np.argsort(rows.times[mine])]:
            later = mine[rows.times[mine] > rows.times[a]]
            cells = rows.camids[a], rows.camids[later]
            np.minimum.at(least, cells, rows.times[later] - rows.end_times[a])
    return model, np.where(np.isfinite(least), 0.8 * least, 0.0)  # a pair that nobody walked forbids nothing


def plain(model: SpatialTemporalModel, few: int) -> dict[str, tuple[Clustering, np.ndarray]]:
    """Return what associate is compared with."""
    table: dict[str, tuple[Clustering, np.ndarray]] = {
        "(a) threshold on appearance": (lambda f, t: components(cosine(f), t), NEAR),
        "(a) threshold on joint scores": (lambda f, t: components(joint(model, f), t), SHARES),
    }
    for k1, k2 in ((few, 2), (20, 6)):
        for least in (1, 2, 4):
            name = f"(b) DBSCAN, k-reciprocal {k1}/{k2}, {least} neighbours"
            table[name] = (lambda f, t, a=k1, b=k2, n=least: dbscan(reciprocal(f, a, b), t, n), FAR)
    return table


def centred(few: int) -> dict[str, tuple[Clustering, np.ndarray]]:
    """Return the rows of embeddings that lose the mean of their camera; one of them is a plain clustering."""
    kept = functools.lru_cache(maxsize=8)(centre_cameras)
    rerank = KReciprocal(few, 2)
    return {
        "(a) threshold on appearance, centred cameras": (lambda f, t: components(cosine(kept(f)), t), NEAR),
        "associate, appearance, centred cameras, not two at once": (
            lambda f, t: associate(kept(f), threshold=t),
            NEAR,
        ),
        f"associate, k-reciprocal {few}/2, centred cameras, not two at once": (
            lambda f, t: associate(kept(f), threshold=t, rerank=rerank),
            FAR,
        ),
    }


def clusterings(learnt: Sequence[Tracklet]) -> dict[str, tuple[Clustering, np.ndarray]]:
    """Return each row of the table with the thresholds to choose from."""
    model, transit = times_of(learnt)
    few = max(2, round(len(learnt) / LEARNERS))

    def walked(features: Features) -> np.ndarray:
        return forbidden_pairs(features, transit=transit)

    def online(features: Features, threshold: float) -> np.ndarray:
        order = np.argsort(features.times, kind="stable")
        none = features.select(np.zeros(len(features), bool))
        nobody = np.empty(0, np.int64)
        names = np.empty(len(features), np.int64)
        names[order] = assign(features.select(order), none, nobody, threshold=threshold, transit=transit)
        return names

    table = plain(model, few)
    rules = {"no time": free, "not two at once": forbidden_pairs, "least transit times": walked}
    for name, rule in rules.items():
        table[f"associate, appearance, {name}"] = (
            lambda f, t, r=rule: associate(f, threshold=t, forbidden=r(f)),
            NEAR,
        )
    for k1, k2 in ((few, 2), (20, 6)):
        rerank = KReciprocal(k1, k2)
        for name, rule in rules.items():
            table[f"associate, k-reciprocal {k1}/{k2}, {name}"] = (
                lambda f, t, r=rule, k=rerank: associate(f, threshold=t, forbidden=r(f), rerank=k),
                FAR,
            )
    table |= centred(few)
    table["associate, joint scores, least transit times"] = (
        lambda f, t: associate(f, threshold=t, forbidden=walked(f), spatial_temporal=model),
        SHARES,
    )
    table["assign (online), appearance, least transit times"] = (online, NEAR)
    return table


def by_probability(features: Features) -> float:
    """Return the cosine distance at which a pair of the validation people is one person with probability 0.5."""
    persons, scored = truth(features)
    distances, same = cosine(features), persons[:, None] == persons
    pairs = np.triu(scored[:, None] & scored, 1)
    return threshold_at(fit_logistic(PairDistances(distances[pairs & same], distances[pairs & ~same])))


def one_world(seed: int, args: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Return the scores of every row in one world."""
    chosen, test, learnt = embeddings(seed, args)
    found = {}
    for name, (cluster, thresholds) in clusterings(learnt).items():
        idf1 = [score(cluster(chosen, t), chosen)["idf1"] for t in thresholds.tolist()]
        best = np.flatnonzero(np.array(idf1) == max(idf1))
        threshold = float(thresholds[best].mean())  # the middle of the best, which are often many
        found[name] = {"threshold": threshold, **score(cluster(test, threshold), test)}
        print(f"{seed} {name}: {found[name]['idf1']:.3f} at {threshold:.3f}", flush=True)
    threshold = by_probability(chosen)
    names = associate(test, threshold=threshold)
    found["associate, appearance, not two at once, probability 0.5"] = {
        "threshold": threshold,
        **score(names, test),
    }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--size", type=int, nargs=2, default=(128, 64), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--weights", type=Path, help="published weights of osnet_x0_25 instead of training")
    parser.add_argument("--seeds", type=int, nargs="+", default=(0, 1, 2))
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    worlds = [one_world(seed, args) for seed in args.seeds]
    name = "association_published" if args.weights else "association"
    steps = 0 if args.weights else STEPS
    record = {"seeds": list(args.seeds), "size": list(args.size), "steps": steps, "worlds": worlds}
    (RESULTS / f"{name}.json").write_text(json.dumps(record, indent=2) + "\n")
    lines = ["| | " + " | ".join(SCORES) + " |", "|---" * (1 + len(SCORES)) + "|"]
    for row in worlds[0]:
        cells = []
        for key in SCORES:
            values = [100 * world[row][key] for world in worlds]
            spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
            cells.append(f"{statistics.mean(values):.1f}{spread}")
        lines.append(f"| {row} | {' | '.join(cells)} |")
    (RESULTS / f"{name}.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
