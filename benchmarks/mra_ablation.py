"""Measure the effect of each module of MRA on the embedded world, compared with GCM and PSTA at equal training.

    python benchmarks/mra_ablation.py                   every run that has no result yet, then the table
    python benchmarks/mra_ablation.py --only mra:0      one run (model and seed)
    python benchmarks/mra_ablation.py --table           the table of the results so far

Sized for two CPU cores: half-width ResNet-18, frames of 128 x 64, clips of 4, everything trained from random weights
(no ImageNet weights). Results are one JSON line per run; finished runs are not repeated.
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import torch

from videoreid.data import build_transform, eval_loader, train_loader
from videoreid.data.datasets.synthetic import synthetic
from videoreid.engine import evaluate, step
from videoreid.losses import TripletCriterion
from videoreid.models import build_model
from videoreid.models.base import ReIDModel
from videoreid.models.cost import count_parameters, flops_per_clip
from videoreid.utils import atomic_write_text, seed_everything

BACKBONE, SIZE, NUM_FRAMES = "resnet18_half", (128, 64), 4
WORLD = {"identities": 120, "seed": 0}
ITERATIONS, BATCH, INSTANCES = 48, 16, 4
LEARNING_RATE, WEIGHT_DECAY = 2e-3, 5e-4
SEEDS = (0, 1, 2)
PLAIN = {"use_rfg": False, "use_grm": False, "use_sfm": False}
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "gcm_baseline": ("gcm_baseline", {}),
    "gcm": ("gcm", {}),
    "psta": ("psta", {}),
    "mra": ("mra", {}),
    "mra without RFG": ("mra", {"use_rfg": False}),
    "mra without GRM": ("mra", {"use_grm": False}),
    "mra without SFM": ("mra", {"use_sfm": False}),
    "mra without all three": ("mra", PLAIN),
}
RESULTS = Path(__file__).parent / "results" / "mra_ablation.jsonl"


def build(name: str, num_classes: int) -> ReIDModel:
    registered, options = MODELS[name]
    height, width = SIZE
    return build_model(
        registered, num_classes=num_classes, backbone=BACKBONE, height=height, width=width, **options
    )


def train(model: ReIDModel, tracklets: Any, *, seed: int) -> float:
    """Train for a fixed number of batches; return the mean loss of the last ten."""
    transform = build_transform("basic", SIZE, train=True)
    loader = train_loader(
        tracklets,
        batch_size=BATCH,
        num_frames=NUM_FRAMES,
        instances=INSTANCES,
        transform=transform,
        seed=seed,
    )
    criterion = TripletCriterion(margin=0.3, distance="cosine")
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, ITERATIONS, pct_start=0.15)
    model.train()
    losses: list[float] = []
    epoch = 0
    while len(losses) < ITERATIONS:
        loader.set_epoch(epoch)
        for clip in loader:
            loss = step(model, criterion, clip)["loss"]
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
            if len(losses) == ITERATIONS:
                break
        epoch += 1
    return statistics.mean(losses[-10:])


def run(name: str, seed: int, work: Path) -> dict[str, Any]:
    """Train one network from random weights and score it."""
    splits = synthetic(work, **WORLD)
    seed_everything(seed)
    model = build(name, splits.num_train_pids)
    loss = train(model, splits.train, seed=seed)
    transform = build_transform("basic", SIZE, train=False)
    loaders = [
        eval_loader(split, batch_size=32, num_frames=NUM_FRAMES, transform=transform)
        for split in (splits.query, splits.gallery)
    ]
    ranking = evaluate(model, *loaders, protocol=splits.protocol, dataset=splits.name, progress=False)
    return {
        "model": name,
        "seed": seed,
        "mAP": ranking.mean_average_precision,
        "rank1": ranking.rank(1),
        "loss": loss,
        "iterations": ITERATIONS,
        "protocol": ranking.protocol_line,
    }


def cost(name: str) -> tuple[float, float]:
    """Return millions of parameters and billions of multiply-adds per clip."""
    model = build(name, 72)
    return count_parameters(model) / 1e6, flops_per_clip(model, frames=NUM_FRAMES) / 2e9


def spread(values: list[float]) -> str:
    deviation = f" ± {100 * statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{100 * statistics.mean(values):.1f}{deviation}"


def table(results: list[dict[str, Any]]) -> str:
    lines = [
        "| network | mAP | Rank-1 | seeds | parameters (M) | multiply-adds per clip (G) |",
        "|---|---|---|---|---|---|",
    ]
    for name in MODELS:
        rows = [row for row in results if row["model"] == name]
        if rows:
            scores = " | ".join(spread([row[key] for row in rows]) for key in ("mAP", "rank1"))
            lines.append("| {} | {} | {} | {:.2f} | {:.2f} |".format(name, scores, len(rows), *cost(name)))
    protocols = sorted({row["protocol"] for row in results})
    setting = (
        f"{BACKBONE}, {SIZE[0]} x {SIZE[1]}, T = {NUM_FRAMES}, {ITERATIONS} batches of {BATCH} clips from random "
        "weights; mean ± standard deviation over the seeds."
    )
    return "\n".join([setting, "", *lines, "", *protocols, ""])


def load_results() -> list[dict[str, Any]]:
    """Return the recorded runs of the present length."""
    rows = [json.loads(line) for line in RESULTS.read_text().splitlines()] if RESULTS.exists() else []
    return [row for row in rows if row["iterations"] == ITERATIONS]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", help="model:seed")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "videoreid_mra_ablation")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.work.mkdir(parents=True, exist_ok=True)
    runs = [(name, seed) for seed in SEEDS for name in MODELS]
    if args.only:
        name, _, seed = args.only.rpartition(":")
        runs = [(name, int(seed))]
    done = {(row["model"], row["seed"]) for row in load_results()}
    for name, seed in [] if args.table else runs:
        if (name, seed) not in done:
            result = run(name, seed, args.work)
            print(result, flush=True)
            RESULTS.parent.mkdir(exist_ok=True)
            with RESULTS.open("a") as file:
                file.write(json.dumps(result) + "\n")
    if not args.only:
        text = table(load_results())
        atomic_write_text(RESULTS.with_suffix(".md"), text)
        print(text)


if __name__ == "__main__":
    main()
