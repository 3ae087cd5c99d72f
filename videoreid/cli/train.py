"""``videoreid train``: train a published recipe on a dataset and score it."""

import argparse
import sys
from pathlib import Path
from typing import Any

from videoreid.cli._dataset_options import add_option_argument, parse_options
from videoreid.errors import ConfigError

__all__ = ["HELP", "add_arguments", "run"]

_RUN_OPTIONS = (
    "max_steps",
    "resume",
    "weights",
    "workers",
    "precision",
    "device",
    "two_blocks",
    "root",
    "save_features",
)
HELP = "train a published recipe and score it (videoreid recipes list prints the recipes)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "recipe", metavar="RECIPE", help="name of the recipe; videoreid recipes list prints all"
    )
    parser.add_argument(
        "--dataset", required=True, help="name of the dataset; videoreid data layout prints all"
    )
    parser.add_argument(
        "--root", type=Path, help="folder of the dataset (default: the environment variable VIDEOREID_DATA)"
    )
    add_option_argument(parser)
    parser.add_argument(
        "--split-id",
        type=int,
        help="which of the ten splits, 0 to 9 (default: the split of the published score)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a setting (epochs=2, model.backbone=resnet18); the last value of a repeated key counts; videoreid "
        "recipes show RECIPE prints the keys",
    )
    parser.add_argument("--output", type=Path, required=True, help="folder of the run")
    parser.add_argument("--resume", action="store_true", help="continue the run in that folder")
    parser.add_argument("--max-steps", type=int, help="stop after N updates", metavar="N")
    parser.add_argument("--weights", help="checkpoint to start from, such as one trained on another dataset")
    parser.add_argument(
        "--two-blocks", action="store_true", help='also score VPReID\'s second block ("re Results")'
    )
    parser.add_argument("--no-validation", action="store_true", help="score only at the end")
    parser.add_argument(
        "--save-features", action="store_true", help="keep the features, for a report with distances"
    )
    parser.add_argument("--workers", type=int, default=2, help="processes that read frames (default 2)")
    parser.add_argument("--precision", default="float32", help="float32 (default), bfloat16, float16 or auto")
    parser.add_argument("--device", help="such as cpu or cuda:0 (default: the best available)")


def run(args: argparse.Namespace) -> int:
    """Train, score, and print the scores next to the published ones; return 0."""
    from videoreid.recipes import (
        RunOptions,
        get_recipe,
        open_dataset,
        override,
        parse_settings,
        published_lines,
        train_recipe,
    )
    from videoreid.utils import setup_logging
    from videoreid.utils.printing import say

    setup_logging()
    published = get_recipe(args.recipe)
    settings, dataset_options = parse_settings(args.set), _dataset_options(args)
    if "split_id" in dataset_options:  # a setting of the recipe, so that run.json holds it
        if "split_id" in settings:
            raise ConfigError("the split is given twice: use --split-id or --set split_id=, not both")
        settings["split_id"] = dataset_options.pop("split_id")
    recipe = override(published.on(args.dataset), settings)
    if not published.scores_on(args.dataset):
        known = ", ".join(dict.fromkeys(score.dataset for score in published.results)) or "no dataset"
        say(f"nothing is published for {recipe.name} on {args.dataset} (published: {known})")
    splits = open_dataset(recipe, args.dataset, args.root, **dataset_options)
    given = {name: getattr(args, name) for name in _RUN_OPTIONS}
    options = RunOptions(output_dir=args.output, validate=not args.no_validation, command=sys.argv, **given)
    rankings = train_recipe(recipe, splits, options)
    for line in published_lines(published, args.dataset, rankings):
        say(line)
    return 0


def _dataset_options(args: argparse.Namespace) -> dict[str, Any]:
    options = parse_options(args.option)
    if args.split_id is None:
        return options
    if "split_id" in options:
        raise ConfigError("the split is given twice: use --split-id or --option split_id=, not both")
    return {**options, "split_id": args.split_id}
