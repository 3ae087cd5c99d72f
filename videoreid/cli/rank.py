"""``videoreid rank``: rank the tracklets of a video or a dataset, score the ranking and draw it."""

import argparse
import csv
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from videoreid.cli._building import add_pixel_arguments, add_size_argument, build_with_weights, pixels_of
from videoreid.cli._dataset_options import add_option_argument, parse_options
from videoreid.cli._picture_options import PICTURES, add_picture_arguments, answer_options, frame_counts
from videoreid.errors import ConfigError

if TYPE_CHECKING:
    from videoreid.models import ReIDModel
    from videoreid.types import Features, Ranking, Splits, Tracklet

__all__ = ["HELP", "add_arguments", "run"]

# crops and the page of older versions are removed, because they show people
_OUTPUTS = ("tracklets", "ranking.csv", "ranking.html", *PICTURES, "metrics.json")

HELP = "rank the tracklets of a video or a dataset, score the ranking and draw it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    _add_source(parser)
    model = parser.add_argument_group("model")
    model.add_argument(
        "--model",
        required=True,
        help="name of the network (videoreid models list), or an exported file (.onnx, .ts, .xml)",
    )
    model.add_argument("--weights", help="checkpoint file, or the name of published weights")
    add_size_argument(model)
    add_pixel_arguments(model)
    model.add_argument(
        "--frames",
        type=int,
        help="frames per clip (default: 1 for image networks, else the clip length of the network)",
    )
    model.add_argument("--distance", default="cosine", choices=["cosine", "euclidean", "squared_euclidean"])
    model.add_argument("--protocol", help="evaluation protocol (default: that of the dataset)")
    model.add_argument("--rerank", action="store_true", help="apply k-reciprocal re-ranking")
    model.add_argument("--batch-size", type=int, default=64, help="clips per batch (default 64)")
    model.add_argument("--precision", default="float32", choices=["float32", "bfloat16", "float16"])
    model.add_argument("--workers", type=int, default=0, help="processes that read frames (default 0)")
    model.add_argument("--device", help="cpu, cuda or mps (default: the best available)")
    _add_output(parser)


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--save-features", action="store_true", help="keep the features, for a report with distances"
    )
    parser.add_argument(
        "--top", type=int, default=10, help="answers per query in the table and the page (default 10)"
    )
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        help="folder for metrics.json, ranking.csv, pictures and explorer",
    )
    add_picture_arguments(parser)


def _add_source(parser: argparse.ArgumentParser) -> None:
    source = parser.add_argument_group("what to search (a video with its tracks, or a dataset)")
    source.add_argument("--video", type=Path, help="video file")
    source.add_argument("--tracks", type=Path, help="track file in MOT format for that video")
    source.add_argument(
        "--split-tracks",
        type=float,
        default=0.4,
        metavar="SHARE",
        help="the first SHARE of each track is a query, the last SHARE is in the gallery (default 0.4)",
    )
    source.add_argument(
        "--strict",
        action="store_true",
        help="raise an error for a box outside its frame or a track of one frame, instead of dropping it",
    )
    source.add_argument(
        "--dataset", "--corpus", dest="dataset", help="name of a dataset; videoreid data layout prints all"
    )
    source.add_argument("--root", type=Path, help="folder of the dataset, or its parent")
    add_option_argument(source)


def run(args: argparse.Namespace) -> int:
    """Rank, score, draw; return 0."""
    from videoreid.cli._rank_video import frames_for_pictures
    from videoreid.engine import save_evaluation
    from videoreid.reporting import write_answer
    from videoreid.utils import setup_logging
    from videoreid.utils.staging import staged_outputs

    setup_logging()
    dataset = _dataset(args)
    model, weights = _build(args)  # before a video is read, which takes time
    with staged_outputs(args.output, _OUTPUTS) as place:
        splits = dataset or _tracks_of_video(args)
        query, gallery = _embed_splits(model, splits, args)
        ranking = _score(query, gallery, splits, args, weights)
        _write_answers(ranking, splits, place / "ranking.csv")
        tracklets = (*splits.query, *splits.gallery)
        write_answer(
            ranking,
            splits.query,
            splits.gallery,
            place,
            metrics={**ranking.summary(), **_provenance(args), "model": args.model, **weights},
            read_frames=None if args.video is None else frames_for_pictures(tracklets, frame_counts(args)),
            features=(query, gallery),
            options=answer_options(args, ranking, splits, top_k=args.top),
        )
    save_evaluation(
        args.output,
        ranking,
        query=query,
        gallery=gallery,
        tracklets=(splits.query, splits.gallery),
        features=args.save_features,
        notes={"model": args.model, **weights, **_provenance(args), "command": sys.argv},
    )
    _print_answer(ranking, splits)
    print(f"wrote metrics.json, ranking.csv and pictures to {args.output}; open explorer/index.html there")
    return 0


def _print_answer(ranking: "Ranking", splits: "Splits") -> None:
    summary = ranking.summary()
    searched = ranking.searched(splits.query, splits.gallery)
    print(_table(ranking, splits.query, searched, rows=min(10, len(splits.query))))
    print(
        "\n" + "  ".join(f"{key} {summary[key]:.3f}" for key in ("mAP", "mINP", "rank1", "rank5", "rank10"))
    )
    print(ranking.protocol_line)


