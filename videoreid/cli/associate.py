"""``videoreid associate``: group the tracklets of a gallery by person, over all cameras."""

import argparse
import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

from videoreid.cli._answer_page import write_people_page
from videoreid.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np

    from videoreid.retrieval import Gallery
    from videoreid.types import Features

__all__ = ["HELP", "add_arguments", "run"]

_HEADER = (
    *("frame", "id", "left", "top", "width", "height", "confidence", "camera", "last_frame"),
    *("start", "end", "clock_start", "clock_end", "key", "recording"),
)

HELP = "group the tracklets of a gallery by person, over all cameras"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("gallery", metavar="DIR", help="a gallery of videoreid index")
    parser.add_argument(
        "--threshold",
        type=float,
        help="largest mean distance between tracklets of one person, chosen on footage with known persons "
        "(default: the distance at which the calibration of the gallery gives --probability)",
    )
    parser.add_argument(
        "--probability",
        type=float,
        default=0.5,
        metavar="P",
        help="probability of 'same person' at the threshold from the calibration (default 0.5)",
    )
    _add_distances(parser)
    parser.add_argument(
        "--transit",
        action="append",
        default=[],
        metavar="FROM,TO,SECONDS",
        help="shortest possible time between two cameras; may be repeated",
    )
    parser.add_argument(
        "--boxes",
        action="store_true",
        help="also write one row per box: boxes.csv, and mot/RECORDING.txt in MOT format",
    )
    parser.add_argument(
        "--output", type=Path, help="folder for identities.csv and people.html (default: the gallery)"
    )


def _add_distances(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--rerank", action="store_true", help="use k-reciprocal distances instead of cosine distances"
    )
    parser.add_argument(
        "--spatial-temporal",
        type=Path,
        metavar="MODEL",
        help="combine appearance with the transit times of this fitted model",
    )
    parser.add_argument(
        "--centre-cameras",
        action="store_true",
        help="subtract from each embedding the mean of its camera; needs a threshold of its own",
    )


def run(args: argparse.Namespace) -> int:
    """Associate and write; return 0."""
    from videoreid.analysis import associate, forbidden_pairs
    from videoreid.cli._box_tables import check_boxes, write_box_tables
    from videoreid.metrics import KReciprocal, SpatialTemporalModel
    from videoreid.retrieval import Gallery
    from videoreid.utils import atomic_write_text, setup_logging

    setup_logging()
    gallery = Gallery.open(args.gallery)
    output = args.output or Path(args.gallery)
    if args.boxes:
        check_boxes(gallery)  # an error before the work
    features = gallery.timed_features
    if args.spatial_temporal and any(recording.start is None for recording in gallery.recordings):
        raise ConfigError("a spatial-temporal model needs the start time of every recording (--starts)")
    model = SpatialTemporalModel.load(args.spatial_temporal) if args.spatial_temporal else None
    threshold = _threshold(args, gallery)
    names = associate(
        _centred(features, gallery) if args.centre_cameras else features,
        threshold=threshold,
        forbidden=forbidden_pairs(features, transit=_transit(args.transit, gallery)),
        rerank=KReciprocal() if args.rerank else None,
        spatial_temporal=model,
    )
    atomic_write_text(output / "identities.csv", _table(gallery, names))
    write_people_page(output / "people.html", gallery, names)
    if args.boxes:
        write_box_tables(output, gallery, names)
    people = len(set(names.tolist()))
    print(
        f"{len(names)} tracklets of {len(gallery.recordings)} recordings were grouped into {people} persons"
    )
    print(f"threshold {threshold:.3f}; wrote identities.csv and people.html to {output}")
    if args.boxes:
        print(f"wrote boxes.csv, one row per box, and one MOT file per recording to {output / 'mot'}")
    return 0


def _centred(features: "Features", gallery: "Gallery") -> "Features":
    """Return the features with embeddings that are centred by camera; one may have several recordings."""
    from dataclasses import replace

    from videoreid.analysis import centre_cameras

    return replace(features, embeddings=centre_cameras(gallery.features).embeddings)


def _threshold(args: argparse.Namespace, gallery: "Gallery") -> float:
    """Return the given threshold, or that of the gallery's calibration, which applies to cosine distances."""
    from videoreid.analysis import threshold_at

    if args.threshold is not None:
        return float(args.threshold)
    if args.rerank or args.spatial_temporal or args.centre_cameras:
        raise ConfigError(
            "these distances need another threshold than cosine distances: give --threshold, chosen on other footage"
        )
    calibration = gallery.calibration
    if calibration is None:
        raise ConfigError(
            "give --threshold, or calibrate the gallery on footage with known persons (videoreid calibrate)"
        )
    return threshold_at(calibration, args.probability)


def _transit(lines: "list[str]", gallery: "Gallery") -> "np.ndarray | None":
    """Return the shortest times ``(C, C)`` in seconds, with cameras numbered as in `Gallery.timed_features`."""
    import numpy as np

    if not lines:
        return None
    if any(recording.start is None for recording in gallery.recordings):
        raise ConfigError("--transit needs the start time of every recording (index add --starts)")
    cameras = sorted({recording.camera for recording in gallery.recordings})
    least = np.zeros((len(cameras), len(cameras)))
    for line in lines:
        parts = [part.strip() for part in line.split(",")]
        if len(parts) != 3 or parts[0] not in cameras or parts[1] not in cameras:
            raise ConfigError(
                f"--transit {line!r} is not FROM,TO,SECONDS with cameras of {', '.join(cameras)}"
            )
        try:
            least[cameras.index(parts[0]), cameras.index(parts[1])] = float(parts[2])
        except ValueError as error:
            raise ConfigError(f"--transit {line!r}: {parts[2]!r} is not a number of seconds") from error
    return least


def _table(gallery: "Gallery", names: "np.ndarray") -> str:
    """Return one line per tracklet; the first columns are those of a MOT file for its first frame, from 1."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADER)
    for name, key in zip(names.tolist(), gallery.keys, strict=True):
        one, row = gallery.describe(key), gallery.tracklet(key)
        left, top, right, bottom = row.box
        clocks = [clock.isoformat() if clock else "" for clock in (one.clock_start, one.clock_end)]
        box = (f"{value:g}" for value in (left + 1, top + 1, right - left, bottom - top))
        seconds = (f"{one.start:.3f}", f"{one.end:.3f}")
        frames = row.first_frame + 1, row.last_frame + 1
        writer.writerow(
            [frames[0], name, *box, 1, one.camera, frames[1], *seconds, *clocks, key, one.recording]
        )
    return text.getvalue()
