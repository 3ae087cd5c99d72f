"""Every recipe for a few steps on the synthetic world: that it trains as published, what it costs, how its loss begins.

    python benchmarks/recipe_steps.py                               all, 64x32, batches of 8, 20 steps
    python benchmarks/recipe_steps.py --size published --only vpreid_gcm psta
    python benchmarks/recipe_steps.py --only frontier               the scripts of the newer networks in examples/
    python benchmarks/recipe_steps.py --table                       the table of what is recorded

A name of ``--only`` is a recipe, a script of `SCRIPTS`, or the beginning of such a name ("vpreid", "ilids");
"records" stands for all of `videoreid.recipes`, "frontier" for all scripts. Each has a process of its own and leaves
one JSON line; one that has its line of the same steps, size and batch is not repeated, one that failed is. The world
is written in the layout of the dataset that the recipe is published on. Networks are the published ones at either
size. They start from random weights, since published starts are downloads; ``--pretrained`` takes those.
Seconds are those of the steps for recipes, and of the whole command (reading, steps, scoring) for scripts; the
processor seconds are those of the whole process at either, and mean something on a busy machine too.
"""

import argparse
import csv
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from videoreid.data.datasets.synthetic import write_market1501, write_mars
from videoreid.data.datasets.synthetic_sequences import (
    write_dukemtmcvidreid,
    write_ilidsvid,
    write_lsvid,
    write_prid2011,
)
from videoreid.recipes import (
    Recipe,
    build_engine,
    build_network,
    get_recipe,
    list_recipes,
    open_dataset,
    open_training,
)
from videoreid.utils import seed_everything

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results" / "recipe_steps.jsonl"
SMALL, SMALL_BATCH = (64, 32), 8
FIXED_SIZE = {"hacnn": (160, 64)}
WORLD = {"identities": 40, "seed": 0, "frames": 10}
WRITERS: dict[str, Callable[..., Path]] = {
    "mars": write_mars,
    "market1501": write_market1501,
    "dukemtmcvidreid": write_dukemtmcvidreid,
    "lsvid": write_lsvid,
    "prid2011": write_prid2011,
    "ilidsvid": write_ilidsvid,
}
NAMES = ("ap3d_resnet50", "sinet", "sbnet", "idnet", "sanet", "tclnet", "bicnet_tks")
SCRIPTS: dict[str, tuple[str, str, int, int]] = {
    "transreid": ("train_transreid.py", "market1501", 64, 1),
    "clipreid": ("train_clipreid.py", "market1501", 64, 1),
    "tfclip": ("train_tfclip.py", "mars", 16, 8),
    **{
        name: (
            f"train_clip_resnet.py --model {name}",
            "mars",
            *((64, 8) if name == "bicnet_tks" else (32, 4)),
        )
        for name in NAMES
    },
}
"""By name: the script and its options, the dataset, clips of its published batch, frames of a clip."""


def dataset_of(name: str) -> str:
    """Return the first dataset of a recipe that the synthetic world can be written as."""
    if name in SCRIPTS:
        return SCRIPTS[name][1]
    return next(dataset for dataset in (*get_recipe(name).datasets, "mars") if dataset in WRITERS)


def world_of(name: str, args: argparse.Namespace) -> Path:
    """Return the folder of the world in the layout of a recipe's dataset, written on first use."""
    folder = args.work / dataset_of(name)
    if not folder.exists():
        WRITERS[dataset_of(name)](folder, **WORLD)
    return folder


