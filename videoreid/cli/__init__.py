"""The command line ``videoreid COMMAND ...``: one module per command, one line per command here.

A command module has ``HELP`` (one line), ``add_arguments(parser)`` and ``run(args) -> int``; heavy imports are inside
``run``, so that ``videoreid --help`` is fast.
"""

import argparse
import importlib
import io
import sys
from collections.abc import Sequence

from videoreid._version import __version__
from videoreid.errors import VideoReIDError

__all__ = [
    "main",
]

_COMMANDS: tuple[str, ...] = (
    "analyse",
    "associate",
    "calibrate",
    "compare",
    "data",
    "demo",
    "eval",
    "export",
    "extract",
    "find",
    "index",
    "models",
    "parse",
    "rank",
    "recipes",
    "report",
    "show",
    "st",
    "track",
    "train",
)

_TRAINING = ("demo", "train")  # commands whose process spends its time on training


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status: 2 after a user error, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="videoreid", description="Person re-identification in video.")
    parser.add_argument("--version", action="version", version=f"videoreid {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in _COMMANDS:
        module = importlib.import_module(f"videoreid.cli.{name}")
        command = commands.add_parser(name, help=module.HELP, description=module.HELP)
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    args = parser.parse_args(argv)
    if argv is None and args.command in _TRAINING:  # not inside a program that calls `main` with arguments
        from videoreid.utils.allocation import reuse_freed_memory

        reuse_freed_memory()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # bytes of names that are not UTF-8 are printed escaped
            stream.reconfigure(errors="backslashreplace")
    try:
        return int(args.run(args))
    except VideoReIDError as error:
        return _fail(args.command, str(error))
    except OSError as error:  # a full disk, a read-only folder, a file instead of a folder
        named = f": {error.filename}" if error.filename else ""
        return _fail(args.command, f"{error.strerror or ' '.join(str(error).split())}{named}")
    except UnicodeError as error:
        return _fail(args.command, f"a path that is not UTF-8 ({error}); rename the folder or file")
    except MemoryError as error:
        return _fail(args.command, f"not enough memory ({error}); use smaller batches or fewer frames")
    except KeyboardInterrupt:
        print(f"videoreid {args.command}: interrupted", file=sys.stderr)
        return 130


def _fail(command: str, reason: str) -> int:
    print(f"videoreid {command}: {reason}", file=sys.stderr)
    return 2
