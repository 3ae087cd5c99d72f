"""``videoreid parse``: label the body parts of people in a video, a folder of pictures or a dataset."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from videoreid.cli._dataset_options import add_option_argument, parse_options
from videoreid.errors import ConfigError

if TYPE_CHECKING:
    from videoreid.models.ce2p import CE2P
    from videoreid.parsing import LabelTable, Parser
    from videoreid.parsing.sources import Picture

__all__ = ["HELP", "add_arguments", "run"]

HELP = "label the body parts of people: label maps, overlays, and the visibility of parts in each tracklet"
_BY_COUNT = {20: "lip20", 7: "seed7", 5: "spreid5"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "source", help="video file, folder of pictures (each folder is a tracklet), or name of a dataset"
    )
    parser.add_argument("--root", type=Path, help="folder of the dataset, or its parent")
    add_option_argument(parser)
    parser.add_argument(
        "--splits",
        nargs="+",
        default=["query", "gallery"],
        choices=["train", "query", "gallery"],
        help="splits of the dataset (default: query gallery)",
    )
    parser.add_argument(
        "--every", type=int, default=1, metavar="N", help="use only every N-th video frame (default 1)"
    )
    model = parser.add_argument_group("parser")
    model.add_argument(
        "--weights",
        required=True,
        help="network of save_pretrained (folder or .safetensors), checkpoint, .onnx file, or folder of transformers",
    )
    model.add_argument(
        "--model", default="ce2p_resnet101", help="network of the checkpoint (default ce2p_resnet101)"
    )
    model.add_argument(
        "--released",
        action="store_true",
        help="the checkpoint was written by the authors' training code (BGR)",
    )
    model.add_argument(
        "--table", help="label table: lip20, seed7 or spreid5 (default: by the number of classes)"
    )
    model.add_argument(
        "--size", type=int, nargs=2, metavar=("HEIGHT", "WIDTH"), help="input size of the network"
    )
    model.add_argument(
        "--fit",
        default="pad",
        choices=["pad", "stretch"],
        help="how pictures are fitted to this size (default pad)",
    )
    model.add_argument(
        "--scales", type=float, nargs="+", default=[1.0], help="scales to average over (default 1)"
    )
    model.add_argument("--flip", action="store_true", help="also average over the mirror image")
    model.add_argument("--batch-size", type=int, default=16, help="pictures per batch (default 16)")
    model.add_argument("--device", help="cpu, cuda or mps (default: cuda if available, else cpu)")
    parser.add_argument("--no-overlays", action="store_true", help="write only label maps")
    parser.add_argument(
        "--output", type=Path, required=True, help="folder for labels/, overlays/, visibility.csv"
    )


def run(args: argparse.Namespace) -> int:
    """Parse, write, and print the speed; return 0."""
    from videoreid.parsing.writing import parse_into_folder
    from videoreid.utils import setup_logging

    setup_logging()
    if args.every < 1 or args.batch_size < 1:
        raise ConfigError(
            f"--every and --batch-size must be 1 or more, got {args.every} and {args.batch_size}"
        )
    pictures = _pictures(args)
    parser = _parser(args)
    done = parse_into_folder(
        parser, pictures, args.output, batch_size=args.batch_size, overlays=not args.no_overlays
    )
    print(f"{parser.description} | classes {parser.table.name}")
    print(
        f"{done.parsed} pictures parsed, {done.pictures_per_second:.1f} per second; {done.found} were already there; "
        f"wrote {args.output}"
    )
    return 0


def _pictures(args: argparse.Namespace) -> "list[Picture]":
    from videoreid.parsing.sources import pictures_of_folder, pictures_of_splits, pictures_of_video

    path = Path(args.source)
    if args.root is not None:
        from videoreid.data.datasets import build_dataset

        splits = build_dataset(args.source, args.root, **parse_options(args.option))
        return pictures_of_splits(splits, args.splits)
    if args.option:
        raise ConfigError("--option belongs to a dataset: give its name and --root")
    if path.is_dir():
        return pictures_of_folder(path)
    if path.is_file():
        return pictures_of_video(path, every=args.every)
    raise ConfigError(
        f"{args.source} is neither a file nor a folder; for a dataset (videoreid data layout) give --root too"
    )


def _parser(args: argparse.Namespace) -> "Parser":
    weights = Path(args.weights)
    if weights.suffix == ".onnx":
        from videoreid.parsing.onnx_parser import OnnxParser

        if args.table is None or args.size is None:
            raise ConfigError(
                "an ONNX file does not name its classes and input size: give --table and --size"
            )
        return OnnxParser(path=weights, table=_table(args.table), size=tuple(args.size), fit=args.fit)
    if (weights / "config.json").is_file():
        from videoreid.parsing.transformers_parser import transformers_parser

        return transformers_parser(args.weights, table=args.table, device=args.device)
    return _network_parser(args, weights)


def _network_parser(args: argparse.Namespace, weights: Path) -> "Parser":
    import torch

    from videoreid.models import from_pretrained
    from videoreid.models.ce2p import CE2P
    from videoreid.parsing import NetworkParser

    if weights.is_dir() or weights.suffix == ".safetensors":
        model = from_pretrained(weights)
        if not isinstance(model, CE2P):
            raise ConfigError(f"{weights} holds a {type(model).__name__}, which does not label pixels")
    else:
        model = _from_checkpoint(args, weights)
    name = args.table or _BY_COUNT.get(model.num_classes)
    if name is None:
        raise ConfigError(f"no label table has {model.num_classes} classes; give --table")
    return NetworkParser(
        model=model,
        table=_table(name),
        size=tuple(args.size) if args.size else model.input_size,
        fit=args.fit,
        scales=tuple(args.scales),
        flip=args.flip,
        device=args.device or ("cuda" if torch.cuda.is_available() else "cpu"),
    )


def _from_checkpoint(args: argparse.Namespace, weights: Path) -> "CE2P":
    from videoreid.errors import WeightsError
    from videoreid.models import build_model, load_weights
    from videoreid.models.ce2p import CE2P, load_released_weights

    table = _table(args.table or "lip20")
    options = {"channel_order": "bgr"} if args.released else {}
    model = build_model(args.model, num_classes=table.num_classes, **options)
    if not isinstance(model, CE2P):
        raise ConfigError(
            f"{args.model} does not label pixels; choose a ce2p network (videoreid models list 'ce2p*')"
        )
    report = load_released_weights(model, weights) if args.released else load_weights(model, weights)
    if report.missing or report.mismatched:
        raise WeightsError(f"{weights} does not fill {args.model} with {table.num_classes} classes: {report}")
    return model


def _table(name: str) -> "LabelTable":
    from videoreid.parsing import get_table

    return get_table(name)
