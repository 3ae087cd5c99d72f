"""Options of the commands that index and search: model, rules, start times, sources."""

import argparse
import functools
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from videoreid.cli._building import add_pixel_arguments, build_with_weights, is_exported, pixels_of
from videoreid.cli._tracking_options import add_tracking_arguments, at_least
from videoreid.errors import ConfigError

if TYPE_CHECKING:
    from videoreid.footage import Encoder
    from videoreid.indexing import IndexRules
    from videoreid.retrieval import Gallery

__all__ = [
    "Opened",
    "Source",
    "add_making_arguments",
    "open_gallery",
    "rules_of",
    "sources_of",
    "time_of",
]

_DETECTOR = "yolox_nano"


@dataclass(frozen=True)
class Source:
    """A recording to index, or a dataset (with ``--root``)."""

    name: str
    camera: str = ""
    start: datetime | None = None
    tracks: str = ""


@dataclass(frozen=True, eq=False)
class Opened:
    """An open gallery, with its encoder and its detector."""

    gallery: "Gallery"
    encoder: "Encoder"
    detector: str


def add_making_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the model and of detection, tracking and indexing."""
    group = parser.add_argument_group("how recordings become tracklets")
    group.add_argument("--model", help="name of the network (default: the network of the gallery)")
    group.add_argument("--weights", help="checkpoint file, or the name of published weights")
    add_pixel_arguments(group)
    group.add_argument("--device", help="cpu or cuda (default: the best available)")
    group.add_argument(
        "--precision",
        default="float32",
        choices=["float32", "bfloat16", "float16"],
        help="arithmetic of the network (default float32)",
    )
    group.add_argument(
        "--workers",
        type=at_least(1),
        default=1,
        metavar="N",
        help="number of recordings that are indexed in parallel (default 1)",
    )
    add_tracking_arguments(group, detector=None)
    group.add_argument(
        "--frames-per-track",
        type=int,
        default=16,
        metavar="N",
        help="crops per track that are embedded (default 16)",
    )
    _add_recording_arguments(group)


def _add_recording_arguments(group: Any) -> None:
    group.add_argument(
        "--cameras",
        nargs="+",
        metavar="NAME",
        help="camera of each recording (default: the name of the file)",
    )
    group.add_argument(
        "--starts",
        nargs="+",
        metavar="TIME",
        help="date and time of the first frame of each recording, such as 2024-05-01T08:00",
    )
    group.add_argument(
        "--tracks",
        nargs="+",
        metavar="FILE",
        help="track file (MOT) of each recording, instead of detection and tracking",
    )


def time_of(text: str) -> datetime:
    """Read a date and time without a time zone.

    Raises:
        ConfigError: the text is not such a time.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"{text!r} is not a time: write it as 2024-05-01T08:00") from error
    if found.tzinfo is not None:
        raise ConfigError(f"{text!r} has a time zone: give the local time without one")
    return found


def sources_of(args: argparse.Namespace, names: Sequence[str]) -> list[Source]:
    """Return the recordings with their cameras, start times and track files."""
    columns = {name: getattr(args, name) or [] for name in ("cameras", "starts", "tracks")}
    for name, values in columns.items():
        if values and len(values) != len(names):
            raise ConfigError(
                f"{len(names)} recordings, but {len(values)} --{name}: give one per recording, in the same order"
            )
    starts: list[datetime | None] = [time_of(text) for text in columns["starts"]]
    starts = starts or [None] * len(names)
    cameras, tracks = (columns[name] or [""] * len(names) for name in ("cameras", "tracks"))
    return [Source(*row) for row in zip(names, cameras, starts, tracks, strict=True)]


def rules_of(args: argparse.Namespace, detector: str) -> "IndexRules":
    """Return the rules by which recordings become tracklets."""
    from videoreid.indexing import IndexRules

    return IndexRules(
        detector=detector,
        tracker=args.tracker,
        every=args.every,
        min_score=args.min_score,
        min_length=args.min_length,
        frames_per_track=args.frames_per_track,
    )


def open_gallery(args: argparse.Namespace, *, create: bool) -> Opened:
    """Open or create the gallery ``args.gallery`` with its model and its detector."""
    from videoreid.engine import FeatureExtractor
    from videoreid.indexing import model_fingerprint
    from videoreid.retrieval import Gallery

    folder = Path(args.gallery)
    there = (folder / "gallery.json").exists()
    kept = Gallery.open(folder).details if there or not create else {}
    name, weights = args.model or kept.get("model", ""), args.weights or kept.get("weights", "")
    exported = is_exported(name)
    if not name or not (weights or exported):
        raise ConfigError("a new gallery needs --model and --weights")
    name, weights = (_whole(name), args.weights) if exported else (name, weights)
    known = kept.get("pixels", "{}") if name == kept.get("model") else "{}"
    pixels = pixels_of(args) or json.loads(known)
    extractor = FeatureExtractor(build_with_weights(name, weights, **pixels), device=args.device)
    detector = _whole(args.detector or kept.get("detector") or _DETECTOR)
    details = {"model": name, "weights": "" if exported else _whole(weights), "detector": detector}
    details |= {"pixels": json.dumps(pixels)} if pixels else {}
    gallery = Gallery.open(
        folder, fingerprint=model_fingerprint(extractor.model), create=create, details=details
    )
    return Opened(gallery, functools.partial(extractor, precision=args.precision), detector)


def _whole(text: str) -> str:
    return os.path.abspath(text) if Path(text).exists() else text  # noqa: PTH100
