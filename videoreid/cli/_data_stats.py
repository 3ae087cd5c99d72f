"""``videoreid data stats``: print the statistics of a dataset, and draw its histograms."""

import argparse
from pathlib import Path

from videoreid.cli._dataset_options import add_dataset_arguments, parse_options

__all__ = ["HELP", "add_arguments", "run"]

HELP = "print ids, tracklets, frames, cameras and length quantiles of a dataset, and draw histograms"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    add_dataset_arguments(parser)
    parser.add_argument("--output", type=Path, metavar="PNG", help="picture of the histograms")


def run(args: argparse.Namespace) -> int:
    """Count, print, draw; return 0."""
    from videoreid.data.checks import dataset_statistics, draw_statistics, statistics_table
    from videoreid.data.datasets import build_dataset

    splits = build_dataset(args.name, args.root, **parse_options(args.option))
    statistics = dataset_statistics(splits)
    print(f"{splits.name}, protocol {splits.protocol!r}, licence: {splits.licence}")
    print(statistics_table(statistics))
    for part, figures in statistics.items():
        cameras = ", ".join(
            f"{'none' if camera < 0 else camera}: {count:,}"
            for camera, count in figures.tracklets_per_camera.items()
        )
        print(f"{part}: tracklets per camera (from 0): {cameras or 'no tracklets'}")
    if args.output is not None:
        draw_statistics(splits, args.output)
        print(f"histograms: {args.output}")
    return 0
