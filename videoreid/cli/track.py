"""``videoreid track``: detect and track the persons of recordings, and write track files."""

import argparse
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from videoreid.cli._tracking_options import add_tracking_arguments
from videoreid.errors import ConfigError, VideoReIDError

if TYPE_CHECKING:
    import numpy as np

    from videoreid.footage import DetectedFrame, Tracks

__all__ = ["HELP", "add_arguments", "run"]

HELP = "detect and track the persons in recordings; write their tracks as MOT files"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "videos",
        nargs="+",
        metavar="VIDEO",
        help="a video, a folder of numbered images, or a pattern such as img/%%06d.jpg",
    )
    parser.add_argument(
        "--output", type=Path, required=True, help="folder for NAME.txt and NAME.mp4 of each video"
    )
    add_tracking_arguments(parser, detector="yolox_nano")
    parser.add_argument(
        "--min-height", type=float, default=0.0, help="drop boxes that are less high, in pixels (default 0)"
    )
    parser.add_argument(
        "--model",
        help="network that finds identity switches, where tracks are cut (videoreid models list prints all)",
    )
    parser.add_argument("--weights", help="checkpoint file of --model, or the name of published weights")
    parser.add_argument("--no-preview", action="store_true", help="do not write a video with boxes and ids")


def run(args: argparse.Namespace) -> int:
    """Track the persons in each video; return 0, or 1 if one of several could not be read."""
    from videoreid.utils import setup_logging
    from videoreid.utils.staging import staged_outputs

    setup_logging()
    if (args.model is None) != (args.weights is None):
        raise ConfigError("--model and --weights belong together")
    names = [_name(video) for video in args.videos]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ConfigError(
            f"several videos would be written to {twice[0]}.txt: run the command once per video, or rename them"
        )
    failed = 0
    for video, name in zip(args.videos, names, strict=True):
        try:
            with staged_outputs(args.output, [f"{name}.mp4", f"{name}.txt"]) as place:
                _follow(args, video, place / name)
        except VideoReIDError as error:
            if len(args.videos) == 1:
                raise
            failed += 1
            print(f"{video}: {error}", file=sys.stderr)
    if failed:
        print(f"{failed} of {len(args.videos)} videos could not be read", file=sys.stderr)
    return int(failed > 0)


def _name(video: str) -> str:
    path = Path(video)
    if path.is_dir():
        return path.resolve().parent.name if path.name in ("img1", "images") else path.resolve().name
    return (path.parent.resolve().name if "%" in path.name else path.stem) or "video"


def _follow(args: argparse.Namespace, video: str, base: Path) -> None:
    from videoreid.data.video import frame_rate
    from videoreid.errors import FrameError
    from videoreid.footage import PreviewWriter, detect, track

    try:
        rate = frame_rate(video) / max(args.every, 1)
    except FrameError:
        rate = None
    begin = time.perf_counter()
    frames = 0

    def each(frame: "DetectedFrame", boxes: "np.ndarray", ids: "np.ndarray") -> None:
        nonlocal frames
        frames += 1
        if preview is not None:
            preview.write(frame.image, boxes, ids)

    found = detect(
        video, args.detector, min_score=args.min_score, min_height=args.min_height, every=args.every
    )
    if args.no_preview:
        preview = None
        tracks = track(found, args.tracker, frame_rate=rate, each=each, source=video)
    else:
        with PreviewWriter(base.with_name(f"{base.name}.mp4"), frame_rate=rate or 25.0) as preview:
            tracks = track(found, args.tracker, frame_rate=rate, each=each, source=video)
    if not frames:
        raise FrameError(f"{video} has no frame that can be decoded")
    seconds = time.perf_counter() - begin
    if args.model is not None:
        tracks, cuts = _without_switches(args, video, tracks)
        print(
            f"{video}: cut at {cuts} suspected identity switches; the preview shows the tracks before the cuts"
        )
    _write(args, base, tracks)
    print(f"  {frames} frames, {frames / seconds:.1f} per second")


def _write(args: argparse.Namespace, base: Path, tracks: "Tracks") -> None:
    from videoreid.footage import write_tracks

    kept = _long_enough(tracks, args.min_length)
    write_tracks(kept, base.with_name(f"{base.name}.txt"))
    people = len(set(kept.track_ids.tolist()))
    print(f"{tracks.source}: {people} tracks, {len(kept)} boxes")
    short = len(set(tracks.track_ids.tolist())) - people
    if short:
        print(f"  {short} tracks with fewer than {args.min_length} boxes were dropped")
    print(f"  wrote {args.output / base.name}.txt" + ("" if args.no_preview else f" and {base.name}.mp4"))


def _without_switches(args: argparse.Namespace, video: str, tracks: "Tracks") -> "tuple[Tracks, int]":
    import numpy as np

    from videoreid.engine import FeatureExtractor
    from videoreid.footage import cut_switches, embed_boxes

    extractor = FeatureExtractor(args.model, args.weights)

    def encode(crops: "list[np.ndarray]") -> "np.ndarray":
        return np.asarray(extractor(crops).cpu())

    return cut_switches(tracks, embed_boxes(video, tracks, encode, every=4 * args.every))


def _long_enough(tracks: "Tracks", length: int) -> "Tracks":
    import numpy as np

    _, places, counts = np.unique(tracks.track_ids, return_inverse=True, return_counts=True)
    return tracks.select(counts[places] >= length)
