"""Name, root and options of a dataset on the command line; shared by the verbs that read one."""

import argparse
import ast
from pathlib import Path
from typing import Any

from videoreid.errors import ConfigError

__all__ = ["add_dataset_arguments", "add_option_argument", "parse_options"]


def add_dataset_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare NAME, ROOT and ``--option``."""
    parser.add_argument("name", metavar="NAME", help="dataset (videoreid data layout lists them)")
    parser.add_argument("root", metavar="ROOT", type=Path, help="its folder, or the parent of it")
    add_option_argument(parser)


def add_option_argument(parser: Any) -> None:
    """Declare ``--option`` on a parser or a group of one."""
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="an option of the dataset, such as split_id=3; may be repeated",
    )


def parse_options(pairs: list[str]) -> dict[str, Any]:
    """Return ``KEY=VALUE`` texts as keywords; a value is read as a Python literal where it is one.

    Raises:
        ConfigError: a text without ``=``, or a key given twice.
    """
    options: dict[str, Any] = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator or not key.isidentifier():
            raise ConfigError(f"--option {pair!r} is not KEY=VALUE, such as split_id=3")
        if key in options:
            raise ConfigError(f"--option {key} is given twice; give it once")
        try:
            options[key] = ast.literal_eval(value)
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            options[key] = value  # a word
    return options
