"""``videoreid data pack``: pack a dataset into one file."""

import argparse
from pathlib import Path

from videoreid.cli._dataset_options import add_dataset_arguments, parse_options
from videoreid.errors import ConfigError

__all__ = ["HELP", "add_arguments", "run"]

HELP = "pack a dataset into one HDF5 file of encoded frames; the same command continues after an interruption"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_dataset_arguments(parser)
    parser.add_argument("store", type=Path, help="file to write, *.h5")
    parser.add_argument(
        "--size", type=int, nargs=2, metavar=("HEIGHT", "WIDTH"), help="resize and re-encode every frame"
    )
    parser.add_argument(
        "--quality",
        type=int,
        help="re-encode frames as JPEG of this quality, 1 to 100 (default with --size: 95)",
    )


def run(args: argparse.Namespace) -> int:
    """Pack, verify the file and print a summary; return 0."""
    from videoreid.data.datasets import build_dataset
    from videoreid.data.packing import Encoding, pack_splits, verify_store
    from videoreid.utils import setup_logging

    setup_logging()
    if args.store.exists():
        raise ConfigError(f"{args.store} already exists: delete it, or choose another name")
    splits = build_dataset(args.name, root=args.root, **parse_options(args.option))
    size = None if args.size is None else (args.size[0], args.size[1])
    encoding = None
    if size is not None or args.quality is not None:
        encoding = Encoding(size, 95 if args.quality is None else args.quality)
    packed = pack_splits(splits, args.store, root=_entry_root(args.root), encoding=encoding, progress=True)
    frames = verify_store(args.store, progress=True)
    tracklets = sum(len(part) for part in (packed.train, packed.query, packed.gallery))
    print(
        f"packed {packed.name}: {tracklets} tracklets, {frames} frames, {args.store.stat().st_size / 1e6:.1f} MB, "
        f"verified without damage: {args.store}"
    )
    return 0


def _entry_root(root: Path) -> Path:
    """Return the folder that entry names are relative to; for a table, the folder of its file."""
    return root.parent if root.is_file() else root