def sized(recipe: Recipe, args: argparse.Namespace) -> Recipe:
    """Return a recipe with the batch, the size and the start of this run."""
    batch = args.batch or (recipe.batch_size if args.size == "published" else SMALL_BATCH)
    height, width = (recipe.height, recipe.width) if args.size == "published" else SMALL
    height, width = FIXED_SIZE.get(recipe.model, (height, width))
    return replace(
        recipe,
        batch_size=batch,
        instances=min(recipe.instances, max(1, batch // 2)),
        height=height,
        width=width,
        pretrained=recipe.pretrained if args.pretrained else False,
    )


def run_record(name: str, args: argparse.Namespace) -> dict[str, Any]:
    """Train a recipe of `videoreid.recipes`; return its losses and seconds."""
    recipe = sized(get_recipe(name).on(dataset_of(name)), args)
    splits = open_dataset(recipe, dataset_of(name), world_of(name, args))
    seed_everything(recipe.seed)
    model = build_network(recipe, splits.num_train_pids)
    engine = build_engine(recipe, model, splits.num_train_pids, precision=args.precision, device=args.device)
    loader = open_training(recipe, splits.train, workers=args.workers)
    losses: list[float] = []
    began = time.perf_counter()
    engine.fit(
        loader,
        args.steps,
        max_steps=args.steps,
        callbacks=[lambda event: losses.append(event.values["loss"]) if event.kind == "step" else None],
        progress=False,
    )
    return {"losses": losses, "seconds": time.perf_counter() - began}


def run_script(name: str, args: argparse.Namespace) -> dict[str, Any]:
    """Run a script of ``examples/``; return the losses of its log and the seconds of the whole command."""
    script, dataset, _, _ = SCRIPTS[name]
    shape = plan(name, args)
    with tempfile.TemporaryDirectory(dir=args.work) as output:
        options = {
            "dataset": dataset,
            "root": world_of(name, args),
            "output": output,
            "max-steps": args.steps,
            "log-steps": 1,
            "workers": args.workers,
            "pretrained": int(args.pretrained),
            "precision": args.precision,
            "batch-size": shape["batch"],
            "instances": min(4, max(1, shape["batch"] // 2)),
            "height": shape["height"],
            "width": shape["width"],
            "validate-every": 10**6,
        }
        command = [sys.executable, *script.split(), *(f"--{key}={value}" for key, value in options.items())]
        began = time.perf_counter()
        subprocess.run(command, cwd=ROOT / "examples", check=True, stdout=sys.stderr)
        seconds = time.perf_counter() - began
        with (Path(output) / "log.csv").open(encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if (row["kind"], row["name"]) == ("step", "loss")]
    return {"losses": [float(row["value"]) for row in rows], "seconds": seconds}


def plan(name: str, args: argparse.Namespace) -> dict[str, Any]:
    """Return what tells this run from others of the same recipe."""
    if name in SCRIPTS:
        batch, frames = SCRIPTS[name][2:]
        batch = args.batch or (batch if args.size == "published" else SMALL_BATCH)
        height, width = (256, 128) if args.size == "published" else SMALL
    else:
        recipe = sized(get_recipe(name).on(dataset_of(name)), args)
        batch, frames, height, width = recipe.batch_size, recipe.num_frames, recipe.height, recipe.width
    return {
        "recipe": name,
        "steps": args.steps,
        "size": args.size,
        "height": height,
        "width": width,
        "batch": batch,
        "frames": frames,
        "start": "published" if args.pretrained else "random",
        "precision": args.precision,
    }


def run(name: str, args: argparse.Namespace) -> dict[str, Any]:
    """Train one recipe in this process and return its line."""
    done = (run_script if name in SCRIPTS else run_record)(name, args)
    losses = done["losses"]
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {
        **plan(name, args),
        "dataset": dataset_of(name),
        "updates": len(losses),
        "loss_first": losses[0],
        "loss_last": losses[-1],
        "losses": [round(loss, 4) for loss in losses],
        "seconds": round(done["seconds"], 1),
        "seconds_of": "command" if name in SCRIPTS else "steps",
        "cpu_seconds_of_all": round(sum(one.ru_utime + one.ru_stime for one in used), 1),
        "peak_mib": max(one.ru_maxrss for one in used) // 1024,
        "threads": torch.get_num_threads(),
        "device": args.device or "cpu",
        "torch": torch.__version__,
    }


def run_apart(name: str, args: argparse.Namespace) -> dict[str, Any]:
    """Run one recipe in a process of its own; a failure is a line with its last words."""
    command = [sys.executable, __file__, "--run", name, f"--steps={args.steps}", f"--size={args.size}"]
    command += [f"--work={args.work}", f"--workers={args.workers}", f"--precision={args.precision}"]
    command += [f"--batch={args.batch}"] * bool(args.batch) + ["--pretrained"] * args.pretrained
    command += [f"--device={args.device}"] * bool(args.device)
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return {**plan(name, args), "error": "".join(done.stderr.splitlines()[-1:]) or str(done.returncode)}
    return dict(json.loads(done.stdout.splitlines()[-1]))


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the recorded lines, oldest first."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def is_done(name: str, args: argparse.Namespace) -> bool:
    wanted = plan(name, args).items()
    return any(wanted <= line.items() and "error" not in line for line in read_lines(args.results))


def table(lines: list[dict[str, Any]]) -> str:
    """Return the newest line of every run as a Markdown table."""
    keys = ("recipe", "steps", "size", "batch", "start", "precision")
    newest = {tuple(line[key] for key in keys): line for line in lines}
    rows = [
        "| recipe | dataset | clips x frames x size | precision | updates | loss, first to last | seconds | processor "
        "| memory |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for line in sorted(newest.values(), key=lambda line: (line["size"], line["recipe"])):
        shape = f"{line['batch']} x {line['frames']} x {line['height']}x{line['width']}"
        if "error" in line:
            rows.append(
                f"| `{line['recipe']}` | - | {shape} | - | failed: {line['error'][:80]} | - | - | - | - |"
            )
            continue
        cells = [f"`{line['recipe']}`", line["dataset"], shape, line["precision"], str(line["updates"])]
        cells += [f"{line['loss_first']:.2f} to {line['loss_last']:.2f}"]
        cells += [f"{line['seconds']:.0f} ({line['seconds_of']})", f"{line['cpu_seconds_of_all']:.0f}"]
        cells += [f"{line['peak_mib'] / 1024:.1f} GiB"]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def chosen(only: list[str]) -> list[str]:
    """Return the names that words of ``--only`` stand for, all where there are none."""
    known = [*list_recipes(), *SCRIPTS]
    groups = {"records": list_recipes(), "frontier": list(SCRIPTS)}
    names: list[str] = []
    for word in only or ["records", "frontier"]:
        found = groups.get(word) or [name for name in known if name == word or name.startswith(f"{word}_")]
        if not found:
            raise SystemExit(f"no recipe begins with {word!r}; known: {', '.join(known)}")
        names += found
    return list(dict.fromkeys(names))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", default=[], help="names, beginnings of names, records, frontier")
    parser.add_argument("--size", choices=("small", "published"), default="small")
    parser.add_argument(
        "--batch", type=int, help=f"clips; without it the published one, {SMALL_BATCH} if small"
    )
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument(
        "--pretrained", action="store_true", help="start from the published weights (a download)"
    )
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--device")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "videoreid_recipe_steps")
    parser.add_argument(
        "--table", action="store_true", help="print the table of what is recorded, run nothing"
    )
    parser.add_argument("--run", help="one recipe in this process; prints its JSON line")
    args = parser.parse_args()
    args.work = args.work.resolve()  # scripts run in their own folder
    args.work.mkdir(parents=True, exist_ok=True)
    if args.run:
        print(json.dumps(run(args.run, args)))
        return
    for name in [] if args.table else chosen(args.only):
        if is_done(name, args):
            continue
        world_of(name, args)
        line = run_apart(name, args)
        with args.results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        print(json.dumps({key: value for key, value in line.items() if key != "losses"}), flush=True)
    print(table(read_lines(args.results)))


if __name__ == "__main__":
    main()
