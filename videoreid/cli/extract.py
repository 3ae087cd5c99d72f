"""``videoreid extract``: extract the features of a dataset into a file."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from videoreid.cli._building import add_pixel_arguments, add_size_argument, build_with_weights, pixels_of
from videoreid.cli._dataset_options import add_option_argument, parse_options
from videoreid.errors import ConfigError

if TYPE_CHECKING:
    from videoreid.engine.extraction_sources import Source

__all__ = ["HELP", "add_arguments", "run"]

HELP = "extract features into a file; the same command continues a killed run"
_RULE: dict[str, Any] = {
    "model": None,
    "pixel_mean": None,
    "pixel_std": None,
    "channel_order": None,
    "frames": None,
    "sampling": "all_continuous",
    "size": None,
    "flip": False,
    "precision": "auto",
    "compile": False,
}
"""What the recipe of a run decides, with the value that an option has if the user does not give it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    _add_source_arguments(parser)
    parser.add_argument("--model", help="network, or an exported file (.onnx, .ts, .xml)")
    parser.add_argument("--weights", help="checkpoint file, or the name of published weights")
    parser.add_argument(
        "--frames", type=int, help="frames per clip (default: the clip length of the network, else 1)"
    )
    parser.add_argument(
        "--sampling", default="all_continuous", help="rule that chooses the frames (default all_continuous)"
    )
    add_size_argument(parser)
    add_pixel_arguments(parser)
    parser.add_argument("--flip", action="store_true", help="add the embedding of the mirrored frames")
    parser.add_argument(
        "--precision",
        default="auto",
        choices=("auto", "float32", "bfloat16", "float16"),
        help="arithmetic of the network (default auto: the faster of float32 and bfloat16)",
    )
    parser.add_argument(
        "--frame-budget", type=int, default=128, help="largest number of frames in a batch (default 128)"
    )
    parser.add_argument("--threads", type=int, default=2, help="threads that decode frames (default 2)")
    parser.add_argument("--compile", action="store_true", help="run the network through torch.compile")
    parser.add_argument("--device", help="cpu, cuda, mps (default: cpu)")
    parser.add_argument("--output", type=Path, required=True, help="feature file to write, *.h5")


def _add_source_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what is extracted."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--dataset", "--corpus", dest="dataset", help="name of a dataset; videoreid data layout prints all"
    )
    source.add_argument("--source", type=Path, help="a packed store (.h5), or a folder of tracklets")
    source.add_argument("--video", type=Path, help="a recording; needs --tracks")
    source.add_argument(
        "--run",
        dest="trained",
        metavar="FOLDER",
        type=Path,
        help="folder of videoreid train: its dataset, network, weights and test rule",
    )
    parser.add_argument("--tracks", type=Path, help="track file of --video, as trackers write it")
    parser.add_argument("--camera", type=int, default=0, help="camera number of --video (default 0)")
    parser.add_argument("--root", type=Path, help="folder of the dataset, or its parent")
    add_option_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Extract and print a summary; return 0."""
    from videoreid.engine import ExtractionSettings, extract_tracklets
    from videoreid.engine.accelerator import join_processes
    from videoreid.engine.tracklet_lists import TrackletList, write_tracklets
    from videoreid.types import Splits
    from videoreid.utils import setup_logging
    from videoreid.utils.processes import process_rank

    setup_logging()
    if args.trained is not None:
        return _extract_run(args)
    device = join_processes(args.device)
    source = _source(args)
    model = build_with_weights(args.model, args.weights, **pixels_of(args))
    settings = ExtractionSettings(
        num_frames=args.frames,
        sampling=args.sampling,
        size=tuple(args.size) if args.size else None,
        flip=args.flip,
        precision=args.precision,
        frame_budget=args.frame_budget,
        threads=args.threads,
        device=device,
        compile=args.compile,
    )
    details = _weights_of(args)
    name = Path(args.model).name
    stored = extract_tracklets(
        model, source, args.output, settings=settings, model_name=name, details=details
    )
    if process_rank() == 0:
        print(
            f"wrote {args.output}: {len(stored.query)} queries, {len(stored.gallery)} gallery tracklets, in "
            f"{stored.details['precision']}"
        )
        if isinstance(source, Splits):  # with it, pages and reports find the frames
            frames = TrackletList.of(source.query, source.gallery)
            write_tracklets(args.output.with_suffix(".tracklets.json.gz"), frames, args.output.parent)
    return 0


def _weights_of(args: argparse.Namespace) -> dict[str, str]:
    """Return what the feature file says of the weights."""
    from videoreid.utils import sha256_of

    file = Path(args.weights or args.model)
    return {"weights": file.name, **({"weights_file_sha256": sha256_of(file)} if file.is_file() else {})}


def _extract_run(args: argparse.Namespace) -> int:
    """Extract by the test rule of a run's recipe; return 0."""
    from videoreid.recipes import extract_run

    fixed = {name: default for name, default in _RULE.items() if getattr(args, name) != default}
    if fixed:
        given = ", ".join(f"--{name.replace('_', '-')}" for name in fixed)
        raise ConfigError(f"the recipe of --run says how features are made: leave {given} out")
    stored = extract_run(
        args.trained,
        args.output,
        root=args.root,
        weights=args.weights,
        device=args.device,
        options=parse_options(args.option),
    )
    print(
        f"wrote {args.output}: {len(stored.query)} queries, {len(stored.gallery)} gallery tracklets, "
        f"{len(stored.train or ())} training sightings, by the test rule of {stored.details['recipe']}"
    )
    return 0


def _source(args: argparse.Namespace) -> "Source":
    """Return the source that the options name; a dataset is read here, with its options."""
    from videoreid.data.datasets import build_dataset
    from videoreid.engine.extraction_sources import VideoTracks

    if args.model is None:
        raise ConfigError("--model is missing: name a network, or an exported file (.onnx, .ts, .xml)")
    if (args.video is None) != (args.tracks is None):
        raise ConfigError("--video and --tracks belong together: a recording and its track file")
    if args.video is not None:
        return VideoTracks(args.video, args.tracks, args.camera)
    if args.source is not None:
        return str(args.source)
    return build_dataset(args.dataset, root=args.root, **parse_options(args.option))
