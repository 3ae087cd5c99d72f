"""How recordings become tracks, on the command line; shared by the commands that detect and track."""

import argparse
from typing import Any

__all__ = ["add_tracking_arguments", "at_least"]


def at_least(least: int) -> Any:
    """Return a type of argparse: whole numbers from ``least`` on."""

    def number(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"{value} is below {least}")
        return value

    return number


def add_tracking_arguments(parser: Any, *, detector: str | None) -> None:
    """Declare detector, tracker and their thresholds on a parser or a group of one.

    Args:
        parser: of argparse.
        detector: the default; None where something else decides.
    """
    parser.add_argument(
        "--detector",
        default=detector,
        help="yolox_nano, yolox_tiny, yolox_s, an ONNX file of that family, or a file of detections (default: "
        + ("%(default)s)" if detector else "the gallery's own, else yolox_nano)"),
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
        help="lowest score of a box that may go on with a track (default 0.1)",
    )
    parser.add_argument(
        "--min-length", type=int, default=5, help="leave out tracks of fewer boxes (default 5)"
    )
    parser.add_argument("--every", type=int, default=1, metavar="N", help="look at every N-th frame only")
