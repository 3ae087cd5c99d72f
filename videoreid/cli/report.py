"""``videoreid report``: write an HTML page about a run folder."""

import argparse
from pathlib import Path

__all__ = ["HELP", "add_arguments", "run"]

HELP = "write an HTML page about a run: settings, scores, curves, distances, worst queries, pictures"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("run_dir", type=Path, metavar="RUN_DIR", help="output folder of train, eval or rank")
    parser.add_argument("--evaluation", help="name of the stored evaluation (default: the first)")
    parser.add_argument("--output", type=Path, help="folder of the page (default: report inside RUN_DIR)")
    parser.add_argument(
        "--no-explorer", action="store_true", help="do not write the page that plays tracklets"
    )


def run(args: argparse.Namespace) -> int:
    """Write the page and print its path; return 0."""
    from videoreid.reporting import write_report

    page = write_report(args.run_dir, args.output, evaluation=args.evaluation, explorer=not args.no_explorer)
    print(f"wrote {page}")
    return 0
