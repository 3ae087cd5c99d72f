"""Train CE2P, a parser of body parts.

Hyper-parameters: see `videoreid.parsing.RECIPES`. "ce2p": SGD 1e-3, momentum 0.9, weight decay 5e-4, rate falling with
    power 0.9, 384x384, batch 96, 47,700 updates. "study_384x128" and "study_473x473": batch 20, 230,000 updates, no
    mirror. "repaired": mirror with swapped sides, 384x192, moving average. "two_cores": a small network on the embedded
    world, AdamW 2e-3, batch 16, 128x64.
Command: python examples/train_ce2p.py --root /data --recipe repaired --pretrained TRUNK.pth
    python examples/train_ce2p.py --world /tmp/lip --model ce2p_resnet18_half --recipe two_cores
Published: LIP val, mean IU 53.1 (paper), 53.88 (released model), single scale, no mirror.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from videoreid.data.datasets import ParsingSplits, build_parsing_dataset
from videoreid.data.datasets.synthetic import write_lip
from videoreid.engine import Engine, TrainSettings
from videoreid.models import build_model, load_weights, save_pretrained
from videoreid.models.ce2p import CE2P
from videoreid.parsing import (
    LABEL_TABLES,
    RECIPES,
    NetworkParser,
    ParsingCriterion,
    count_pixels,
    parsing_loader,
    parsing_protocol_line,
)
from videoreid.utils import atomic_write_text, seed_everything


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    data = parser.add_mutually_exclusive_group(required=True)
    data.add_argument("--root", type=Path, help="folder of LIP, or its parent")
    data.add_argument(
        "--world",
        type=Path,
        help="folder of a synthetic dataset in the layout of LIP; created if it is missing",
    )
    parser.add_argument("--identities", type=int, default=250, help="people of a new synthetic dataset")
    parser.add_argument(
        "--images", type=int, default=4, help="pictures per tracklet of a new synthetic dataset"
    )
    parser.add_argument("--model", default="ce2p_resnet101")
    parser.add_argument("--table", default="lip20", choices=sorted(LABEL_TABLES))
    parser.add_argument("--recipe", default="repaired", choices=sorted(RECIPES))
    parser.add_argument("--steps", type=int, help="updates, instead of the recipe's")
    parser.add_argument("--pretrained", type=Path, help="ImageNet trunk, or a parser, to start from")
    parser.add_argument(
        "--multi-scale", action="store_true", help="also score with several scales and the mirror image"
    )
    parser.add_argument("--precision", default="float32", choices=["float32", "bfloat16", "float16"])
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--resume", action="store_true", help="continue from the newest checkpoint in --output"
    )
    parser.add_argument("--output", type=Path, default=Path("runs/ce2p"))
    return parser.parse_args()


def open_data(args: argparse.Namespace) -> ParsingSplits:
    if args.world is None:
        return build_parsing_dataset("lip", args.root)
    if not (args.world / "train_id.txt").is_file():
        write_lip(args.world, identities=args.identities, seed=args.seed, images=args.images)
    return build_parsing_dataset("lip", args.world)


def score(model: CE2P, splits: ParsingSplits, args: argparse.Namespace, **options: Any) -> dict[str, dict]:
    """Score on the validation pictures, in the training classes and in the seven classes of the study."""
    table, transform = LABEL_TABLES[args.table], RECIPES[args.recipe].transform
    parser = NetworkParser(model=model, table=table, size=transform.size, fit=transform.fit, **options)
    counted = {table: count_pixels(parser, splits.val)}
    if args.table == "lip20":
        counted[LABEL_TABLES["seed7"]] = counted[table].regroup(LABEL_TABLES["seed7"])
    rows = {}
    for read_by, confusion in counted.items():
        line = parsing_protocol_line(parser, len(splits.val), read_by, f"{splits.name} val")
        rows[read_by.name] = confusion.scores(line).to_dict()
        counts = confusion.matrix.sum(1)
        rows[read_by.name]["majority_mean_iou"] = float(counts.max() / counts.sum() / len(counts))
    return rows


if __name__ == "__main__":
    began = time.perf_counter()
    args = parse_arguments()
    splits = open_data(args)
    recipe = RECIPES[args.recipe]
    if args.steps:
        recipe = replace(recipe, steps=args.steps)
    table = LABEL_TABLES[args.table]
    seed_everything(args.seed)
    model = build_model(args.model, num_classes=table.num_classes, input_size=recipe.transform.size)
    assert isinstance(model, CE2P)
    if args.pretrained:
        load_weights(model, args.pretrained)
    loader = parsing_loader(
        splits.train,
        table=table,
        transform=recipe.transform,
        batch_size=recipe.batch_size,
        workers=args.workers,
        seed=args.seed,
    )
    optimizer = recipe.build_optimizer(model)
    settings = TrainSettings(
        schedule="step", ema_decay=recipe.ema_decay, precision=args.precision, save_every=1000
    )
    engine = Engine(
        model, ParsingCriterion(), optimizer, recipe.build_scheduler(optimizer), settings=settings
    )
    engine.fit(
        loader,
        recipe.epochs(len(loader)),
        max_steps=recipe.steps,
        output_dir=args.output,
        resume="auto" if args.resume else None,
    )
    trained = engine.scored_model
    assert isinstance(trained, CE2P)
    results = {"single scale": score(trained, splits, args)}
    if args.multi_scale:
        options = {"scales": (0.75, 1.0, 1.25), "flip": True}
        results["scales 0.75 1 1.25, mirror"] = score(trained, splits, args, **options)
    save_pretrained(trained, args.output / "model")
    atomic_write_text(args.output / "scores.json", json.dumps(results, indent=1) + "\n")
    for name, rows in results.items():
        for row in rows.values():
            print(
                f"{name}: mean IU {row['mean_iou']:.4f} (majority class {row['majority_mean_iou']:.4f}), "
                f"pixel accuracy {row['pixel_accuracy']:.4f}\n    {row['protocol']}"
            )
    seconds = time.process_time()
    print(f"{seconds:.0f} s of processor time, {time.perf_counter() - began:.0f} s by the clock")
