"""``videoreid data verify``: check a dataset against its published statistics."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from videoreid.cli._dataset_options import add_dataset_arguments, parse_options

if TYPE_CHECKING:
    from videoreid.data.checks.findings import VerifyReport

__all__ = ["HELP", "add_arguments", "run"]

HELP = "check a dataset: counts, files, duplicates, damaged frames, cameras; exit status 1 if it is damaged"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    add_dataset_arguments(parser)
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument(
        "--sample", type=int, default=1000, metavar="N", help="number of frames to decode (default 1000)"
    )
    amount.add_argument("--all", action="store_true", help="decode every frame")
    parser.add_argument(
        "--num-frames",
        type=int,
        default=4,
        metavar="T",
        help="also count tracklets with fewer frames (default 4)",
    )
    parser.add_argument("--workers", type=int, default=2, help="threads that decode (default 2)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the sample (default 0)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the findings to this file")


def run(args: argparse.Namespace) -> int:
    """Check and print; return 1 if the dataset is damaged, else 0."""
    from tqdm import tqdm

    from videoreid.utils import atomic_write_text

    with tqdm(unit=" frames", disable=None, leave=False) as bar:
        report = _verify(args, bar)
    print(report)
    if args.json is not None:
        content = {
            "name": report.name,
            "damaged": report.damaged,
            "findings": [asdict(f) for f in report.findings],
        }
        atomic_write_text(args.json, json.dumps(content, indent=1) + "\n")
    return int(report.damaged)


def _verify(args: argparse.Namespace, bar: Any) -> "VerifyReport":
    from videoreid.data.checks import verify_parsing, verify_splits
    from videoreid.data.datasets import (
        build_dataset,
        build_parsing_dataset,
        collect_remarks,
        dataset_info,
        list_infos,
        list_parsing_datasets,
    )

    options = parse_options(args.option)
    sample = None if args.all else args.sample
    if args.name in list_parsing_datasets():
        dataset = build_parsing_dataset(args.name, args.root, **options)
        bar.reset(total=min(sample or len(dataset.train), len(dataset.train) + len(dataset.val)))
        return verify_parsing(
            dataset, dataset_info(args.name), sample=sample, seed=args.seed, progress=bar.update
        )
    with collect_remarks() as remarks:
        splits = build_dataset(args.name, args.root, **options)
    frames = sum(len(tracklet) for part in (splits.train, splits.query, splits.gallery) for tracklet in part)
    bar.reset(total=frames if sample is None else min(sample, frames))
    return verify_splits(
        splits,
        dataset_info(args.name) if args.name in list_infos() else None,
        sample=sample,
        num_frames=args.num_frames,
        workers=args.workers,
        seed=args.seed,
        progress=bar.update,
        remarks=remarks,
    )
