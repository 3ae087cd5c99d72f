"""``videoreid data from-tracks``: cut videos with their track files into a dataset."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from videoreid.errors import ConfigError

if TYPE_CHECKING:
    from videoreid.footage.importing import Footage

__all__ = ["HELP", "add_arguments", "run"]

_MOST_LISTED = 20

HELP = "cut the tracks of videos into a dataset; the same command continues after an interruption"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("output", type=Path, help="folder of the dataset to write")
    parser.add_argument(
        "--source",
        nargs=4,
        action="append",
        default=[],
        metavar=("VIDEO", "TRACKS", "CAMERA", "SECONDS"),
        help="a video, its track file in MOT format, its camera (a number from 0, or a name), and the time of its "
        "first frame in seconds on the common clock; may be repeated. Up to six numbered cameras are written in the "
        "layout of MARS, more or named cameras as folders and a table",
    )
    parser.add_argument(
        "--list",
        type=Path,
        metavar="CSV",
        help="the same as a file with the columns video, tracks, camera and, optionally, offset, fps; paths are "
        "relative to the file",
    )
    parser.add_argument(
        "--identities",
        type=Path,
        metavar="CSV",
        help="known identities: columns video, track, person (numbers from 1, or names); a video is named by its path "
        "or by a unique end of it; tracks that are not listed become distractors",
    )
    _add_cutting(parser)


def _add_cutting(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--max-gap",
        type=int,
        default=25,
        help="largest number of missing frames inside a tracklet (default 25)",
    )
    parser.add_argument(
        "--min-length", type=int, default=4, help="drop tracklets with fewer frames (default 4)"
    )
    parser.add_argument(
        "--cut-jumps",
        nargs="?",
        type=float,
        const=0.3,
        metavar="THRESHOLD",
        help="also cut at jumps of the appearance, which are suspected identity switches (default threshold 0.3)",
    )
    parser.add_argument(
        "--train-share", type=float, default=0.5, help="share of the people in the training set (default 0.5)"
    )
    parser.add_argument(
        "--format",
        choices=["png", "jpg"],
        default="png",
        help="format of the crops (default png, which is lossless)",
    )
    _add_reading(parser)


def _add_reading(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--first-frame", type=int, default=1, help="number of the first frame in the track files (default 1)"
    )
    parser.add_argument(
        "--first-pixel",
        type=int,
        default=1,
        help="coordinate of the first pixel in the track files (default 1)",
    )
    parser.add_argument(
        "--ignore-unmatched",
        action="store_true",
        help="list rows of --identities with an unknown video or track, instead of stopping",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="raise an error for a box outside its frame or on a damaged frame, and for a tracklet shorter than "
        "--min-length, instead of dropping it",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of the split into training and test people (default 0)"
    )


def run(args: argparse.Namespace) -> int:
    """Cut, write and print a summary; return 0."""
    from videoreid.data.datasets import build_dataset
    from videoreid.footage.filmed import fits_mars
    from videoreid.footage.importing import CutRules, import_footage
    from videoreid.utils import setup_logging

    setup_logging()
    rules = CutRules(args.max_gap, args.min_length, args.cut_jumps)
    footage = _footage(args)
    import_footage(
        footage,
        args.output,
        rules=rules,
        image_format=args.format,
        train_share=args.train_share,
        seed=args.seed,
        progress=True,
        strict=args.strict,
    )
    layout = "mars" if fits_mars(footage) else "folder"
    splits = build_dataset(layout, root=args.output)
    for part in ("train", "query", "gallery"):
        tracklets = getattr(splits, part)
        print(f"{part:8}{len({t.pid for t in tracklets}):6} people{len(tracklets):7} tracklets", end="")
        print(f"{sum(map(len, tracklets)):9} frames")
    named = "in the layout of MARS" if layout == "mars" else "of folders and a table (frames.csv)"
    print(f"wrote a dataset {named}: {args.output}")
    return 0


def _footage(args: argparse.Namespace) -> "list[Footage]":
    from videoreid.footage.crops import read_tracks
    from videoreid.footage.importing import Footage
    from videoreid.footage.source_lists import (
        number_cameras,
        parse_source,
        read_identities,
        read_person_names,
        read_sources,
    )

    sources = [parse_source(f"--source {source[0]}", *source) for source in args.source]
    if args.list is not None:
        sources += read_sources(args.list)
    sources = number_cameras(sources)
    if not sources:
        raise ConfigError("nothing to import: give --source VIDEO TRACKS CAMERA SECONDS, or --list CSV")
    boxes = [
        read_tracks(source.tracks, first_frame=args.first_frame, first_pixel=args.first_pixel)
        for source in sources
    ]
    people: list[dict[int, int] | None] = [None] * len(sources)
    names: dict[int, str] = {}
    if args.identities is not None:
        tracks = [set(box.track_ids.tolist()) for box in boxes]
        found, unmatched = read_identities(args.identities, [source.video for source in sources], tracks)
        people, names = [*found], read_person_names(args.identities)
        _report(unmatched, ignore=args.ignore_unmatched)
    return [
        Footage(source.video, box, source.camera, source.offset, source.rate, known, source.name, names)
        for source, box, known in zip(sources, boxes, people, strict=True)
    ]


def _report(unmatched: list[str], *, ignore: bool) -> None:
    if unmatched and not ignore:
        raise ConfigError(
            f"{len(unmatched)} rows match no track: {unmatched[0]}; --ignore-unmatched skips such rows"
        )
    if unmatched:
        print(f"{len(unmatched)} rows of identities match no track and were skipped:")
        for message in unmatched[:_MOST_LISTED]:
            print(f"  {message}")
