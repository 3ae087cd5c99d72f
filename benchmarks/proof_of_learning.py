"""Measure what each method and its parts gain on the synthetic world, with one budget and three seeds.

    python benchmarks/proof_of_learning.py                        every run that has no result yet, then the tables
    python benchmarks/proof_of_learning.py --study tricks         one study: temporal_resnet, temporal_osnet,
                                                                  temporal_vit, tricks, components
    python benchmarks/proof_of_learning.py --picture docs/images/proof_of_learning.png
    python benchmarks/proof_of_learning.py --run tricks:bot:0     one run in this process
    python benchmarks/proof_of_learning.py --tables               the tables of the results so far

A run is one method and one seed. All runs of a seed start from the same trunk, trained on single frames of the people
of another world (in place of ImageNet weights), and see the same number of batches of the same number of frames; only
"one frame a clip" sees the batches of the clips with one frame of each. Scores are of people that were not trained on.
Results are one JSON line per run; finished runs are not repeated, so an interrupted command continues when it is run
again. Sized for two CPU cores: one thread per run, two runs at once.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import torch
from learning_methods import FRAMES_IN_BATCH, SIZE, STUDIES, TRUNKS, Method
from mra_ablation import spread
from torch import nn

from videoreid.data import ClipLoader, ClipTransform, build_transform, eval_loader, train_loader
from videoreid.data.datasets import build_dataset
from videoreid.data.transforms import HorizontalFlip, PadCrop, RandomErasing, Resize
from videoreid.engine import TrainSettings
from videoreid.errors import WeightsError
from videoreid.losses import SoftmaxCriterion
from videoreid.models import ReIDModel, build_model
from videoreid.optim import build_center_optimizer, build_lr_scheduler, build_optimizer
from videoreid.types import Splits
from videoreid.utils import atomic_write_text, seed_everything

RESULTS = Path(__file__).parent / "results" / "proof_of_learning.jsonl"
INSTANCES, TEST_FRAMES = 4, 4
WORLD, OTHER_WORLD = {"identities": 250, "seed": 0}, {"identities": 250, "seed": 1000}
STEPS, TRUNK_STEPS = 150, 450
LEARNING_RATE, WEIGHT_DECAY = 1e-3, 5e-4
SEEDS = (0, 1, 2)
Job = tuple[str, str, int]


def training_clips(splits: Splits, method: Method, seed: int) -> ClipLoader:
    """Return the batches of a method, all of the same number of frames."""
    steps_of_transform = [Resize(SIZE), HorizontalFlip(), PadCrop(6)]
    if method.erasing:
        steps_of_transform.append(RandomErasing())
    transform = (
        build_transform(method.preset, SIZE, train=True)
        if method.preset
        else ClipTransform(steps_of_transform)
    )
    return train_loader(
        splits.train,
        batch_size=method.clips or FRAMES_IN_BATCH // method.frames,
        num_frames=method.frames,
        instances=INSTANCES,
        sampling="random" if method.frames == 1 else "random_crop",
        transform=transform,
        seed=seed,
    )


def fit(model: nn.Module, splits: Splits, method: Method, *, steps: int, rate: float, seed: int) -> float:
    """Train for a fixed number of batches; return the mean loss of the last ten."""
    loader = training_clips(splits, method, seed)
    criterion = method.criterion(model, splits.num_train_pids)
    optimizer = build_optimizer(model, "adamw", rate, weight_decay=WEIGHT_DECAY)
    warm_up = {"warmup": "linear", "warmup_epochs": max(1, steps // 8)} if method.warm_up else {}
    schedule = build_lr_scheduler(optimizer, "cosine", max_epoch=steps, **warm_up)
    learnt = list(criterion.parameters())
    optimizers = [optimizer, build_center_optimizer(learnt)] if learnt else [optimizer]
    losses: deque[float] = deque(maxlen=10)
    engine = method.engine(
        model,
        criterion,
        optimizers,
        schedule,
        settings=TrainSettings(precision="float32", schedule="step", clip_norm=5.0),
        device="cpu",
    )
    engine.fit(
        loader,
        -(-steps // len(loader)),
        max_steps=steps,
        callbacks=[lambda event: losses.append(event.values["loss"]) if event.kind == "step" else None],
        progress=False,
    )
    return statistics.mean(losses)


def trunk_path(name: str, seed: int, args: argparse.Namespace) -> Path:
    """Return where the weights lie that all runs of a seed start from."""
    return args.work / f"{name}_{args.trunk_steps}_{args.world['identities']}_{seed}.pt"


def train_trunk(name: str, seed: int, args: argparse.Namespace) -> None:
    """Train the weights that all runs of a seed start from, if they are missing."""
    path = trunk_path(name, seed, args)
    if not path.exists():
        splits = build_dataset("synthetic", args.work, **args.other_world)
        seed_everything(seed)
        trunk = TRUNKS[name]
        model = build_model(trunk.network, splits.num_train_pids, **trunk.options)
        method = Method(trunk.network, frames=1, criterion=lambda model, classes: SoftmaxCriterion())
        fit(model, splits, method, steps=args.trunk_steps, rate=trunk.learning_rate, seed=seed)
        torch.save(model.state_dict(), path.with_suffix(".part"))
        path.with_suffix(".part").rename(path)


def start_from(model: ReIDModel, path: Path) -> None:
    """Fill what a network shares with the trunk; anything else than the classifier must have found its place."""
    state, own = torch.load(path, weights_only=True), model.state_dict()
    state = {name: value for name, value in state.items() if not name.startswith(("classifier", "temporal"))}
    state = model.translate_state_dict(state)
    misplaced = [name for name in state if name not in own or own[name].shape != state[name].shape]
    if misplaced:
        raise WeightsError(f"the trunk does not fit {type(model).__name__}: {misplaced[:5]}")
    model.load_state_dict(state, strict=False)


def run(study: str, name: str, seed: int, args: argparse.Namespace) -> dict[str, Any]:
    """Train one method from one seed and score it on people it has not seen."""
    method = STUDIES[study][name]
    splits = build_dataset("synthetic", args.work, **args.world)
    seed_everything(seed)
    model = build_model(method.network, splits.num_train_pids, **method.options)
    start_from(model, trunk_path(method.trunk, seed, args))
    began = time.perf_counter()
    loss = fit(model, splits, method, steps=args.steps, rate=LEARNING_RATE, seed=seed)
    seconds = time.perf_counter() - began
    ranking = score(model, splits)
    scores = {"mAP": ranking.mean_average_precision, "rank1": ranking.rank(1)}
    known = {"study": study, "method": name, "seed": seed, **scores, "loss": loss, **setting(args)}
    return {**known, "seconds": round(seconds), "protocol": ranking.protocol_line}


def setting(args: argparse.Namespace) -> dict[str, int]:
    """Return what must be equal for runs to stand in one table."""
    return {"steps": args.steps, "trunk_steps": args.trunk_steps, "identities": args.world["identities"]}


def score(model: nn.Module, splits: Splits) -> Any:
    from videoreid.engine import evaluate

    transform = ClipTransform([Resize(SIZE)])
    query, gallery = (
        eval_loader(part, batch_size=32, num_frames=TEST_FRAMES, transform=transform)
        for part in (splits.query, splits.gallery)
    )
    return evaluate(model, query, gallery, protocol=splits.protocol, dataset=splits.name, progress=False)


def read_results(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the finished runs of the present setting."""
    path, wanted = args.results, setting(args).items()
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [row for row in rows if wanted <= row.items()]


