"""``videoreid show dataset``: draw random tracklets of every camera."""

import argparse
from pathlib import Path

from videoreid.cli._dataset_options import add_dataset_arguments, parse_options
from videoreid.errors import ConfigError

__all__ = ["HELP", "add_arguments", "run"]

HELP = "draw random tracklets of every camera"

_PARTS = ("train", "query", "gallery")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    add_dataset_arguments(parser)
    parser.add_argument("--part", choices=_PARTS, default="train", help="part of the dataset (default train)")
    parser.add_argument("--per-camera", type=int, default=4, help="tracklets per camera (default 4)")
    parser.add_argument("--frames", type=int, default=6, help="frames per tracklet (default 6)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the choice (default 0)")
    parser.add_argument(
        "--output", type=Path, required=True, help="picture to write: .png, .jpg, .pdf or .svg"
    )


def run(args: argparse.Namespace) -> int:
    """Draw; return 0."""
    from videoreid.data import FrameReader
    from videoreid.data.datasets import build_dataset
    from videoreid.visual import StripStyle, draw_dataset

    splits = build_dataset(args.name, args.root, **parse_options(args.option))
    tracklets = getattr(splits, args.part)
    if not tracklets:
        raise ConfigError(f"{splits.name} has no {args.part} tracklets; choose another --part")
    draw_dataset(
        tracklets,
        args.output,
        read_frames=FrameReader().read,
        per_camera=args.per_camera,
        seed=args.seed,
        style=StripStyle(frames=args.frames),
        title=f"{splits.name}, {args.part}: random tracklets of every camera (seed {args.seed})",
    )
    print(f"wrote {args.output}: {args.per_camera} of {len(tracklets)} tracklets per camera")
    return 0
