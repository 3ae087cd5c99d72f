"""``videoreid index``: store the persons of recordings in a gallery; list, remove and purge them."""

import argparse
from typing import TYPE_CHECKING

from videoreid.cli._gallery_options import (
    add_making_arguments,
    add_videos,
    open_gallery,
    rules_of,
    sources_of,
    time_of,
)

if TYPE_CHECKING:
    from videoreid.retrieval import Gallery

__all__ = ["HELP", "add_arguments", "run"]

HELP = "keep the persons of recordings in a gallery, to be found later"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser(
        "add", help="detect, track and embed recordings; what is there already is skipped"
    )
    add.add_argument("gallery", metavar="DIR", help="folder of the gallery, made where it is missing")
    add.add_argument(
        "videos", nargs="+", metavar="VIDEO", help="a video, a folder of images, or img/%%06d.jpg"
    )
    add_making_arguments(add)
    info = actions.add_parser("info", help="list the recordings")
    info.add_argument("gallery", metavar="DIR")
    remove = actions.add_parser("remove", help="delete recordings or tracklets for good")
    remove.add_argument("gallery", metavar="DIR")
    remove.add_argument(
        "names", nargs="+", metavar="NAME", help="a recording's name, or the key of a tracklet"
    )
    purge = actions.add_parser("purge", help="delete for good what was seen before a time")
    purge.add_argument("gallery", metavar="DIR")
    purge.add_argument(
        "--before", required=True, metavar="TIME", help="such as 2024-05-01 or 2024-05-01T08:00"
    )


def run(args: argparse.Namespace) -> int:
    """Do one action; return 0, or 1 if one of several recordings could not be indexed."""
    from videoreid.retrieval import Gallery
    from videoreid.utils import setup_logging

    setup_logging()
    if args.action == "add":
        sources = sources_of(args, args.videos)
        gallery, extractor, detector = open_gallery(args, create=True)
        failed = add_videos(gallery, extractor, sources, rules_of(args, detector))
        print(gallery)
        return int(failed > 0)
    gallery = Gallery.open(args.gallery)
    if args.action == "info":
        _list(gallery)
        return 0
    gone = gallery.purge(time_of(args.before)) if args.action == "purge" else gallery.remove(args.names)
    print(f"deleted {gone} tracklets for good; {len(gallery)} are left in {args.gallery}")
    return 0


def _list(gallery: "Gallery") -> None:
    print(gallery)
    counts: dict[str, int] = {}
    for key in gallery.keys:
        name = key.rpartition(":")[0]
        counts[name] = counts.get(name, 0) + 1
    for one in gallery.recordings:
        start = one.start.isoformat(" ") if one.start else "no clock"
        print(f"  {one.name}: camera {one.camera}, {start}, {counts.get(one.name, 0)} tracklets, {one.path}")
    for name, text in gallery.details.items():
        print(f"  {name}: {text}")
