"""``videoreid compare``: compare runs in a table, with paired tests."""

import argparse
from pathlib import Path

__all__ = ["HELP", "add_arguments", "run"]

HELP = "compare run folders: a table with intervals, paired tests, changed queries"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "runs", type=Path, nargs="+", metavar="RUN_DIR", help="two or more run folders, the baseline first"
    )
    parser.add_argument("--evaluation", help="name of the stored evaluation of each run (default: the first)")
    parser.add_argument(
        "--format",
        default="markdown",
        choices=("markdown", "latex", "csv"),
        help="format of the printed table (default markdown)",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the intervals and tests (default 0)")
    parser.add_argument(
        "--output",
        type=Path,
        help="folder for an HTML page, a CMC picture and a CSV file (default: print only)",
    )


def run(args: argparse.Namespace) -> int:
    """Print the table and the tests; write the page with ``--output``; return 0."""
    from videoreid.reporting import compare_runs, write_comparison
    from videoreid.reporting.comparison import tests_rows

    comparison = compare_runs(args.runs, evaluation=args.evaluation, seed=args.seed)
    print(comparison.table.write(args.format), end="")
    if args.format == "markdown":
        for name, metric, difference, p_value, adjusted in tests_rows(comparison):
            print(
                f"{name} minus {comparison.baseline}: {metric} {difference}, p = {p_value}, corrected {adjusted}"
            )
        for name in list(comparison.evaluations)[1:]:
            won, lost = comparison.changed(name)
            print(f"{name}: {len(won)} queries are now right at rank 1, {len(lost)} no longer")
    if args.output is not None:
        print(f"wrote {write_comparison(comparison, args.output)}")
    return 0
