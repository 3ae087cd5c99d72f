"""``videoreid show batch``: draw a training batch of augmented clips."""

import argparse
from pathlib import Path

from videoreid.cli._dataset_options import add_dataset_arguments, parse_options

__all__ = ["HELP", "add_arguments", "run"]

HELP = "draw a training batch: the sampled and augmented clips that the network gets"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    add_dataset_arguments(parser)
    parser.add_argument("--transform", default="basic", help="augmentation preset (default basic)")
    parser.add_argument("--sampling", default="random_crop", help="sampling rule (default random_crop)")
    parser.add_argument("--frames", type=int, default=4, help="frames per clip (default 4)")
    parser.add_argument("--size", type=int, nargs=2, metavar=("HEIGHT", "WIDTH"), help="size of a frame")
    parser.add_argument("--batch-size", type=int, default=8, help="clips per batch (default 8)")
    parser.add_argument("--instances", type=int, default=4, help="clips per person (default 4)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random draws (default 0)")
    parser.add_argument(
        "--output", type=Path, required=True, help="picture to write: .png, .jpg, .pdf or .svg"
    )


def run(args: argparse.Namespace) -> int:
    """Draw; return 0."""
    from videoreid.data import build_transform, train_loader
    from videoreid.data.datasets import build_dataset
    from videoreid.visual import draw_batch

    splits = build_dataset(args.name, args.root, **parse_options(args.option))
    size = tuple(args.size) if args.size else None
    loader = train_loader(
        splits.train,
        batch_size=args.batch_size,
        num_frames=args.frames,
        instances=args.instances,
        sampling=args.sampling,
        transform=build_transform(args.transform, size=size, train=True),
        seed=args.seed,
    )
    batch = next(iter(loader))
    settings = f"{args.transform}, {args.sampling}, seed {args.seed}"
    draw_batch(batch, args.output, title=f"{splits.name}: a training batch ({settings})")
    print(f"wrote {args.output}: {len(batch.frames)} clips of {args.frames} frames")
    return 0
