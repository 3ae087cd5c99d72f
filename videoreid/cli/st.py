"""``videoreid st``: fit the spatial-temporal model on the sightings of a training set."""

import argparse
from pathlib import Path

from videoreid.cli._dataset_options import add_option_argument, parse_options

__all__ = ["HELP", "add_arguments", "run"]

HELP = "fit the spatial-temporal model of a camera network, with which videoreid eval can score"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-command."""
    commands = parser.add_subparsers(dest="what", required=True, metavar="fit")
    fit = commands.add_parser("fit", help="learn the transit times from camera to camera")
    fit.add_argument("features", type=Path, nargs="?", help="feature file with training sightings")
    fit.add_argument("--dataset", help="read the sightings from this dataset instead")
    fit.add_argument("--root", type=Path, help="folder of --dataset")
    add_option_argument(fit)
    fit.add_argument("--output", type=Path, required=True, metavar="MODEL", help="model file to write, *.npz")
    fit.add_argument(
        "--bins",
        type=int,
        help="number of bins of the histogram (default: 3000 on dukemtmcreid, 5000 elsewhere)",
    )
    fit.add_argument("--interval", type=float, default=100, help="width of a bin in frames (default 100)")
    fit.add_argument(
        "--sigma", type=float, default=50, help="standard deviation of the smoothing, in bins (default 50)"
    )
    fit.add_argument(
        "--visits",
        default="mean",
        choices=("mean", "clustered"),
        help="visits of a person to a camera: their mean time (default, published), or clusters of times",
    )


def run(args: argparse.Namespace) -> int:
    """Fit, save and print a summary; return 0."""
    from videoreid.data.datasets import build_dataset
    from videoreid.errors import ConfigError
    from videoreid.recipes import fit_transitions, sightings_of
    from videoreid.retrieval import read_features

    if (args.features is None) == (args.dataset is None):
        raise ConfigError("give either a feature file, or --dataset and --root")
    if args.option and args.dataset is None:
        raise ConfigError("--option belongs to --dataset; a feature file has none")
    if args.dataset is not None:
        splits = build_dataset(args.dataset, args.root, **parse_options(args.option))
        train, name = sightings_of(splits.train), args.dataset
    else:
        stored = read_features(args.features)
        if stored.train is None:
            raise ConfigError(
                f"{args.features} holds no training sightings: extract a dataset that has a training set (videoreid "
                "extract --dataset or --run), or give --dataset and --root"
            )
        train, name = stored.train, stored.dataset
    model = fit_transitions(
        train,
        name,
        num_bins=args.bins,
        interval=args.interval,
        sigma=args.sigma,
        visits=args.visits,
    )
    model.save(args.output)
    cameras, _, bins = model.histogram.shape
    pairs = int(model.histogram.any(axis=2).sum())
    print(
        f"{args.output}: {cameras} cameras, {pairs} ordered pairs with transitions, {bins} bins of {args.interval:g} "
        f"frames, from {len(train)} training rows"
    )
    return 0
