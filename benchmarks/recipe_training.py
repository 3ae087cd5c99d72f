"""Does every recipe learn? One short training of each, by its command, on the synthetic world in the right layout.

Each recipe trains by ``videoreid train RECIPE`` from random weights, at a small size, on the people of the training
split, and is scored on others. The record holds mAP and Rank-1 of the same network before the first step, after the
last one, and the mAP of random features ("chance"), all under the protocol of the recipe. Networks, losses, samplers,
augmentation, rates and test rules are those of the recipe; size, clip length, batch, epochs and the warm-up are not
(`settings_for`). The scores say nothing about the published datasets.

    python benchmarks/recipe_training.py --work /tmp/recipe_training
    python benchmarks/recipe_training.py --recipes vpreid_gcm psta --steps 200

The record is written after every recipe. The same command goes on with the recipes that are not in it. Results:
benchmarks/results/recipe_training.json.
"""

import argparse
import json
import math
import shutil
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from scipy.io import savemat

from videoreid.cli import main as videoreid
from videoreid.data.datasets.synthetic import write_market1501, write_mars
from videoreid.metrics import evaluate_features
from videoreid.recipes import (
    Recipe,
    build_network,
    extract_recipe,
    get_recipe,
    list_recipes,
    open_dataset,
    open_training,
    override,
    parse_settings,
    score_features,
)
from videoreid.types import Features, Splits
from videoreid.utils import atomic_write_text, seed_everything

RESULTS = Path(__file__).parent / "results" / "recipe_training.json"
CHANCE_DRAWS = 20
FIXED_TRUNKS = ("osnet_x1_0", "resnet50mid", "hacnn", "pcb_p4", "resnet101", "resnet50_3d")
"""Networks without a smaller trunk."""


def dataset_for(recipe: Recipe) -> str:
    """Return the dataset of a recipe whose layout the synthetic world is written in."""
    if recipe.name.startswith("ilids_"):
        return "ilidsvid"
    return "market1501" if recipe.name.startswith("streid_") else "mars"


