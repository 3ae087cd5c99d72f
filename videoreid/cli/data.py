"""``videoreid data VERB ...``: commands for datasets; one module per verb, one line per verb here."""

import argparse
import importlib

__all__ = ["HELP", "add_arguments", "run"]

HELP = "check, count, pack and build datasets"

# the module of a verb is _data_<verb>.py, with _ for -
_VERBS: tuple[str, ...] = ("from-tracks", "layout", "pack", "stats", "verify")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verbs and their options."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name in _VERBS:
        module = importlib.import_module(f"videoreid.cli._data_{name.replace('-', '_')}")
        verb = verbs.add_parser(name, help=module.HELP, description=module.HELP)
        module.add_arguments(verb)
        verb.set_defaults(run_verb=module.run)


def run(args: argparse.Namespace) -> int:
    """Run one verb; return its exit status."""
    return int(args.run_verb(args))
