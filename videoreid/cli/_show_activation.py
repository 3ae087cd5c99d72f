"""``videoreid show activation``: draw activation maps of a network over the frames of tracklets."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from videoreid.cli._building import add_pixel_arguments, add_size_argument, build_with_weights, pixels_of
from videoreid.cli._dataset_options import add_option_argument, parse_options
from videoreid.errors import ConfigError

if TYPE_CHECKING:
    from videoreid.types import Clip, Tracklet

__all__ = ["HELP", "add_arguments", "run"]

HELP = "draw activation maps of a network over the frames of tracklets"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument(
        "name", metavar="NAME", nargs="?", help="name of the dataset; videoreid data layout prints all"
    )
    parser.add_argument(
        "root", metavar="ROOT", nargs="?", type=Path, help="folder of the dataset, or its parent"
    )
    add_option_argument(parser)
    parser.add_argument(
        "--split",
        default="query",
        choices=("train", "query", "gallery"),
        help="split of --rows (default query)",
    )
    parser.add_argument(
        "--rows",
        type=int,
        nargs="+",
        default=[0],
        help="rows of the tracklets in the split, from 0 (default 0)",
    )
    parser.add_argument(
        "--other", type=int, nargs="+", metavar="ROW", help="rows of the tracklets to compare with"
    )
    parser.add_argument(
        "--other-split",
        default="gallery",
        choices=("train", "query", "gallery"),
        help="split of --other (default gallery)",
    )
    parser.add_argument("--video", type=Path, help="a recording instead of a dataset; needs --tracks")
    parser.add_argument(
        "--tracks", type=Path, help="track file of --video; --rows and --other are then track numbers"
    )
    parser.add_argument(
        "--model", required=True, help="name of the network; videoreid models list prints all"
    )
    parser.add_argument("--weights", help="checkpoint file, or the name of published weights")
    _add_drawing(parser)


def _add_drawing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--method", default="channels", help="channels (default), grad_cam, pair, rollout, ..."
    )
    parser.add_argument("--layer", help="layer of the maps (default: the last layer with a map per frame)")
    parser.add_argument("--scale", help="scale maps to 0..1 per frame or per clip")
    parser.add_argument(
        "--frames", type=int, help="frames per clip (default: the clip length of the network, else 4)"
    )
    parser.add_argument("--sampling", default="evenly", help="rule that chooses the frames (default evenly)")
    add_size_argument(parser)
    add_pixel_arguments(parser)
    parser.add_argument(
        "--colours", default="jet", help="colour map: jet, turbo, viridis or inferno (default jet)"
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda or mps (default cpu)")
    parser.add_argument("--output", type=Path, required=True, help="picture to write, .png or .jpg")


def run(args: argparse.Namespace) -> int:
    """Draw; return 0."""
    from videoreid.data import build_transform
    from videoreid.visual import activation_maps, draw_activation_maps

    own, others = _tracklets(args)
    model = build_with_weights(args.model, args.weights, **pixels_of(args)).to(args.device)
    size = tuple(args.size) if args.size else model.input_size
    frames = args.frames or model.frames or 4
    transform = build_transform(size=size, train=False)
    clip = _clip(own, frames, args.sampling, transform)
    other = None if others is None else _clip(others, frames, args.sampling, transform)
    found = activation_maps(model, clip, method=args.method, other=other, layer=args.layer, scale=args.scale)
    draw_activation_maps(
        found, clip, args.output, other=other, colours=args.colours, labels=_labels(own, others, found.scores)
    )
    print(f"wrote {args.output}: {found!r}")
    return 0


def _tracklets(args: argparse.Namespace) -> tuple[list["Tracklet"], list["Tracklet"] | None]:
    """Return the tracklets to draw, and those to compare them with.

    Raises:
        ConfigError: there is not exactly one source, or a row does not exist.
    """
    if (args.video is None) != (args.tracks is None):
        raise ConfigError("--video and --tracks belong together: give both")
    if (args.video is None) == (args.name is None):
        raise ConfigError("give a dataset (NAME ROOT), or a recording (--video and --tracks)")
    if args.video is not None:
        tracks = _of_recording(args.video, args.tracks)
        return [_pick(tracks, row, "track") for row in args.rows], (
            None if args.other is None else [_pick(tracks, row, "track") for row in args.other]
        )
    from videoreid.data.datasets import build_dataset

    splits = build_dataset(args.name, args.root, **parse_options(args.option))
    own, others = (dict(enumerate(getattr(splits, name))) for name in (args.split, args.other_split))
    return [_pick(own, row, f"row of {args.split}") for row in args.rows], (
        None
        if args.other is None
        else [_pick(others, row, f"row of {args.other_split}") for row in args.other]
    )


def _of_recording(video: Path, tracks: Path) -> dict[int, "Tracklet"]:
    """Return the tracks of a recording by number; their frames are read from the video."""
    from videoreid.data.keys import video_key
    from videoreid.data.video import VideoReader
    from videoreid.footage import read_tracks
    from videoreid.footage.crops import round_box
    from videoreid.types import Tracklet

    rows = read_tracks(tracks)
    height, width = VideoReader(video).read(int(rows.frames.min())).shape[:2]
    keys: dict[int, list[str]] = {}
    for row, (track, frame) in enumerate(zip(rows.track_ids, rows.frames, strict=True)):
        box = round_box(rows, row, width=width, height=height)
        keys.setdefault(int(track), []).append(video_key(str(video), int(frame), box))
    return {track: Tracklet(tuple(frames), track, 0) for track, frames in keys.items()}


def _pick(found: dict[int, "Tracklet"], row: int, what: str) -> "Tracklet":
    if row not in found:
        numbers = f"{min(found)} to {max(found)}" if found else "none"
        raise ConfigError(f"there is no {what} {row}; there are {len(found)}: {numbers}")
    return found[row]


def _clip(tracklets: list["Tracklet"], frames: int, sampling: str, transform: object) -> "Clip":
    """Return the first clip of each tracklet."""
    import torch

    from videoreid.data import ClipDataset
    from videoreid.types import Clip

    clips = []
    for tracklet in tracklets:
        dataset = ClipDataset([tracklet], num_frames=frames, sampling=sampling, transform=transform)  # type: ignore[arg-type]
        clips.append(dataset[0])
    return Clip(*(torch.stack(parts) for parts in zip(*clips, strict=True)))


def _labels(own: list["Tracklet"], others: list["Tracklet"] | None, scores: object) -> list[str]:
    import numpy as np

    cosines = np.asarray(scores)
    labels = []
    for number, tracklet in enumerate(own):
        text = f"id {tracklet.pid}, cam {tracklet.camid}"
        if others is not None:
            other = others[number % len(others)]
            text += f" and id {other.pid}, cam {other.camid}: cosine {cosines[number]:.3f}"
        labels.append(text)
    return labels
