"""What the commands that index and search share: the model, the rules, the clocks, a loop over recordings."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from videoreid.cli._building import build_with_weights, is_exported
from videoreid.errors import ConfigError, VideoReIDError

if TYPE_CHECKING:
    from videoreid.engine import FeatureExtractor
    from videoreid.footage import Tracks
    from videoreid.indexing import IndexRules
    from videoreid.retrieval import Gallery

__all__ = [
    "Source",
    "add_making_arguments",
    "add_videos",
    "open_gallery",
    "rules_of",
    "sources_of",
    "time_of",
]

_DETECTOR = "yolox_nano"


@dataclass(frozen=True)
class Source:
    """A recording to index."""

    video: str
    camera: str = ""
    start: datetime | None = None
    tracks: str = ""


def add_making_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare how recordings become tracklets, and by which model."""
    group = parser.add_argument_group("how recordings become tracklets")
    group.add_argument("--model", help="network (default: the gallery's own; videoreid models list)")
    group.add_argument("--weights", help="checkpoint file, or the name of published weights")
    group.add_argument("--detector", help="see videoreid track (default: the gallery's own, else yolox_nano)")
    group.add_argument("--device", help="cpu, cuda (default: the best there is)")
    group.add_argument("--every", type=int, default=1, metavar="N", help="look at every N-th frame only")
    group.add_argument(
        "--frames-per-track",
        type=int,
        default=16,
        metavar="N",
        help="crops a track that are embedded (default 16)",
    )
    group.add_argument(
        "--min-length", type=int, default=5, help="leave out tracks of fewer boxes (default 5)"
    )
    group.add_argument(
        "--tracker",
        default="bytetrack",
        choices=["bytetrack", "ocsort", "botsort"],
        help="default: bytetrack",
    )
    group.add_argument(
        "--cameras", nargs="+", metavar="NAME", help="camera of each recording (default: the file's name)"
    )
    group.add_argument(
        "--starts",
        nargs="+",
        metavar="TIME",
        help="time of day of each first frame, such as 2024-05-01T08:00",
    )
    group.add_argument(
        "--tracks", nargs="+", metavar="FILE", help="track file (MOT) of each recording, where there is"
    )


def time_of(text: str) -> datetime:
    """Read a time of day without a time zone.

    Raises:
        ConfigError: the text is no such time.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"{text!r} is no time: write it as 2024-05-01T08:00") from error
    if found.tzinfo is not None:
        raise ConfigError(f"{text!r} has a time zone: give the clock of the place")
    return found


def sources_of(args: argparse.Namespace, videos: Sequence[str]) -> list[Source]:
    """Return the recordings with their cameras, clocks and tracks."""
    columns = {name: getattr(args, name) or [] for name in ("cameras", "starts", "tracks")}
    for name, values in columns.items():
        if values and len(values) != len(videos):
            raise ConfigError(
                f"{len(videos)} recordings, but {len(values)} --{name}: one each, in the same order"
            )
    starts: list[datetime | None] = [time_of(text) for text in columns["starts"]]
    starts = starts or [None] * len(videos)
    cameras, tracks = (columns[name] or [""] * len(videos) for name in ("cameras", "tracks"))
    return [Source(*row) for row in zip(videos, cameras, starts, tracks, strict=True)]


def rules_of(args: argparse.Namespace, detector: str) -> "IndexRules":
    """Return how recordings become tracklets."""
    from videoreid.indexing import IndexRules

    return IndexRules(
        detector=detector,
        tracker=args.tracker,
        every=args.every,
        min_length=args.min_length,
        frames_per_track=args.frames_per_track,
    )


def open_gallery(args: argparse.Namespace, *, create: bool) -> "tuple[Gallery, FeatureExtractor, str]":
    """Open or make the gallery ``args.gallery``; return it, its model and its detector."""
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
    if exported:
        name = _whole(name)
        extractor = FeatureExtractor(build_with_weights(name, args.weights), device=args.device)
    else:
        extractor = FeatureExtractor(name, weights, device=args.device)
    detector = _whole(args.detector or kept.get("detector") or _DETECTOR)
    details = {"model": name, "weights": "" if exported else _whole(weights), "detector": detector}
    gallery = Gallery.open(
        folder, fingerprint=model_fingerprint(extractor.model), create=create, details=details
    )
    return gallery, extractor, detector


def _whole(text: str) -> str:
    return os.path.abspath(text) if Path(text).exists() else text  # noqa: PTH100


def add_videos(
    gallery: "Gallery", extractor: "FeatureExtractor", sources: Sequence[Source], rules: "IndexRules"
) -> int:
    """Index each recording, say how it went, and go on after one that cannot be read; return how many failed."""
    failed = 0
    for number, source in enumerate(sources, start=1):
        begin = time.perf_counter()
        try:
            added = _add(gallery, extractor, source, rules)
        except VideoReIDError as error:
            if len(sources) == 1:
                raise
            failed += 1
            print(f"{source.video}: {error}", file=sys.stderr)
            continue
        what = "is in the gallery already: skipped" if added is None else f"{added} tracklets"
        seconds = time.perf_counter() - begin
        print(f"[{number}/{len(sources)}] {source.video}: {what} ({seconds:.1f} s)", file=sys.stderr)
    if failed:
        print(f"{failed} of {len(sources)} recordings could not be indexed", file=sys.stderr)
    return failed


def _add(
    gallery: "Gallery", extractor: "FeatureExtractor", source: Source, rules: "IndexRules"
) -> int | None:
    from videoreid.footage import read_tracks
    from videoreid.indexing import index_recording

    tracks: Tracks | None = read_tracks(source.tracks) if source.tracks else None
    return index_recording(
        gallery, source.video, extractor, camera=source.camera, start=source.start, tracks=tracks, rules=rules
    )