def run_all(wanted: list[Job], args: argparse.Namespace) -> None:
    """Run what is missing, several processes at once, and keep each result as it comes."""
    for world in (args.world, args.other_world):
        build_dataset("synthetic", args.work, **world)
    done = {(row["study"], row["method"], row["seed"]) for row in read_results(args)}
    wanted = [job for job in wanted if job not in done]
    trunks = {(seed, STUDIES[study][name].trunk) for study, name, seed in wanted}
    with ThreadPoolExecutor(args.jobs) as pool:
        list(
            pool.map(partial(run_apart, args=args), [("trunk", name, seed) for seed, name in sorted(trunks)])
        )
        for line in pool.map(partial(run_apart, args=args), wanted):
            print(line, flush=True)
            args.results.parent.mkdir(exist_ok=True)
            with args.results.open("a") as file:
                file.write(line + "\n")


def run_apart(job: Job, args: argparse.Namespace) -> str:
    """Run a job in a process of one thread and return the last line that it prints."""
    passed_on = [f"--steps={args.steps}", f"--trunk-steps={args.trunk_steps}", f"--work={args.work}"]
    passed_on += [f"--identities={args.world['identities']}", "--run", ":".join(map(str, job))]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, *passed_on]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment, check=True)
    return "".join(done.stdout.splitlines()[-1:])


