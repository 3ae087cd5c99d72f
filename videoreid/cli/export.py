"""``videoreid export``: write a network to a file for another runtime."""

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from videoreid.cli._building import add_size_argument, build_with_weights

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["HELP", "add_arguments", "run"]

HELP = "write a network to an ONNX, TorchScript or OpenVINO file, and compare their outputs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("name", metavar="NAME", help="name of the network; videoreid models list prints all")
    parser.add_argument(
        "--weights",
        help="checkpoint file, or the name of published weights (default: an untrained network)",
    )
    parser.add_argument(
        "--to",
        default="onnx",
        choices=("onnx", "torchscript", "openvino"),
        help="format of the file (default onnx)",
    )
    parser.add_argument(
        "--input",
        default="uint8",
        choices=("uint8", "float32"),
        help="type of the input pixels, 0..255; the exported network normalises them (default uint8)",
    )
    add_size_argument(parser)
    _add_shape(parser)


def _add_shape(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--frames", type=int, metavar="T", help="fix the clip length (default: any)")
    parser.add_argument(
        "--batch",
        type=int,
        metavar="B",
        help="fix the number of clips per call; sessions split larger batches (default: any)",
    )
    parser.add_argument(
        "--precision",
        default="float32",
        choices=("float32", "float16", "int8"),
        help="arithmetic of the exported network (default float32)",
    )
    parser.add_argument(
        "--calibration",
        type=Path,
        help="example frames for --precision int8: a packed store, or a folder of tracklets",
    )
    parser.add_argument("--output", type=Path, required=True, help="file to write: *.onnx, *.ts or *.xml")


def run(args: argparse.Namespace) -> int:
    """Export, compare the outputs, and print the error; return 0."""
    from videoreid.errors import ConfigError
    from videoreid.export import export_model, quantise_model
    from videoreid.models import build_model
    from videoreid.utils import setup_logging

    setup_logging()
    int8 = args.precision == "int8"
    if int8 != (args.calibration is not None) or (int8 and args.to != "onnx"):
        raise ConfigError("--precision int8 needs --calibration and works only with --to onnx")
    model = build_with_weights(args.name, args.weights) if args.weights else build_model(args.name)
    options: dict[str, Any] = {
        "input_type": args.input,
        "size": tuple(args.size) if args.size else None,
        "frames": args.frames,
        "batch": args.batch,
    }
    if not args.weights:
        print("no --weights: the file holds an untrained network")
    if int8:
        with tempfile.TemporaryDirectory() as folder:
            exact = Path(folder, "float32.onnx")
            export_model(model, exact, "onnx", **options)
            clips = _examples(
                args.calibration, options["size"] or model.input_size, args.frames or model.frames
            )
            cosine = quantise_model(exact, args.output, clips)
        print(f"wrote {args.output} in int8; smallest cosine to float32 on {len(clips)} clips: {cosine:.4f}")
        return 0
    error = export_model(model, args.output, args.to, precision=args.precision, **options)
    print(f"wrote {args.output}; its outputs agree with the network, relative error at most {error:.1g}")
    return 0


_EXAMPLES = 64


def _examples(source: Path, size: tuple[int, int], frames: int | None) -> "Tensor":
    """Return up to 64 clips ``(B, T, 3, H, W)`` of evenly spread tracklets."""
    import torch

    from videoreid.data import ClipDataset, build_transform
    from videoreid.engine.extraction_sources import open_source

    with open_source(source, Path("unused")) as splits:
        tracklets = (*splits.train, *splits.query, *splits.gallery)
        step = max(len(tracklets) // _EXAMPLES, 1)
        transform = build_transform(size=size, train=False)
        dataset = ClipDataset(
            tracklets[::step][:_EXAMPLES], num_frames=frames or 1, sampling="evenly", transform=transform
        )
        return torch.stack([dataset[place].frames for place in range(len(dataset))])
