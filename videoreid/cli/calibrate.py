"""``videoreid calibrate``: learn the probability of "same person" in a gallery from judged pairs."""

import argparse
from pathlib import Path

from videoreid.errors import ConfigError

__all__ = ["HELP", "add_arguments", "run"]

HELP = "learn the probability of the same person at a distance, from judged pairs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("gallery", metavar="DIR", help="a gallery of videoreid index")
    pairs = parser.add_mutually_exclusive_group(required=True)
    pairs.add_argument(
        "--pairs",
        nargs="+",
        metavar="CSV",
        help="judged pairs: query,key,same and optionally distance,model, as saved by the answer page",
    )
    pairs.add_argument(
        "--labelled",
        metavar="GALLERY",
        help="a gallery of the same model with known persons (videoreid index add GALLERY DATASET --root ROOT)",
    )
    parser.add_argument(
        "--prior",
        type=float,
        metavar="SHARE",
        help="share of same-person pairs in the later use (default: their share in the judged pairs)",
    )
    parser.add_argument("--output", type=Path, help="folder for reliability.png (default: the gallery)")


def run(args: argparse.Namespace) -> int:
    """Fit, store, draw; return 0."""
    import numpy as np

    from videoreid.analysis import calibrate_pairs, held_out_probabilities, pairs_of_gallery, read_pairs
    from videoreid.retrieval import Gallery
    from videoreid.utils import setup_logging
    from videoreid.visual import draw_reliability

    setup_logging()
    gallery = Gallery.open(args.gallery)
    if args.labelled:
        if Path(args.labelled).resolve() == Path(args.gallery).resolve():
            raise ConfigError(
                "a gallery cannot be calibrated on itself: index the labelled dataset into a separate gallery"
            )
        pairs = pairs_of_gallery(Gallery.open(args.labelled, fingerprint=gallery.fingerprint))
        source = f"of the labelled gallery {Path(args.labelled).name}"
    else:
        pairs = read_pairs(gallery, args.pairs)
        source = f"judged in {', '.join(Path(path).name for path in args.pairs)}"
    calibration = calibrate_pairs(pairs, prior=args.prior, source=source)
    picture = (args.output or Path(args.gallery)) / "reliability.png"
    draw_reliability(held_out_probabilities(pairs), pairs.same, picture, title=calibration.basis)
    gallery.calibrate(calibration)
    print(calibration.basis)
    distances = np.arange(1, 6) / 10
    for distance, probability in zip(distances, calibration(distances), strict=True):
        print(f"  distance {distance:.1f}: {100 * probability:5.1f} % {calibration.verdict(probability)}")
    print(f"stored in {args.gallery}; wrote {picture}")
    return 0