def settings_for(recipe: Recipe, epochs: int) -> list[str]:
    """Return what a short training changes, as ``--set`` takes it."""
    height, width = (160, 64) if recipe.model == "hacnn" else (64, 32)
    numbers: dict[str, Any] = {
        "pretrained": False, "height": height, "width": width, "test_batch_size": 16,
        "batch_size": 32 if recipe.num_frames == recipe.instances == 1 else 8,  # 32 frames in most
        "num_frames": min(recipe.num_frames, 4), "epochs": epochs, "milestones": [max(1, 3 * epochs // 4)],
        "warmup": "none",
    }  # fmt: skip
    if recipe.instances > 1:
        numbers["instances"] = 2
    if recipe.model not in FIXED_TRUNKS:
        numbers["model.backbone"] = "resnet18"
    return [f"{key}={value}" for key, value in numbers.items()]


def write_world(dataset: str, folder: Path, *, identities: int, seed: int) -> Path:
    """Write the synthetic world in the layout of a dataset, once; return its folder."""
    root = folder / f"{dataset}-i{identities}-s{seed}"
    if root.exists():
        return root
    if dataset == "market1501":
        return write_market1501(root, identities=identities, images=4, seed=seed)
    if dataset == "mars":
        return write_mars(root, identities=identities, frames=4, seed=seed)
    partial, world = (root.with_name(f"{root.name}.{part}") for part in ("partial", "world"))
    for left in (partial, world):
        shutil.rmtree(left, ignore_errors=True)
    write_mars(world, identities=identities, frames=4, seed=seed, cameras=2)
    lay_out_ilidsvid(world, partial, seed=seed)
    shutil.rmtree(world)
    return partial.rename(root)


def lay_out_ilidsvid(world: Path, root: Path, *, seed: int) -> None:
    """Write one walk through each of two cameras of everybody who passes both, as iLIDS-VID has them.

    Args:
        world: in the layout of MARS.
        root: folder to make.
        seed: of the ten splits.
    """
    people = sorted(path for part in ("bbox_train", "bbox_test") for path in (world / part).glob("[0-9]*"))
    count = 0
    for person in people:
        walks: dict[str, list[Path]] = {}
        for frame in sorted(person.glob("*.jpg")):
            walks.setdefault(frame.name.partition("F")[0], []).append(frame)
        # names are person, camera and walk, such as 0001C2T0003
        chosen = [
            next((walk for name, walk in walks.items() if f"C{camera}T" in name), []) for camera in (1, 2)
        ]
        if not all(chosen) or person.name == "0000":
            continue
        count += 1
        for camera, frames in enumerate(chosen, start=1):
            folder = root / "i-LIDS-VID" / "sequences" / f"cam{camera}" / f"person{count:03d}"
            folder.mkdir(parents=True)
            for number, frame in enumerate(frames, start=1):
                picture = cv2.imread(str(frame))
                cv2.imwrite(str(folder / f"cam{camera}_person{count:03d}_{number:05d}.png"), picture)
    rng = np.random.default_rng(seed)
    splits = np.stack([rng.permutation(count) + 1 for _ in range(10)]).astype(np.float64)
    (root / "train-test people splits").mkdir(parents=True)
    savemat(root / "train-test people splits" / "train_test_splits_ilidsvid.mat", {"ls_set": splits})


def score_untrained(recipe: Recipe, splits: Splits) -> tuple[dict[str, float], float]:
    """Return mAP and Rank-1 of the network that the training starts from, and the mean mAP of random features."""
    seed_everything(recipe.seed)
    model = build_network(recipe, splits.num_train_pids)
    query, gallery = extract_recipe(recipe, model, splits)
    ranking = score_features(recipe, splits, query, gallery)["ori"]
    generator = torch.Generator().manual_seed(0)

    def at_random(features: Features) -> Features:
        values = torch.randn(len(features), 64, generator=generator)
        return Features(
            values, features.pids, features.camids, features.times, features.end_times, features.clothes
        )

    draws = [
        evaluate_features(at_random(query), at_random(gallery), protocol=splits.protocol)
        for _ in range(CHANCE_DRAWS)
    ]
    chance = statistics.mean(float(draw.mean_average_precision) for draw in draws)
    return {"mAP": float(ranking.mean_average_precision), "rank1": float(ranking.rank(1))}, chance


def train(name: str, args: argparse.Namespace) -> dict[str, Any]:
    """Train one recipe by its command and return its row of the record."""
    published = get_recipe(name)
    dataset = dataset_for(published)
    root = write_world(dataset, args.work, identities=args.identities, seed=args.seed)
    recipe = override(published.on(dataset), parse_settings(settings_for(published.on(dataset), 1)))
    splits = open_dataset(recipe, dataset, root)
    epochs = math.ceil(args.steps / len(open_training(recipe, splits.train)))
    settings = settings_for(published.on(dataset), epochs)
    before, chance = score_untrained(recipe, splits)
    scores, steps, seconds = run_command(name, (dataset, root), args.work / "runs" / name, settings)
    return {
        "dataset": dataset,
        "training_identities": splits.num_train_pids,
        "queries": len(splits.query),
        "steps": steps,
        "processor_seconds": round(seconds),
        "chance_mAP": round(100 * chance, 1),
        "before": {key: round(100 * value, 1) for key, value in before.items()},
        "after": {key: round(100 * scores[key], 1) for key in ("mAP", "rank1")},
        "protocol": scores["protocol"],
        "settings": settings,
    }


def run_command(
    name: str, data: tuple[str, Path], output: Path, settings: list[str]
) -> tuple[dict[str, Any], int, float]:
    """Run ``videoreid train``; return the scores, the number of steps and the processor seconds."""
    options = [word for pair in settings for word in ("--set", pair)]
    places = ["--dataset", data[0], "--root", str(data[1]), "--output", str(output)]
    once = ["--no-validation", "--workers", "0", "--device", "cpu", "--resume"]
    began = time.process_time()
    if videoreid(["train", name, *places, *options, *once]) != 0:
        raise SystemExit(f"videoreid train {name} failed")
    seconds = time.process_time() - began
    scores = json.loads((output / "evaluations" / "ori" / "metrics.json").read_text(encoding="utf-8"))
    steps = max(int(path.stem.partition("-")[2]) for path in output.glob("checkpoint-*.pt"))
    shutil.rmtree(output)
    return scores, steps, seconds


def to_markdown(rows: dict[str, dict[str, Any]]) -> str:
    """Return the record as a table."""
    lines = [
        "| recipe | layout | steps | mAP of chance | mAP before | mAP after | Rank-1 before | Rank-1 after |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, row in sorted(rows.items()):
        before, after = row["before"], row["after"]
        lines.append(
            f"| `{name}` | {row['dataset']} | {row['steps']} | {row['chance_mAP']} | {before['mAP']} | "
            f"{after['mAP']} | {before['rank1']} | {after['rank1']} |"
        )
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipes", nargs="+", help="default: all")
    parser.add_argument(
        "--work", type=Path, default=Path("recipe_training"), help="folder of worlds and runs"
    )
    parser.add_argument("--identities", type=int, default=20, help="people of the world")
    parser.add_argument("--steps", type=int, default=80, help="of each recipe; the last epoch is completed")
    parser.add_argument("--seed", type=int, default=0, help="of the world")
    parser.add_argument("--results", type=Path, default=RESULTS)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    names = args.recipes or list_recipes()
    budget = {"identities": args.identities, "steps": args.steps, "seed": args.seed}
    for name in names:
        record = json.loads(args.results.read_text(encoding="utf-8")) if args.results.exists() else {}
        if record.get("budget", budget) != budget:
            raise SystemExit(
                f"{args.results} holds runs of another budget, {record['budget']}: name another file"
            )
        rows = record.get("recipes", {})
        if name not in rows:
            rows[name] = train(name, args)
            record = {"budget": budget, "recipes": dict(sorted(rows.items()))}
            atomic_write_text(args.results, json.dumps(record, indent=1) + "\n")
        print(to_markdown({name: rows[name]}).splitlines()[-1], flush=True)


if __name__ == "__main__":
    main()
