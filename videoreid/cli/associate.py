"""``videoreid associate``: which tracklets of a gallery are the same person?"""

import argparse
import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from videoreid.retrieval import Gallery

__all__ = ["HELP", "add_arguments", "run"]

_HEADER = (
    "identity",
    "key",
    "camera",
    "start",
    "end",
    "clock_start",
    "clock_end",
    "first_frame",
    "recording",
)

HELP = "put the tracklets of a gallery together to persons, over all cameras"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("gallery", metavar="DIR", help="a gallery of videoreid index")
    parser.add_argument(
        "--threshold",
        type=float,
        required=True,
        help="largest mean distance of one person's tracklets, chosen on footage whose persons are known",
    )
    parser.add_argument(
        "--rerank", action="store_true", help="k-reciprocal distances in place of cosine distances"
    )
    parser.add_argument(
        "--output", type=Path, help="folder for identities.csv and people.html (default: the gallery)"
    )


def run(args: argparse.Namespace) -> int:
    """Associate and write; return 0."""
    from videoreid.analysis import associate, forbidden_pairs
    from videoreid.metrics import KReciprocal
    from videoreid.retrieval import Gallery
    from videoreid.utils import atomic_write_text, setup_logging

    setup_logging()
    gallery = Gallery.open(args.gallery)
    output = args.output or Path(args.gallery)
    names = associate(
        gallery.features,
        threshold=args.threshold,
        forbidden=forbidden_pairs(gallery.timed_features),
        rerank=KReciprocal() if args.rerank else None,
    )
    atomic_write_text(output / "identities.csv", _table(gallery, names))
    _write_page(output / "people.html", gallery, names)
    people = len(set(names.tolist()))
    print(f"{len(names)} tracklets of {len(gallery.recordings)} recordings look like {people} persons")
    print(f"wrote identities.csv and people.html to {output}")
    return 0


def _table(gallery: "Gallery", names: "np.ndarray") -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADER)
    for name, key in zip(names.tolist(), gallery.keys, strict=True):
        one = gallery.describe(key)
        clocks = [clock.isoformat() if clock else "" for clock in (one.clock_start, one.clock_end)]
        row = [
            name,
            key,
            one.camera,
            f"{one.start:.3f}",
            f"{one.end:.3f}",
            *clocks,
            one.first_frame,
            one.recording,
        ]
        writer.writerow(row)
    return text.getvalue()


def _write_page(path: Path, gallery: "Gallery", names: "np.ndarray") -> None:
    from videoreid.visual import AnswerRow, write_answer_html

    rows = []
    keys = gallery.keys
    for name in sorted(set(names.tolist())):
        members = [
            gallery.describe(key) for key, other in zip(keys, names.tolist(), strict=True) if other == name
        ]
        members.sort(key=lambda one: (one.clock_start is None, one.clock_start or 0, one.camera, one.start))
        lines = [f"person {name}"]
        for one in members:
            when = f"{one.start:.1f} s" if one.clock_start is None else one.clock_start.isoformat(" ")[:19]
            lines.append(f"camera {one.camera}, {when}, for {one.end - one.start:.1f} s ({one.key})")
        rows.append(
            AnswerRow(lines, [picture for one in members for picture in gallery.thumbnails(one.key)[:1]])
        )
    note = f"{len(names)} tracklets, by the model {gallery.fingerprint}."
    write_answer_html(path, rows, note=note, title="Who may be one person")