def _dataset(args: argparse.Namespace) -> "Splits | None":
    """Return the dataset that the options name; None for a video."""
    if (args.dataset is None) == (args.video is None):
        raise ConfigError("give either --video and --tracks, or --dataset and --root")
    if args.dataset is not None:
        from videoreid.data.datasets import build_dataset

        return build_dataset(args.dataset, root=args.root, **parse_options(args.option))
    if args.option:
        raise ConfigError("--option belongs to --dataset; a video has none")
    if args.tracks is None:
        raise ConfigError("--video needs --tracks: a track file in MOT format, which most trackers write")
    return None


def _tracks_of_video(args: argparse.Namespace) -> "Splits":
    from videoreid.footage import read_tracks, split_tracks, video_tracklets

    tracklets = video_tracklets(args.video, read_tracks(args.tracks), strict=args.strict)
    return split_tracks(tracklets, args.split_tracks, strict=args.strict)


def _build(args: argparse.Namespace) -> "tuple[ReIDModel, dict[str, str]]":
    """Return the network, and the source and checksum of its weights."""
    from videoreid.export.digests import files_digest
    from videoreid.models.weights import resolve_weights

    model = build_with_weights(args.model, args.weights, **pixels_of(args))
    source = args.weights or args.model  # an exported file holds its weights
    file = Path(source).expanduser()
    if not file.exists():
        file = Path(resolve_weights(args.model, args.weights))
    return model, {"weights": source, "weights_sha256": files_digest(file)}


def _embed_splits(model: "ReIDModel", splits: "Splits", args: argparse.Namespace) -> "Sequence[Features]":
    parts = (splits.query, splits.gallery)
    if args.video is not None and _clip_length(model, args) == 1:
        from videoreid.cli._rank_video import embed_in_order

        return embed_in_order(lambda frames: _embed(model, frames, args), parts)
    return [_embed(model, part, args) for part in parts]


def _embed(model: "ReIDModel", tracklets: Sequence["Tracklet"], args: argparse.Namespace) -> "Features":
    from videoreid.data import build_transform, eval_loader
    from videoreid.engine import extract_features

    loader = eval_loader(
        tracklets,
        batch_size=args.batch_size,
        num_frames=_clip_length(model, args),
        sampling="all_continuous",
        transform=build_transform(size=tuple(args.size) if args.size else model.input_size, train=False),
        workers=args.workers,
    )
    return extract_features(model, loader, device=args.device, precision=args.precision)


def _clip_length(model: "ReIDModel", args: argparse.Namespace) -> int:
    """Return T; it is 1 for a network that only averages frames, so that no frame counts twice."""
    return int(args.frames or model.frames or 1)


def _score(
    query: "Features",
    gallery: "Features",
    splits: "Splits",
    args: argparse.Namespace,
    weights: "Mapping[str, str]",
) -> "Ranking":
    from videoreid.metrics import KReciprocal, evaluate_features

    return evaluate_features(
        query,
        gallery,
        protocol=args.protocol or splits.protocol,
        distance=args.distance,
        refiners=[KReciprocal()] if args.rerank else [],
        dataset=splits.name,
        details={
            "model": args.model,
            "weights": f"sha256 {weights['weights_sha256'][:12]}",
            "frames": "all, mean",
            "flip": "no",
        },
        top_k=args.top,
    )


def _write_answers(ranking: "Ranking", splits: "Splits", path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        csv.writer(file).writerows(_csv_rows(ranking, splits))


def _provenance(args: argparse.Namespace) -> dict[str, str]:
    if args.dataset is None:
        return {"video": str(args.video), "tracks": str(args.tracks)}
    return {"dataset": args.dataset, "root": str(args.root)}


def _csv_rows(ranking: "Ranking", splits: "Splits") -> list[list[object]]:
    """Return the rows of ranking.csv; ``found_in`` and ``row`` identify the tracklet, which may be a query."""
    header = "query query_pid query_camid rank found_in row pid camid distance match first_frame"
    rows: list[list[object]] = [[*header.split()]]
    searched = ranking.searched(splits.query, splits.gallery)
    is_query, numbers = ranking.origin()
    for row, asked in enumerate(splits.query):
        for rank, index in enumerate(ranking.top_indices[row].tolist()):
            if index >= 0:
                found = searched[index]
                origin = "query" if is_query[row, rank] else "gallery", int(numbers[row, rank])
                distance = f"{ranking.top_distances[row, rank]:.6f}"
                match = int(ranking.top_matches[row, rank])
                answer = found.pid, found.camid, distance, match, found.frames[0]
                rows.append([row, asked.pid, asked.camid, rank + 1, *origin, *answer])
    return rows


def _table(
    ranking: "Ranking", query: Sequence["Tracklet"], searched: Sequence["Tracklet"], *, rows: int
) -> str:
    """Return a table of the answers to the first queries: ids in ranked order, true matches marked."""
    lines = [f"{'query':>6} {'id':>6} {'cam':>4} {'AP':>6}  answers (id@camera, * = same person)"]
    for row in range(rows):
        answers = [
            f"{searched[index].pid}@{searched[index].camid}{'*' if ranking.top_matches[row, rank] else ''}"
            for rank, index in enumerate(ranking.top_indices[row].tolist())
            if index >= 0
        ]
        asked = query[row]
        precision = ranking.average_precision[row]
        lines.append(f"{row:>6} {asked.pid:>6} {asked.camid:>4} {precision:>6.3f}  {' '.join(answers)}")
    if rows < len(query):
        lines.append(f"   ... {len(query) - rows} more in ranking.csv")
    return "\n".join(lines)
