"""Options of detection and tracking, shared by several commands."""

import argparse
from typing import Any

__all__ = ["add_tracking_arguments", "at_least"]


def at_least(least: int) -> Any:
    """Return a type for argparse: integers of at least ``least``."""

    def number(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"{value} is below {least}")
        return value

    return number


def add_tracking_arguments(parser: Any, *, detector: str | None) -> None:
    """Declare the options of detector and tracker on a parser or an argument group.

    Args:
        parser: parser or group of argparse.
        detector: the default; None if the gallery decides.
    """
    parser.add_argument(
        "--detector",
        default=detector,
        help="yolox_nano, yolox_tiny, yolox_s, an ONNX file of that family, or a file of detections (default: "
        + ("%(default)s)" if detector else "the detector of the gallery, else yolox_nano)"),
    )
    parser.add_argument(
        "--tracker",
        default="bytetrack",
        choices=["bytetrack", "ocsort", "botsort"],
        help="default: bytetrack",
    )
    parser.add_argument(
        "--min-score",
        type=float,
        default=0.1,
        help="lowest score of a box that may continue a track (default 0.1)",
    )
    parser.add_argument("--min-length", type=int, default=5, help="drop tracks with fewer boxes (default 5)")
    parser.add_argument(
        "--every", type=int, default=1, metavar="N", help="use only every N-th frame (default 1)"
    )
