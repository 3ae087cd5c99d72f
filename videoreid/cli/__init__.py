"""The command line: ``videoreid COMMAND ...``; one module per command, one line per command here.

A command module has ``HELP`` (one line), ``add_arguments(parser)`` and ``run(args) -> int``; it imports what is
heavy inside ``run``, so that ``videoreid --help`` answers at once.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence

from videoreid._version import __version__
from videoreid.errors import VideoReIDError

__all__ = [
    "main",
]

_COMMANDS: tuple[str, ...] = ("data", "demo", "eval", "models", "rank", "recipes", "st", "train")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status (2 for an error that the user can mend)."""
    parser = argparse.ArgumentParser(prog="videoreid", description="Person re-identification in video.")
    parser.add_argument("--version", action="version", version=f"videoreid {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in _COMMANDS:
        module = importlib.import_module(f"videoreid.cli.{name}")
        command = commands.add_parser(name, help=module.HELP, description=module.HELP)
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    args = parser.parse_args(argv)
    try:
        return int(args.run(args))
    except VideoReIDError as error:
        print(f"videoreid {args.command}: {error}", file=sys.stderr)
        return 2
