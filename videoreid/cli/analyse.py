"""``videoreid analyse``: find out why queries fail, from stored features and their dataset, or from a run folder."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from videoreid.cli._dataset_options import add_option_argument, parse_options
from videoreid.errors import ConfigError

if TYPE_CHECKING:
    from videoreid.analysis import ErrorAnalysis
    from videoreid.retrieval import FeatureFile
    from videoreid.types import Ranking, Splits, Tracklet

__all__ = ["HELP", "add_arguments", "run"]

HELP = (
    "find out why queries fail: occlusion, several people, resolution, light, clothes, and the cost of each"
)

_OUTPUTS = ("queries.csv", "analysis.html", "analysis.json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "features",
        type=Path,
        metavar="FEATURES|RUN",
        help="feature file of videoreid extract, a folder with one such file, or the folder of a training, or of "
        "videoreid rank or eval",
    )
    parser.add_argument("--evaluation", metavar="NAME", help="evaluation of RUN (default: its first)")
    source = parser.add_argument_group("the dataset of FEATURES")
    source.add_argument("--dataset", help="name of the dataset (default: the one in the feature file)")
    source.add_argument("--root", type=Path, help="folder of the dataset, or its parent")
    add_option_argument(source)
    parser.add_argument(
        "--protocol",
        help="evaluation protocol (default: the one in the file, else cross_camera); not with RUN",
    )
    parser.add_argument(
        "--distance",
        choices=("cosine", "euclidean", "squared_euclidean"),
        help="default cosine; not with RUN",
    )
    _add_measuring(parser)


def _add_measuring(parser: argparse.ArgumentParser) -> None:
    """Declare what is measured, how, and where the files go."""
    parser.add_argument(
        "--labels", type=Path, metavar="FOLDER", help="part labels of the dataset, written by videoreid parse"
    )
    parser.add_argument(
        "--frames", type=int, default=6, help="frames per tracklet that are measured (default 6)"
    )
    parser.add_argument(
        "--bins", type=int, default=4, help="number of bins of each measured cause (default 4)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the intervals (default 0)")
    parser.add_argument(
        "--threshold",
        action="append",
        default=[],
        metavar="CAUSE=VALUE",
        help="threshold at which a cause affects a tracklet, such as 'low resolution=48'; may be repeated",
    )
    parser.add_argument(
        "--output",
        type=Path,
        help="folder for analysis.json, queries.csv and analysis.html (default: RUN/analysis, where videoreid report "
        "finds them; with FEATURES, print only)",
    )


def run(args: argparse.Namespace) -> int:
    """Score, measure the causes, print them with the protocol line, write the requested files; return 0."""
    from videoreid.analysis import AnalysisSettings, ParsedFolderLabels, analyse_errors
    from videoreid.data import FrameReader
    from videoreid.retrieval import read_features
    from videoreid.utils import setup_logging

    setup_logging()
    settings = AnalysisSettings(
        frames=args.frames, bins=args.bins, seed=args.seed, thresholds=_thresholds(args.threshold)
    )
    output = args.output
    if _is_run(args.features):
        ranking, query, gallery = _from_run(args)
        output = output or args.features / "analysis"
    else:
        if args.evaluation is not None:
            raise ConfigError(f"--evaluation names an evaluation of a run folder; {args.features} is none")
        stored = read_features(_feature_file(args.features))
        splits = _splits(args, stored)
        query, gallery = splits.query, splits.gallery
        ranking = _rank(args, stored, splits)
    labels = None if args.labels is None else ParsedFolderLabels(args.labels)
    analysis = analyse_errors(
        ranking,
        query,
        gallery,
        read_frames=FrameReader().read,
        labels=labels,
        settings=settings,
    )
    _print(analysis)
    if output is not None:
        _write(analysis, output)
    return 0


def _is_run(path: Path) -> bool:
    from videoreid.engine.checkpointing import RECORD

    return (path / RECORD).is_file()


def _from_run(args: argparse.Namespace) -> "tuple[Ranking, Sequence[Tracklet], Sequence[Tracklet]]":
    """Return the ranking of a run folder with its queries and gallery, of which up to 16 frames each are stored."""
    from videoreid.engine import RunFolder

    given = [name for name in ("dataset", "root", "option", "protocol", "distance") if getattr(args, name)]
    if given:
        raise ConfigError(
            f"{args.features} is a run folder, which holds its ranking and tracklets: leave out --{given[0]}, or name "
            "a feature file"
        )
    stored = RunFolder.open(args.features).evaluation(args.evaluation)
    tracklets = stored.tracklets()
    if tracklets is None:
        raise ConfigError(
            f"the evaluation {stored.name} of {args.features} was stored without its tracklets: extract features of "
            "the dataset with videoreid extract, and name their file"
        )
    return stored.ranking, tracklets.query, tracklets.gallery


def _feature_file(path: Path) -> Path:
    """Return the feature file: the path itself, or the only feature file in a folder."""
    if not path.is_dir():
        return path
    found = sorted(path.glob("*.h5")) or sorted(path.glob("*/*.h5"))
    if len(found) != 1:
        names = ", ".join(str(file.relative_to(path)) for file in found[:5])
        raise ConfigError(
            f"{path} holds {len(found)} feature files{': ' + names if names else ''}; expected one *.h5: write it with "
            "videoreid extract, or name the file"
        )
    return found[0]


def _splits(args: argparse.Namespace, stored: "FeatureFile") -> "Splits":
    """Return the dataset of the features, after a check of all rows."""
    import numpy as np

    from videoreid.data.datasets import build_dataset

    name = args.dataset or stored.dataset.partition("/")[0]
    if not name:
        raise ConfigError("the feature file does not name its dataset: give --dataset and --root")
    splits = build_dataset(name, root=args.root, **parse_options(args.option))
    for side in ("query", "gallery"):
        tracklets, features = getattr(splits, side), getattr(stored, side)
        pids = np.array([tracklet.pid for tracklet in tracklets])
        if len(pids) != len(features) or (pids != features.pids).any():
            raise ConfigError(
                f"the features belong to another dataset: {len(features)} {side} rows for {len(pids)} tracklets of "
                f"{splits.name}, or other people; give the --dataset, --root and --option of the extraction"
            )
    return splits


def _rank(args: argparse.Namespace, stored: "FeatureFile", splits: "Splits") -> "Ranking":
    from videoreid.metrics import evaluate_features

    details = {**({"model": stored.model} if stored.model else {}), **stored.details}
    return evaluate_features(
        stored.query,
        stored.gallery,
        protocol=args.protocol or stored.protocol or splits.protocol,
        distance=args.distance or "cosine",
        dataset=stored.dataset or splits.name,
        details=details,
        top_k=5,
    )


def _thresholds(pairs: list[str]) -> Mapping[str, float]:
    found = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            raise ConfigError(
                f"--threshold {pair!r} is not CAUSE=NUMBER, such as 'low resolution=48'"
            ) from None
    return found


def _print(analysis: "ErrorAnalysis") -> None:
    figures = analysis.to_dict()
    print(f"mAP {figures['mAP']:.3f}  Rank-1 {figures['rank1']:.3f}")
    print(analysis.ranking.protocol_line)
    print(analysis.summary())
    if analysis.missing_frames or analysis.unknown_matches:
        print(
            f"{analysis.missing_frames} frames could not be read; the best match of {analysis.unknown_matches} queries "
            "is not known"
        )
    for reason in analysis.regressions.reasons.values():
        print(f"no regression: {reason}")


def _write(analysis: "ErrorAnalysis", output: Path) -> None:
    from videoreid.data import FrameReader
    from videoreid.utils.staging import staged_outputs

    with staged_outputs(output, _OUTPUTS) as place:
        (place / "analysis.json").write_text(analysis.to_json(), encoding="utf-8")
        analysis.write_csv(place / "queries.csv")
        analysis.write_page(place / "analysis.html", read_frames=FrameReader().read)
    print(f"wrote analysis.json, queries.csv and analysis.html to {output}")
