"""``videoreid extract``: a dataset to a feature file."""

import argparse
from pathlib import Path

from videoreid.cli._building import build_with_weights
from videoreid.cli._dataset_options import add_option_argument, parse_options

__all__ = ["HELP", "add_arguments", "run"]

HELP = "extract the features of a dataset into a file; a killed run goes on where it was"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--dataset", "--corpus", dest="dataset", required=True, help="name of a dataset")
    parser.add_argument("--root", type=Path, help="folder of the dataset, or its parent")
    add_option_argument(parser)
    parser.add_argument("--model", required=True, help="network, or an exported file (.onnx, .ts, .xml)")
    parser.add_argument("--weights", help="checkpoint file, or the name of published weights")
    parser.add_argument("--frames", type=int, help="frames per clip (default: the network's, else 1)")
    parser.add_argument("--sampling", default="all_continuous", help="which frames (default all_continuous)")
    parser.add_argument(
        "--size", type=int, nargs=2, metavar=("HEIGHT", "WIDTH"), help="input size of a frame"
    )
    parser.add_argument("--flip", action="store_true", help="add the embedding of the mirrored frames")
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16", "float16"))
    parser.add_argument("--frame-budget", type=int, default=128, help="frames of a batch (default 128)")
    parser.add_argument("--threads", type=int, default=2, help="that decode (default 2)")
    parser.add_argument("--device", help="cpu, cuda, mps (default: cpu)")
    parser.add_argument("--output", type=Path, required=True, help="the feature file, *.h5")


def run(args: argparse.Namespace) -> int:
    """Extract, tell; return 0."""
    from videoreid.data.datasets import build_dataset
    from videoreid.engine import ExtractionSettings, extract_tracklets
    from videoreid.engine.tracklet_lists import TrackletList, write_tracklets
    from videoreid.utils import setup_logging, sha256_of

    setup_logging()
    splits = build_dataset(args.dataset, root=args.root, **parse_options(args.option))
    model = build_with_weights(args.model, args.weights)
    settings = ExtractionSettings(
        num_frames=args.frames,
        sampling=args.sampling,
        size=tuple(args.size) if args.size else None,
        flip=args.flip,
        precision=args.precision,
        frame_budget=args.frame_budget,
        threads=args.threads,
        device=args.device,
    )
    file = Path(args.weights or args.model)
    details = {"weights": file.name}
    if file.is_file():
        details["weights_file_sha256"] = sha256_of(file)
    name = Path(args.model).name
    stored = extract_tracklets(
        model, splits, args.output, settings=settings, model_name=name, details=details
    )
    frames = TrackletList.of(splits.query, splits.gallery)
    write_tracklets(args.output.with_suffix(".tracklets.json.gz"), frames, args.output.parent)
    print(f"wrote {args.output}: {len(stored.query)} queries, {len(stored.gallery)} gallery tracklets")
    return 0
