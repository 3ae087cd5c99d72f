"""``videoreid data from-tracks``: videos and the files of a tracker into a dataset."""

import argparse
import csv
from pathlib import Path
from typing import TYPE_CHECKING

from videoreid.errors import ConfigError

if TYPE_CHECKING:
    from videoreid.data.footage import Footage

__all__ = ["HELP", "add_arguments", "run"]

HELP = "cut the tracks of videos into a dataset in the layout of MARS; run again after an interruption, it goes on"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("output", type=Path, help="folder of the dataset to write")
    parser.add_argument(
        "--source",
        nargs=4,
        action="append",
        default=[],
        metavar=("VIDEO", "TRACKS", "CAMERA", "SECONDS"),
        help="a video, its track file in MOT format, its camera (0 to 5), and the seconds on the common clock at its "
        "first frame; may be repeated",
    )
    parser.add_argument(
        "--list",
        type=Path,
        metavar="CSV",
        help="the same from a file with the columns video, tracks, camera and, optionally, offset, fps; paths are "
        "relative to it",
    )
    parser.add_argument(
        "--identities",
        type=Path,
        metavar="CSV",
        help="who is who, where it is known: columns video, track, person (1 or more); tracks that are not listed "
        "become distractors",
    )
    parser.add_argument(
        "--max-gap", type=int, default=25, help="most missing frames within a tracklet (default 25)"
    )
    parser.add_argument("--min-length", type=int, default=4, help="leave out shorter tracklets (default 4)")
    parser.add_argument(
        "--cut-jumps",
        nargs="?",
        type=float,
        const=0.3,
        metavar="THRESHOLD",
        help="also cut where the appearance jumps, a suspected identity switch (default threshold 0.3)",
    )
    parser.add_argument("--train-share", type=float, default=0.5, help="share of the people to train on")
    parser.add_argument(
        "--format", choices=["png", "jpg"], default="png", help="of the crops; png loses nothing"
    )
    parser.add_argument(
        "--first-frame", type=int, default=1, help="number of a video's first frame in the track files"
    )
    parser.add_argument(
        "--first-pixel", type=int, default=1, help="coordinate of the first pixel in the track files"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the split into training and test people")


def run(args: argparse.Namespace) -> int:
    """Cut, write, say what was written; return 0."""
    from videoreid.data.datasets import build_dataset
    from videoreid.data.footage import CutRules, import_footage
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
    )
    splits = build_dataset("mars", root=args.output)
    for part in ("train", "query", "gallery"):
        tracklets = getattr(splits, part)
        print(f"{part:8}{len({t.pid for t in tracklets}):6} people{len(tracklets):7} tracklets", end="")
        print(f"{sum(map(len, tracklets)):9} frames")
    print(f"wrote a dataset in the layout of MARS: {args.output}")
    return 0


def _footage(args: argparse.Namespace) -> "list[Footage]":
    from videoreid.data.footage import Footage
    from videoreid.data.tracks import read_tracks

    rows = [(*source, "") for source in args.source]
    if args.list is not None:
        rows += _read_list(args.list)
    if not rows:
        raise ConfigError("nothing to import: give --source VIDEO TRACKS CAMERA SECONDS, or --list CSV")
    people = None if args.identities is None else _read_identities(args.identities)
    footage = []
    for video, tracks, camera, offset, rate in rows:
        try:
            numbers = int(camera), float(offset or 0.0), float(rate) if rate else None
        except ValueError:
            raise ConfigError(
                f"{video}: camera {camera!r} must be whole, offset {offset!r} and fps {rate!r} numbers"
            ) from None
        boxes = read_tracks(tracks, first_frame=args.first_frame, first_pixel=args.first_pixel)
        known = None if people is None else people.get(Path(video).name, {})
        footage.append(Footage(video, boxes, *numbers, identities=known))
    return footage


def _read_list(path: Path) -> list[tuple[str, str, str, str, str]]:
    return [
        (
            str(path.parent / row["video"]),
            str(path.parent / row["tracks"]),
            row["camera"],
            row.get("offset") or "",
            row.get("fps") or "",
        )
        for row in _read_csv(path, ("video", "tracks", "camera"))
    ]


def _read_identities(path: Path) -> dict[str, dict[int, int]]:
    people: dict[str, dict[int, int]] = {}
    for number, row in enumerate(_read_csv(path, ("video", "track", "person")), start=2):
        try:
            track, person = int(row["track"]), int(row["person"])
        except ValueError:
            raise ConfigError(f"{path}, line {number}: track and person must be whole numbers") from None
        if person < 1:
            raise ConfigError(f"{path}, line {number}: people are numbered from 1, got {person}")
        people.setdefault(Path(row["video"]).name, {})[track] = person
    return people


def _read_csv(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    if not path.is_file():
        raise ConfigError(f"no file {path}: expected a CSV with the columns {', '.join(columns)}")
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        missing = [name for name in columns if name not in (reader.fieldnames or ())]
        if missing:
            raise ConfigError(f"{path} lacks the columns {', '.join(missing)}")
        return list(reader)
