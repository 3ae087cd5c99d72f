"""Train the newer networks with one budget on the synthetic world; compare temporal models on people in uniforms.

    python benchmarks/frontier_learning.py                          every run without a result, then the page
    python benchmarks/frontier_learning.py --study time --seeds 0   one study: time, clips, memory, transformer, oracle
    python benchmarks/frontier_learning.py --run time:NAME:0        one run in this process ("oracle": the whole study)
    python benchmarks/frontier_learning.py --page                   only write the page of the recorded results

A run is one method and one seed. All runs of a seed and a backbone start from the same trunk, trained on single frames
of the people of another world, and train on the same number of batches of the same number of frames. The record has one
JSON line for each run; a run with its line is not repeated, so an interrupted command continues. One thread a run.
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
from functools import partial
from pathlib import Path
from typing import Any

import torch
from frontier_methods import STUDIES, TRUNKS, Method
from frontier_page import render
from frontier_rankings import LEVELS, level_rows, network_findings, open_test
from proof_of_learning import start_from
from torch import nn

from videoreid.data import ClipLoader, ClipTransform, eval_loader, train_loader
from videoreid.data.datasets import build_dataset
from videoreid.data.sampling.training import random_crop
from videoreid.data.transforms import HorizontalFlip, PadCrop, Resize
from videoreid.engine import Engine, TrainSettings, extract_features, rebuild_before_epochs
from videoreid.losses import ClusterMemory
from videoreid.metrics import evaluate_features
from videoreid.models import build_model
from videoreid.optim import build_lr_scheduler, build_optimizer
from videoreid.types import Features, Splits, Tracklet
from videoreid.utils import atomic_write_text, seed_everything

RESULTS = Path(__file__).parent / "results" / "frontier_learning.jsonl"
PAGE = Path(__file__).parents[1] / "docs" / "frontier_learning.md"
STEPS, TRUNK_STEPS, IDENTITIES = 120, 300, 250
LEARNING_RATE, WEIGHT_DECAY = 1e-3, 5e-4
SEEDS = (0, 1, 2)
ORDER = ("oracle", "time", "clips", "memory", "transformer")
Job = tuple[str, str, int]


def world(study: str, args: argparse.Namespace) -> Splits:
    """Open the world of a study; draw it first if it is missing."""
    preset = {"preset": "uniforms"} if study in ("time", "oracle") else {}
    return build_dataset("synthetic", args.work, identities=args.identities, seed=0, **preset)


def training_clips(splits: Splits, method: Method, seed: int) -> ClipLoader:
    """Return the batches of a method; clips are of consecutive frames."""
    return train_loader(
        splits.train,
        batch_size=method.batch_size,
        num_frames=method.frames,
        instances=method.instances,
        sampling="random" if method.frames == 1 else partial(random_crop, stride=1),
        transform=ClipTransform([Resize(method.size), HorizontalFlip(), PadCrop(4)]),
        seed=seed,
    )


def test_clips(part: tuple[Tracklet, ...], method: Method, frames: int) -> ClipLoader:
    """Return one clip a tracklet, of consecutive frames from its middle."""
    transform = ClipTransform([Resize(method.size)])
    return eval_loader(part, batch_size=32, num_frames=frames, sampling="center_crop", transform=transform)


def fit(model: nn.Module, splits: Splits, method: Method, *, steps: int, rate: float, seed: int) -> float:
    """Train for a fixed number of batches; return the mean loss of the last ten."""
    loader = training_clips(splits, method, seed)
    criterion = method.criterion(model, splits.num_train_pids)
    optimizer = build_optimizer(model, "adamw", rate, weight_decay=WEIGHT_DECAY)
    schedule = build_lr_scheduler(
        optimizer, "cosine", max_epoch=steps, warmup="linear", warmup_epochs=max(1, steps // 8)
    )
    settings = TrainSettings(precision="float32", schedule="step", clip_norm=5.0)
    engine = Engine(model, criterion, optimizer, schedule, settings=settings, device="cpu")
    for memory in criterion.modules():
        if isinstance(memory, ClusterMemory):  # filled once from the features of the trunk
            rebuild_before_epochs(
                engine, memory, test_clips(splits.train, method, method.frames), every=10**6
            )
    losses: deque[float] = deque(maxlen=10)
    engine.fit(
        loader,
        steps,
        max_steps=steps,
        callbacks=[lambda event: losses.append(event.values["loss"]) if event.kind == "step" else None],
        progress=False,
    )
    return statistics.mean(losses)


def trunk_path(name: str, seed: int, args: argparse.Namespace) -> Path:
    """Return the file of the weights that all runs of a seed and a backbone start from."""
    return args.work / f"{name}_{args.trunk_steps}_{args.identities}_{seed}.pt"


def make_trunk(name: str, seed: int, args: argparse.Namespace) -> Path:
    """Train the weights that all runs of a seed and a backbone start from, if they are missing; return their file."""
    path = trunk_path(name, seed, args)
    if not path.exists():
        splits = build_dataset("synthetic", args.work, identities=args.identities, seed=1000)
        seed_everything(seed)
        trunk = TRUNKS[name]
        model = build_model(trunk.network, splits.num_train_pids, **trunk.options)
        plain = STUDIES["memory"]["cross-entropy alone"]
        method = Method(trunk.network, {"backbone": name}, frames=1, criterion=plain.criterion)
        fit(model, splits, method, steps=args.trunk_steps, rate=trunk.learning_rate, seed=seed)
        torch.save(model.state_dict(), path.with_suffix(".part"))
        path.with_suffix(".part").rename(path)
    return path


def run(study: str, name: str, seed: int, args: argparse.Namespace) -> dict[str, Any]:
    """Train one method with one seed and score it on people who are not in its training set."""
    splits, known = world(study, args), {"study": study, "method": name, "seed": seed, **setting(args)}
    method = STUDIES[study][name]
    trunk = make_trunk(method.trunk, seed, args)
    seed_everything(seed)
    model = build_model(method.network, splits.num_train_pids, **method.options)
    start_from(model, trunk)
    began = time.perf_counter()
    loss = fit(model, splits, method, steps=args.steps, rate=LEARNING_RATE, seed=seed)
    seconds = time.perf_counter() - began
    parts = features_of(model, splits, method, method.test_frames)
    details = {"frames": f"{method.test_frames} center_crop"}
    ranking = evaluate_features(
        *parts, protocol=splits.protocol, distance="cosine", dataset=splits.name, details=details
    )
    found = {"mAP": ranking.mean_average_precision, "rank1": ranking.rank(1), "loss": loss}
    if study == "time":
        single = evaluate_features(
            *features_of(model, splits, method, 1), protocol=splits.protocol, distance="cosine"
        )
        found["one_frame"] = single.mean_average_precision
        test = open_test(splits, args.identities, args.work)
        found |= network_findings(parts, test, splits, seed)
    return {**known, **found, "seconds": round(seconds), "protocol": ranking.protocol_line}


def features_of(model: nn.Module, splits: Splits, method: Method, frames: int) -> tuple[Features, Features]:
    """Return the features of queries and gallery, one clip of ``frames`` frames for each tracklet."""
    query, gallery = (
        extract_features(model, test_clips(part, method, frames), progress=False)
        for part in (splits.query, splits.gallery)
    )
    return query, gallery


def setting(args: argparse.Namespace) -> dict[str, int]:
    """Return the settings that must be equal for runs of one table."""
    return {"steps": args.steps, "trunk_steps": args.trunk_steps, "identities": args.identities}


def wanted(args: argparse.Namespace) -> list[Job]:
    """Return the requested runs, one seed after the other."""
    methods = {**{study: list(names) for study, names in STUDIES.items()}, "oracle": list(LEVELS)}
    studies = [study for study in ORDER if study in (args.study or ORDER)]
    return [(study, name, seed) for seed in args.seeds for study in studies for name in methods[study]]


def read_results(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the recorded runs with the current settings."""
    path, own = args.results, setting(args).items()
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [row for row in rows if own <= row.items()]


