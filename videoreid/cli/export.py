"""``videoreid export``: a network as a file for another runtime."""

import argparse
from pathlib import Path

from videoreid.cli._building import build_with_weights

__all__ = ["HELP", "add_arguments", "run"]

HELP = "write a network to an ONNX, TorchScript or OpenVINO file, and compare the two"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("name", metavar="NAME", help="network (videoreid models list)")
    parser.add_argument("--weights", required=True, help="checkpoint file, or the name of published weights")
    parser.add_argument("--to", default="onnx", choices=("onnx", "torchscript", "openvino"))
    parser.add_argument(
        "--input",
        default="uint8",
        choices=("uint8", "float32"),
        help="type of the pixels 0..255; the file normalises them (default uint8)",
    )
    parser.add_argument(
        "--size", type=int, nargs=2, metavar=("HEIGHT", "WIDTH"), help="input size of a frame"
    )
    parser.add_argument("--frames", type=int, metavar="T", help="fix the clip length (default: any)")
    parser.add_argument("--output", type=Path, required=True, help="the file: *.onnx, *.ts or *.xml")


def run(args: argparse.Namespace) -> int:
    """Export, compare, tell; return 0."""
    from videoreid.export import export_model
    from videoreid.utils import setup_logging

    setup_logging()
    model = build_with_weights(args.name, args.weights)
    error = export_model(
        model,
        args.output,
        args.to,
        input_type=args.input,
        size=tuple(args.size) if args.size else None,
        frames=args.frames,
    )
    print(f"wrote {args.output}; it answers as the network does, relative error at most {error:.1g}")
    return 0
