"""Options of pictures of a ranking, shared by the verbs that rank."""

import argparse
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from videoreid.reporting import AnswerOptions
    from videoreid.types import Ranking, Splits

__all__ = ["PICTURES", "add_picture_arguments", "answer_options", "frame_counts"]

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


def answer_options(
    args: argparse.Namespace, ranking: "Ranking", splits: "Splits", *, top_k: int
) -> "AnswerOptions":
    """Return what `write_answer` shows of a ranking, as the options ask for it.

    Args:
        args: holds `add_picture_arguments`; ``seed``, if there is one, is that of order "random".
        ranking: whose queries are drawn.
        splits: whose query and gallery were ranked.
        top_k: answers of a query.
    """
    from videoreid.reporting import AnswerOptions
    from videoreid.visual import select_queries

    rows = select_queries(
        ranking,
        splits.query,
        order=args.order,
        pids=args.people,
        count=args.draw,
        seed=int(getattr(args, "seed", 0)),
    )
    return AnswerOptions(
        rows=rows.tolist(),
        top_k=top_k,
        layout=args.layout,
        per_query=args.per_query,
        ending=f".{args.format}",
        dpi=args.dpi,
        title=f"{splits.name}: {len(splits.query):,} queries",
        threads=min(4, os.cpu_count() or 1),
    )
