"""Options of pictures of a ranking, and the pictures; shared by the verbs that rank."""

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from videoreid.types import Features, Ranking, Splits
    from videoreid.visual.strips import FrameReading

__all__ = ["PICTURES", "add_picture_arguments", "frame_counts", "write_pictures"]

_FORMATS = ("png", "pdf", "svg")
_MOST = 20

PICTURES = ("ranking.png", "ranking.pdf", "ranking.svg", "ranking", "explorer")
"""What may be written; whoever stages outputs names them all, so that those of an earlier run go."""


def add_picture_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare which queries are drawn, and how."""
    group = parser.add_argument_group("pictures")
    group.add_argument(
        "--layout",
        default="strips",
        choices=("strips", "vpreid_result", "vpreid_gt"),
        help="strips (default), or VPReID's figures: the result, or the ground truth with its ranks",
    )
    group.add_argument(
        "--order",
        default="worst",
        choices=("given", "worst", "best", "random"),
        help="which queries first (default worst)",
    )
    group.add_argument(
        "--people", type=int, nargs="+", metavar="PID", help="draw queries of these people only"
    )
    group.add_argument(
        "--draw", type=int, default=_MOST, metavar="N", help=f"queries drawn (default {_MOST})"
    )
    group.add_argument("--per-query", action="store_true", help="a file a query in ranking/, not one sheet")
    group.add_argument("--format", default="png", choices=_FORMATS, help="of the pictures (default png)")
    group.add_argument("--dpi", type=int, default=200, help="pixels an inch (default 200)")


def frame_counts(args: argparse.Namespace) -> tuple[int, int]:
    """Return how many frames of a tracklet a strip of the sheet and one of the explorer show."""
    from videoreid.visual import ExplorerOptions
    from videoreid.visual.layouts import get_layout

    return get_layout(args.layout).style.frames, ExplorerOptions().frames


def write_pictures(
    args: argparse.Namespace,
    rankings: Mapping[str, "Ranking"],
    splits: "Splits",
    place: Path,
    *,
    features: "tuple[Features, Features] | None",
    top_k: int,
    read: "FrameReading | None" = None,
) -> None:
    """Draw the queries that the options ask for, of the first ranking, and write the explorer of all.

    Args:
        args: holds `add_picture_arguments`; ``seed``, if there is one, is that of order "random".
        rankings: by name; one, or two side by side.
        splits: whose query and gallery were ranked.
        place: folder that gets ``ranking.<format>`` or ``ranking/``, and ``explorer/``.
        features: of query and gallery, for searching in the page.
        top_k: answers of a query.
        read: turns frame keys into pictures; by default a `FrameReader`.
    """
    from videoreid.data import FrameReader
    from videoreid.visual import ExplorerOptions, write_explorer

    read = read or FrameReader().read
    _draw(args, next(iter(rankings.values())), splits, place, read, top_k)
    options = ExplorerOptions(
        title=f"{splits.name}: {len(splits.query):,} queries",
        top_k=top_k,
        threads=min(4, os.cpu_count() or 1),
    )
    write_explorer(
        rankings,
        splits.query,
        splits.gallery,
        place / "explorer",
        read_frames=read,
        features=features,
        options=options,
    )


def _draw(
    args: argparse.Namespace, ranking: "Ranking", splits: "Splits", place: Path, read: Any, top_k: int
) -> None:
    from dataclasses import replace

    from videoreid.visual import draw_queries, draw_ranking, select_queries
    from videoreid.visual.layouts import get_layout

    rows = select_queries(
        ranking,
        splits.query,
        order=args.order,
        pids=args.people,
        count=args.draw,
        seed=int(getattr(args, "seed", 0)),
    )
    parts = ranking, splits.query, splits.gallery
    how: dict[str, Any] = {"read_frames": read, "rows": rows, "layout": args.layout}
    how["style"] = replace(get_layout(args.layout).style, dpi=args.dpi)
    if args.per_query:
        draw_queries(*parts, place / "ranking", top_k=top_k, ending=f".{args.format}", **how)
    else:
        # a sheet of more columns is not read
        draw_ranking(*parts, place / f"ranking.{args.format}", top_k=min(top_k, 10), **how)
