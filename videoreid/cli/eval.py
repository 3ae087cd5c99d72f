"""``videoreid eval``: scores, intervals and plots of stored features."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from videoreid.cli._dataset_options import add_option_argument, parse_options
from videoreid.cli._picture_options import PICTURES, add_picture_arguments, answer_options
from videoreid.errors import ConfigError

if TYPE_CHECKING:
    from videoreid.metrics import Refiner
    from videoreid.retrieval import FeatureFile
    from videoreid.types import Ranking

__all__ = ["HELP", "add_arguments", "run"]

HELP = "score stored features: table, JSON and plots, without a model"

_PAIRS_IN_PLOT = 5_000_000
_OUTPUTS = ("cmc.png", "precision_recall.png", "distances.png", *PICTURES, "metrics.json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "features", type=Path, help="feature file, as videoreid.retrieval.write_features makes it"
    )
    parser.add_argument("--protocol", help="its name, or 'list' (default: the file's own, else cross_camera)")
    parser.add_argument(
        "--distance",
        default="cosine",
        choices=("cosine", "euclidean", "squared_euclidean"),
        help="default cosine",
    )
    _add_refinements(parser)
    parser.add_argument(
        "--compare",
        type=Path,
        metavar="FEATURES",
        help="features of another model: paired test on the same queries",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the intervals and tests (default 0)")
    parser.add_argument(
        "--output", type=Path, help="folder for metrics.json and the plots (default: table only)"
    )
    source = parser.add_argument_group("the dataset of the features, for pictures in the output folder")
    source.add_argument("--dataset", "--corpus", dest="dataset", help="its name")
    source.add_argument("--root", type=Path, help="its folder, or the parent of it")
    add_option_argument(source)
    source.add_argument("--top", type=int, default=50, help="answers of a query in pictures (default 50)")
    add_picture_arguments(parser)


def _add_refinements(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rerank", action="store_true", help="also score after k-reciprocal re-ranking")
    parser.add_argument("--k1", type=int, default=20, help="of re-ranking (default 20)")
    parser.add_argument("--k2", type=int, default=6, help="of re-ranking (default 6)")
    parser.add_argument(
        "--lambda", dest="lambda_value", type=float, default=0.3, help="of re-ranking (default 0.3)"
    )
    parser.add_argument(
        "--spatial-temporal",
        type=Path,
        metavar="MODEL",
        help="also score with this fitted model's joint scores",
    )
    parser.add_argument(
        "--joint-rule",
        default="repaired",
        choices=("published", "repaired"),
        help="how joint scores are re-ranked: as st-ReID published it, or with a row nearest to itself (default)",
    )
    parser.add_argument(
        "--expand",
        type=int,
        default=0,
        metavar="K",
        help="expand queries by K neighbours first (default 0: no)",
    )
    parser.add_argument(
        "--alpha", type=float, default=0.0, help="exponent of the expansion's weights (default 0)"
    )


def run(args: argparse.Namespace) -> int:
    """Score the features with each requested refinement, print the table, write the requested files; return 0."""
    from videoreid.metrics import get_protocol, list_protocols
    from videoreid.retrieval import read_features

    if args.protocol == "list":
        for name in list_protocols():
            print(f"{name:20} {get_protocol(name).note}")
        return 0
    if args.dataset is not None and args.output is None:
        raise ConfigError("--dataset is for pictures: say by --output where they shall stand")
    stored = read_features(args.features)
    protocol = args.protocol or stored.protocol or "cross_camera"
    rankings = _rank_all(args, stored, protocol)
    report = {"features": str(args.features), "model": stored.model, "results": _report(args, rankings)}
    other = None if args.compare is None else _other(args, protocol)
    if other is not None:
        report["comparison"] = _compare(args, rankings["appearance"], other)
    _print_table(report)
    if args.output is not None:
        shown = dict(list(rankings.items())[:2])
        if other is not None:
            shown = {f"{args.features.stem} (1)": rankings["appearance"], f"{args.compare.stem} (2)": other}
        _write(args, report, shown, stored, protocol)
        _store(args, rankings, stored)
    return 0


def _rank_all(args: argparse.Namespace, stored: "FeatureFile", protocol: str) -> dict[str, "Ranking"]:
    from videoreid.metrics import evaluate_features, expand_queries, get_protocol

    query, gallery, rules, details = (
        stored.query,
        stored.gallery,
        get_protocol(protocol),
        dict(stored.details),
    )
    if stored.model:
        details = {"model": stored.model, **details}
    if args.expand:
        query = expand_queries(query, gallery, k=args.expand, alpha=args.alpha)
        details["query expansion"] = f"k={args.expand} alpha={args.alpha:g}"
        if rules.queries_in_gallery:  # as they were: what is searched is not expanded
            gallery, rules = gallery.concat(stored.query), replace(rules, queries_in_gallery=False)
            details["gallery"] = "with the queries, not expanded"
    return {
        name: evaluate_features(
            query,
            gallery,
            protocol=rules,
            distance=args.distance,
            refiners=refiners,
            dataset=stored.dataset,
            details=details,
            # answers for the explorer, and for the pictures of a report
            top_k=max(20 if args.output else 0, args.top if args.dataset is not None else 0),
        )
        for name, refiners in _refinements(args).items()
    }


def _refinements(args: argparse.Namespace) -> dict[str, list["Refiner"]]:
    """Return the lists of refiners to score by, under the names of the table's rows."""
    from videoreid.metrics import JointKReciprocal, KReciprocal, SpatialTemporalModel

    rows: dict[str, list[Refiner]] = {"appearance": []}
    settings: dict[str, Any] = {"k1": args.k1, "k2": args.k2, "lambda_value": args.lambda_value}
    if args.rerank:
        rows["re-ranked"] = [KReciprocal(metric=args.distance, **settings)]
    if args.spatial_temporal is not None:
        if args.distance != "cosine":
            raise ConfigError(
                f"the spatial-temporal metric starts from cosine, not --distance {args.distance}"
            )
        model = SpatialTemporalModel.load(args.spatial_temporal)
        rows["joint"] = [model]
        if args.rerank:
            once = KReciprocal(exponent=1.0, **settings)
            rows["joint, re-ranked"] = [JointKReciprocal(model, rule=args.joint_rule, settings=once)]
    return rows


