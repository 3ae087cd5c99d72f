"""Shared code of the training scripts: command line, loaders, and a function that trains, resumes and scores."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from videoreid.data import ClipDataset, ClipLoader, PKSampler, build_transform, eval_loader
from videoreid.data.datasets import build_dataset
from videoreid.engine import CSVLogger, Engine, TrainSettings
from videoreid.types import Ranking, Splits, Tracklet
from videoreid.utils import seed_everything, setup_logging


def parse(description: str | None, **defaults: Any) -> argparse.Namespace:
    """Read the command line; keywords set defaults and add options of the script."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    common = {
        "dataset": "mars", "root": None, "output": Path("log"), "epochs": 1, "batch_size": 32, "instances": 4,
        "frames": 4, "height": 256, "width": 128, "workers": 4, "seed": 1, "backbone": "resnet50",
        "pretrained": 1, "max_steps": None, "validate_every": 10, "precision": "float32",
        "log_steps": 0,
    }  # fmt: skip
    for name, default in {**common, **defaults}.items():
        choices = default if isinstance(default, tuple) else None
        default = choices[0] if choices else default
        kind = Path if name in ("root", "output") else int if name == "max_steps" else type(default)
        parser.add_argument(f"--{name.replace('_', '-')}", default=default, type=kind, choices=choices)
    return parser.parse_args()


def open_dataset(args: argparse.Namespace, **options: Any) -> Splits:
    """Set up logging, seed the generators, and read the dataset."""
    setup_logging()
    seed_everything(args.seed)
    return build_dataset(args.dataset, args.root, **options)


def backbone_of(args: argparse.Namespace) -> dict[str, Any]:
    """Return the options for a smaller trunk, for trials on a small machine."""
    return {} if args.backbone == "resnet50" else {"backbone": args.backbone}


def size_of(args: argparse.Namespace, published: tuple[int, int]) -> dict[str, int]:
    """Return ``height`` and ``width`` for a network of fixed size, if they differ from the published size."""
    return {} if (args.height, args.width) == published else {"height": args.height, "width": args.width}


def train(
    args: argparse.Namespace,
    splits: Splits,
    model: nn.Module,
    criterion: nn.Module,
    optimizers: Optimizer | Sequence[Optimizer],
    scheduler: LRScheduler,
    *,
    reading: dict[str, Any],
    engine_class: type[Engine] = Engine,
) -> Ranking:
    """Train, and score every few epochs and at the end; the same command resumes.

    ``reading`` holds ``preset``, ``sampling``, ``test_sampling``, and optionally ``grouping`` and ``distance``.
    """
    loader = open_training(args, splits, reading)
    query, gallery = (open_test(args, part, reading) for part in (splits.query, splits.gallery))
    settings = TrainSettings(precision=args.precision, validate_every=args.validate_every)
    engine = engine_class(model, criterion, optimizers, scheduler, settings=settings)
    scoring = {
        "protocol": splits.protocol,
        "dataset": splits.name,
        "distance": reading.get("distance", "cosine"),
    }
    engine.fit(
        loader,
        args.epochs,
        validate=engine.validation(query, gallery, **scoring),
        output_dir=args.output,
        resume="auto",
        callbacks=[CSVLogger(args.output / "log.csv", steps=bool(args.log_steps))],
        max_steps=args.max_steps,
    )
    ranking = engine.evaluate(query, gallery, **scoring)
    print(f"mAP {ranking.mean_average_precision:.1%}  Rank-1 {ranking.rank(1):.1%}\n{ranking.protocol_line}")
    return ranking


def open_training(args: argparse.Namespace, splits: Splits, reading: dict[str, Any]) -> ClipLoader:
    """Return the loader of P x K batches."""
    dataset = ClipDataset(
        splits.train,
        num_frames=args.frames,
        sampling=reading["sampling"],
        transform=build_transform(reading["preset"], (args.height, args.width), train=True),
        seed=args.seed,
    )
    sampler = PKSampler(
        splits.train,
        batch_size=args.batch_size,
        instances=args.instances,
        grouping=reading.get("grouping", "permutation"),
        seed=args.seed,
    )
    return ClipLoader(dataset, batch_size=args.batch_size, sampler=sampler, workers=args.workers)


def open_test(args: argparse.Namespace, part: Sequence[Tracklet], reading: dict[str, Any]) -> ClipLoader:
    """Return the loader of the queries or of the gallery."""
    return eval_loader(
        part,
        batch_size=args.batch_size,
        num_frames=args.frames,
        sampling=reading["test_sampling"],
        transform=build_transform(reading["preset"], (args.height, args.width), train=False),
        workers=args.workers,
    )
