"""``videoreid show sampling``: draw the frames that sampling rules choose on a tracklet."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from videoreid.cli._dataset_options import add_dataset_arguments, parse_options
from videoreid.errors import ConfigError

if TYPE_CHECKING:
    from videoreid.types import Splits, Tracklet

__all__ = ["HELP", "add_arguments", "run"]

HELP = "draw the frames that sampling rules choose on one tracklet"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    add_dataset_arguments(parser)
    parser.add_argument(
        "--rule",
        action="append",
        dest="rules",
        metavar="RULE",
        help="sampling rule; may be repeated (default: evenly, random_crop, restricted, all_continuous)",
    )
    parser.add_argument(
        "--part", choices=("train", "query", "gallery"), default="train", help="default train"
    )
    parser.add_argument(
        "--row", type=int, default=0, help="row of the tracklet in that part, from 0 (default 0)"
    )
    parser.add_argument("--frames", type=int, default=4, help="frames per clip (default 4)")
    parser.add_argument(
        "--clips", type=int, default=3, help="largest number of clips drawn per rule (default 3)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of random rules (default 0)")
    parser.add_argument(
        "--output", type=Path, required=True, help="picture to write: .png, .jpg, .pdf or .svg"
    )


def run(args: argparse.Namespace) -> int:
    """Draw; return 0."""
    from videoreid.data import FrameReader, sample_indices
    from videoreid.data.datasets import build_dataset
    from videoreid.utils import generator_from
    from videoreid.visual import draw_sampling

    splits = build_dataset(args.name, args.root, **parse_options(args.option))
    tracklet = _tracklet(splits, args)
    rules = args.rules or ["evenly", "random_crop", "restricted", "all_continuous"]
    clips = {
        rule: sample_indices(rule, len(tracklet), args.frames, generator_from(args.seed, 0, args.row))
        for rule in rules
    }
    draw_sampling(
        tracklet,
        clips,
        args.output,
        read_frames=FrameReader().read,
        max_clips=args.clips,
        title=f"{splits.name}, {args.part} {args.row}: person {tracklet.pid}, camera {tracklet.camid}, "
        f"{len(tracklet)} frames",
    )
    for rule, indices in clips.items():
        print(f"{rule}: {len(indices)} clips of {args.frames} frames")
    print(f"wrote {args.output}")
    return 0


def _tracklet(splits: "Splits", args: argparse.Namespace) -> "Tracklet":
    tracklets: tuple[Tracklet, ...] = getattr(splits, args.part)
    if not 0 <= args.row < len(tracklets):
        raise ConfigError(f"--row {args.row}: {args.part} has {len(tracklets)} tracklets, rows count from 0")
    return tracklets[args.row]