def _report(args: argparse.Namespace, rankings: dict[str, "Ranking"]) -> dict[str, Any]:
    from videoreid.metrics import bootstrap_intervals

    report = {}
    for name, ranking in rankings.items():
        single = ranking.protocol.gallery_shot == "single"  # Rank-1 is then a mean over draws, not of queries
        intervals = {} if single else bootstrap_intervals(ranking, seed=args.seed)
        bounds = {key: [interval.low, interval.high] for key, interval in intervals.items()}
        report[name] = {**ranking.summary(), "cmc": ranking.cmc.tolist(), "intervals": bounds}
    return report


def _other(args: argparse.Namespace, protocol: str) -> "Ranking":
    from videoreid.retrieval import read_features

    plain = argparse.Namespace(**{**vars(args), "rerank": False, "spatial_temporal": None})
    return _rank_all(plain, read_features(args.compare), protocol)["appearance"]


def _compare(args: argparse.Namespace, ranking: "Ranking", other: "Ranking") -> dict[str, Any]:
    from videoreid.metrics import paired_test

    result: dict[str, Any] = {
        "other": str(args.compare),
        **{f"other_{k}": other.summary()[k] for k in ("mAP", "rank1")},
    }
    for metric in ("mAP", "rank1"):
        test = paired_test(ranking, other, metric=metric, seed=args.seed)
        result[metric] = {
            "difference": test.difference.value,
            "interval": [test.difference.low, test.difference.high],
            "p_value": test.p_value,
        }
    return result


