"""``videoreid index``: store the persons of recordings in a gallery; list, remove and purge them."""

import argparse
from typing import TYPE_CHECKING

from videoreid.cli._dataset_options import add_option_argument, parse_options
from videoreid.cli._gallery_options import (
    Opened,
    Source,
    add_making_arguments,
    open_gallery,
    rules_of,
    sources_of,
    time_of,
)
from videoreid.cli._indexing import add_videos, run_each
from videoreid.errors import ConfigError

if TYPE_CHECKING:
    from videoreid.retrieval import Gallery

__all__ = ["HELP", "add_arguments", "run"]

HELP = "store the persons of recordings in a gallery, for videoreid find"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser(
        "add", help="detect, track and embed recordings; recordings in the gallery are skipped"
    )
    add.add_argument("gallery", metavar="DIR", help="folder of the gallery; created if it is missing")
    add.add_argument(
        "sources",
        nargs="+",
        metavar="VIDEO",
        help="a video, a folder of images, or a pattern such as img/%%06d.jpg; with --root the name of a dataset",
    )
    add_making_arguments(add)
    _add_dataset_arguments(add)
    info = actions.add_parser("info", help="list the recordings")
    info.add_argument("gallery", metavar="DIR")
    remove = actions.add_parser("remove", help="delete recordings or tracklets permanently")
    remove.add_argument("gallery", metavar="DIR")
    remove.add_argument("names", nargs="+", metavar="NAME", help="name of a recording, or key of a tracklet")
    purge = actions.add_parser("purge", help="permanently delete tracklets recorded before a time")
    purge.add_argument("gallery", metavar="DIR")
    purge.add_argument(
        "--before", required=True, metavar="TIME", help="such as 2024-05-01 or 2024-05-01T08:00"
    )


def _add_dataset_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("datasets (videoreid data layout prints all)")
    group.add_argument(
        "--root", help="folder of the datasets, or its parent; every VIDEO is then the name of a dataset"
    )
    group.add_argument(
        "--part",
        default="test",
        choices=["test", "train", "query", "gallery"],
        help="part of the dataset (default test: query and gallery)",
    )
    group.add_argument(
        "--rate",
        type=float,
        default=25.0,
        help="frames per second of the times in the dataset (default 25; 1 for seconds)",
    )
    add_option_argument(group)


def run(args: argparse.Namespace) -> int:
    """Do one action; return 0, or 1 if one of several recordings could not be indexed."""
    from videoreid.retrieval import Gallery
    from videoreid.utils import setup_logging

    setup_logging()
    if args.action == "add":
        return _add(args)
    gallery = Gallery.open(args.gallery)
    if args.action == "info":
        _list(gallery)
        return 0
    gone = gallery.purge(time_of(args.before)) if args.action == "purge" else gallery.remove(args.names)
    print(f"permanently deleted {gone} tracklets; {len(gallery)} are left in {args.gallery}")
    return 0


def _add(args: argparse.Namespace) -> int:
    from videoreid.retrieval import Gallery

    if args.option and args.root is None:
        raise ConfigError("--option belongs to a dataset: give its --root")
    if args.root is not None and (args.tracks or args.cameras):
        raise ConfigError("a dataset has its own tracklets and cameras: do not give --tracks or --cameras")
    sources = sources_of(args, args.sources)
    opened = open_gallery(args, create=True)
    if args.root is None:
        failed = add_videos(opened, sources, rules_of(args, opened.detector), workers=args.workers)
    else:
        failed = run_each(args.sources, sources, lambda source, _: _add_dataset(args, opened, source))
    print(Gallery.open(args.gallery))
    return int(failed > 0)


def _add_dataset(args: argparse.Namespace, opened: Opened, source: Source) -> int | None:
    from videoreid.cli._progress import Progress
    from videoreid.data.datasets import build_dataset
    from videoreid.indexing import index_dataset

    splits = build_dataset(source.name, root=args.root, **parse_options(args.option))
    progress = Progress(source.name, 0, unit="tracklets")
    try:
        return index_dataset(
            opened.gallery,
            splits,
            opened.encoder,
            part=args.part,
            rate=args.rate,
            start=source.start,
            rules=rules_of(args, opened.detector),
            each=progress,
        )
    finally:
        progress.close()


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
    calibration = gallery.calibration
    print(f"  {calibration.basis}" if calibration else "  not calibrated (videoreid calibrate)")