def run_all(jobs: list[Job], args: argparse.Namespace) -> list[str]:
    """Run each missing job in a process, record each result when it ends, and return the failed ones."""
    done = {(row["study"], row["method"], row["seed"]) for row in read_results(args)}
    missing = [job for job in jobs if job not in done]
    names = list(
        dict.fromkeys("oracle" if job[0] == "oracle" else ":".join(map(str, job)) for job in missing)
    )
    passed_on = [f"--steps={args.steps}", f"--trunk-steps={args.trunk_steps}", f"--work={args.work}"]
    passed_on += [f"--identities={args.identities}", "--seeds", *map(str, args.seeds)]
    failed = []
    for name in names:
        command = [sys.executable, __file__, *passed_on, "--run", name]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        finished = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment)
        failed += [name] if finished.returncode else []
        lines = [line for line in finished.stdout.splitlines() if line.startswith("{")]
        print("\n".join(lines) or f"{name} failed", flush=True)
        args.results.parent.mkdir(exist_ok=True)
        with args.results.open("a") as file:
            file.write("".join(f"{line}\n" for line in lines))
        atomic_write_text(args.output, render(read_results(args)))
    return failed


def run_here(name: str, args: argparse.Namespace) -> None:
    """Run one job in this process and print its lines."""
    torch.set_num_threads(1)
    if name == "oracle":
        splits = world("oracle", args)
        for row in level_rows(open_test(splits, args.identities, args.work), splits, args.seeds):
            print(json.dumps({**row, **setting(args)}), flush=True)
        return
    study, method, seed = name.split(":")
    print(json.dumps(run(study, method, int(seed), args)))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--study", choices=ORDER, action="append")
    parser.add_argument("--run", help="study:method:seed, in this process; prints its JSON line")
    parser.add_argument(
        "--page", action="store_true", help="write the page of the results so far, run nothing"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--trunk-steps", type=int, default=TRUNK_STEPS)
    parser.add_argument("--identities", type=int, default=IDENTITIES)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--output", type=Path, default=PAGE, help="where the page goes")
    parser.add_argument(
        "--work", type=Path, default=Path(tempfile.gettempdir()) / "videoreid_frontier_learning"
    )
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    if args.run:
        run_here(args.run, args)
        return
    failed = [] if args.page else run_all(wanted(args), args)
    atomic_write_text(args.output, render(read_results(args)))
    if failed:
        raise SystemExit(f"failed; the next call tries them again: {', '.join(failed)}")


if __name__ == "__main__":
    main()
