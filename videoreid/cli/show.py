"""``videoreid show VERB ...``: draw data and activations; one module per verb, one line per verb here."""

import argparse
import importlib

__all__ = ["HELP", "add_arguments", "run"]

HELP = "draw activation maps, training batches, tracklets of a dataset, and the frames of sampling rules"

# the module of a verb is _show_<verb>.py
_VERBS: tuple[str, ...] = (
    "activation",
    "batch",
    "dataset",
    "sampling",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verbs and their options."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name in _VERBS:
        module = importlib.import_module(f"videoreid.cli._show_{name}")
        verb = verbs.add_parser(name, help=module.HELP, description=module.HELP)
        module.add_arguments(verb)
        verb.set_defaults(run_verb=module.run)


def run(args: argparse.Namespace) -> int:
    """Run one verb; return its exit status."""
    return int(args.run_verb(args))