def tables(rows: list[dict[str, Any]]) -> str:
    """Return a table for every study, with the gain over the baseline above, seed by seed."""
    parts = []
    for study, methods in STUDIES.items():
        found = {
            name: [row for row in rows if (row["study"], row["method"]) == (study, name)] for name in methods
        }
        found = {
            name: sorted(chosen, key=lambda row: row["seed"]) for name, chosen in found.items() if chosen
        }
        if not found:
            continue
        lines = [
            f"## {study}",
            "",
            "| method | mAP | Rank-1 | mAP over its baseline, by seed |",
            "|---|---|---|---|",
        ]
        base: dict[int, float] = {}
        for name, chosen in found.items():
            if methods[name].baseline or not base:
                base = {row["seed"]: row["mAP"] for row in chosen}
            gains = ", ".join(
                f"{100 * (row['mAP'] - base[row['seed']]):+.1f}" for row in chosen if row["seed"] in base
            )
            scores = (spread([row[key] for row in chosen]) for key in ("mAP", "rank1"))
            lines.append(f"| {name} | {' | '.join(scores)} | {gains} |")
        parts.append("\n".join(lines))
    protocols = sorted({row["protocol"] for row in rows})
    return "\n\n".join([*parts, *protocols]) + "\n"


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw the mAP of every seed as a dot and their mean as a line, a panel a study."""
    from matplotlib.figure import Figure

    studies = {
        study: [name for name in methods if any((r["study"], r["method"]) == (study, name) for r in rows)]
        for study, methods in STUDIES.items()
    }
    studies = {study: names for study, names in studies.items() if names}
    figure = Figure(figsize=(11, 1.2 + 0.3 * sum(map(len, studies.values()))), layout="constrained")
    axes = figure.subplots(
        len(studies), sharex=True, squeeze=False, height_ratios=[len(names) for names in studies.values()]
    )
    for axis, (study, names) in zip(axes[:, 0], studies.items(), strict=True):
        for place, name in enumerate(names):
            scores = [100 * r["mAP"] for r in rows if (r["study"], r["method"]) == (study, name)]
            axis.plot(scores, [place] * len(scores), "o", color="tab:blue", alpha=0.6, markersize=6)
            axis.plot([statistics.mean(scores)] * 2, [place - 0.3, place + 0.3], color="black", linewidth=2)
        axis.set_yticks(range(len(names)), names)
        axis.invert_yaxis()
        axis.set_title(study, loc="left", fontsize="medium", fontweight="bold")
        axis.grid(axis="x", alpha=0.3)
    axes[-1, 0].set_xlabel("mAP (%): a dot a seed, the line their mean")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--study", choices=tuple(STUDIES), action="append")
    parser.add_argument("--run", help="study:method:seed, in this process; prints its JSON line")
    parser.add_argument("--tables", action="store_true")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="runs at once, one thread each")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--trunk-steps", type=int, default=TRUNK_STEPS)
    parser.add_argument("--identities", type=int, default=WORLD["identities"])
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--picture", type=Path, help="picture to write (default: next to the results)")
    parser.add_argument(
        "--work", type=Path, default=Path(tempfile.gettempdir()) / "videoreid_proof_of_learning"
    )
    args = parser.parse_args()
    args.world, args.other_world = (
        {**world, "identities": args.identities} for world in (WORLD, OTHER_WORLD)
    )
    args.work.mkdir(parents=True, exist_ok=True)
    if args.run:
        study, name, seed = args.run.split(":")
        torch.set_num_threads(1)
        if study == "trunk":
            train_trunk(name, int(seed), args)
            return
        print(json.dumps(run(study, name, int(seed), args)))
        return
    studies = args.study or list(STUDIES)
    if not args.tables:
        run_all(
            [(study, name, seed) for seed in args.seeds for study in studies for name in STUDIES[study]], args
        )
    rows = read_results(args)
    text = tables(rows)
    atomic_write_text(args.results.with_suffix(".md"), text)
    draw(rows, args.picture or args.results.with_suffix(".png"))
    print(text)


if __name__ == "__main__":
    main()
