"""Options for a dataset: name, root and dataset options; shared by several commands."""

import argparse
import ast
from pathlib import Path
from typing import Any

from videoreid.errors import ConfigError

__all__ = ["add_dataset_arguments", "add_option_argument", "parse_options"]


def add_dataset_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare NAME, ROOT and ``--option``."""
    parser.add_argument("name", metavar="NAME", help="name of the dataset; videoreid data layout prints all")
    parser.add_argument("root", metavar="ROOT", type=Path, help="folder of the dataset, or its parent")
    add_option_argument(parser)


def add_option_argument(parser: Any) -> None:
    """Declare ``--option`` on a parser or an argument group."""
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="option of the dataset, such as split_id=3; may be repeated",
    )


def parse_options(pairs: list[str]) -> dict[str, Any]:
    """Return ``KEY=VALUE`` texts as keywords; a value that is a Python literal is read as one, else as text.

    Raises:
        ConfigError: a text has no ``=``, or a key is given twice.
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
            options[key] = value  # plain text
    return options