def _print_table(report: dict[str, Any]) -> None:
    columns = ("mAP", "mINP", "rank1", "rank5", "rank10", "rank20")
    print(f"{'':18}" + "".join(f"{name:>8}" for name in columns) + "   95 % of mAP     95 % of rank1")
    for name, row in report["results"].items():
        cells = "".join(f"{100 * row[column]:8.1f}" for column in columns)
        bounds = [row["intervals"].get(key) for key in ("mAP", "rank1")]
        print(f"{name:18}{cells}   " + "   ".join(_bounds(pair) for pair in bounds))
    for row in report["results"].values():
        print(row["protocol"])
    if "comparison" in report:
        print(f"{report['comparison']['other']} minus these features:")
        for metric in ("mAP", "rank1"):
            test = report["comparison"][metric]
            difference = f"{100 * test['difference']:+.1f} {_bounds(test['interval'])}"
            print(f"  {metric:6}{difference}, p = {test['p_value']:.4f} (paired, sign flips)")


def _bounds(pair: list[float] | None) -> str:
    return "[    -,     -]" if pair is None else f"[{100 * pair[0]:5.1f}, {100 * pair[1]:5.1f}]"


def _store(args: argparse.Namespace, rankings: dict[str, "Ranking"], stored: "FeatureFile") -> None:
    """Make the output a run folder, from which videoreid report and compare read."""
    from videoreid.engine import save_evaluation
    from videoreid.engine.tracklet_lists import read_tracklets

    frames = args.features.with_suffix(".tracklets.json.gz")  # videoreid extract leaves it
    tracklets = read_tracklets(frames, frames.parent) if frames.is_file() else None
    for name, ranking in rankings.items():
        save_evaluation(
            args.output,
            ranking,
            query=stored.query,
            gallery=stored.gallery,
            name=name,
            tracklets=tracklets,
            features=False if args.expand else args.features,  # what was ranked then is in no file
            notes={"model": stored.model, "command": sys.argv},
        )


def _write(
    args: argparse.Namespace,
    report: dict[str, Any],
    rankings: dict[str, "Ranking"],
    stored: "FeatureFile",
    protocol: str,
) -> None:
    from videoreid.cli._eval_plots import draw_cmc, draw_distances, draw_precision_recall
    from videoreid.metrics import equal_error_rate, pair_distances, tpr_at_fpr
    from videoreid.reporting import write_scores
    from videoreid.utils.staging import staged_outputs

    ranking = next(iter(rankings.values()))
    share = min(1.0, _PAIRS_IN_PLOT / (len(stored.query) * len(stored.gallery)))
    pairs = pair_distances(
        stored.query,
        stored.gallery,
        protocol=protocol,
        distance=args.distance,
        impostor_share=share,
        seed=args.seed,
    )
    rate, threshold = equal_error_rate(pairs)
    verification: dict[str, Any] = {"equal_error_rate": rate, "equal_error_threshold": threshold}
    for fpr in (0.1, 0.01, 0.001):
        if fpr * len(pairs.impostor) >= 1:
            verification[f"tpr_at_fpr_{fpr:g}"] = tpr_at_fpr(pairs, fpr)
    report["verification"] = {**verification, "impostor_share": share, "distance": args.distance}
    with staged_outputs(args.output, _OUTPUTS) as place:
        draw_cmc(ranking, place / "cmc.png")
        if len(ranking.match_ranks):
            draw_precision_recall(ranking, place / "precision_recall.png")
        draw_distances(pairs, ranking, place / "distances.png")
        if args.dataset is None:  # there are no frames to show
            write_scores(place, report)
        else:
            _write_answer(args, report, rankings, stored, place)


def _write_answer(
    args: argparse.Namespace,
    report: dict[str, Any],
    rankings: dict[str, "Ranking"],
    stored: "FeatureFile",
    place: Path,
) -> None:
    from videoreid.data.datasets import build_dataset
    from videoreid.reporting import write_answer

    splits = build_dataset(args.dataset, root=args.root, **parse_options(args.option))
    features = stored.query, stored.gallery
    first = next(iter(rankings.values()))
    gallery = first.gallery
    joined = gallery is not None and gallery.query_start is None and len(gallery) > len(splits.gallery)
    if joined:  # expanded queries search a gallery that holds them as they were
        splits = replace(splits, gallery=(*splits.gallery, *splits.query))
        features = stored.query, stored.gallery.concat(stored.query)
    options = answer_options(args, first, splits, top_k=args.top)
    write_answer(
        rankings, splits.query, splits.gallery, place, metrics=report, features=features, options=options
    )
