"""Rows of text files, with the usual separators, comments and headers; a wrong structure is an error."""

import csv
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from videoreid.errors import VideoReIDError

__all__ = ["Row", "field_separator", "read_lines", "read_rows"]

_MARK = "\ufeff"


class Row(NamedTuple):
    """A row of a table with a header.

    Args:
        where: the file and the line, for the start of a message.
        fields: text of each column by column name, without white space around it.
    """

    where: str
    fields: dict[str, str]


def read_lines(
    path: str | os.PathLike[str], expected: str, error: type[VideoReIDError]
) -> Iterator[tuple[int, str]]:
    """Yield ``(line number, text)`` of the lines that are neither blank nor a comment (``#``).

    A byte order mark is skipped; line ends of any kind are accepted.

    Args:
        path: the file.
        expected: what the file should be, for messages.
        error: exception to raise if the file cannot be read.
    """
    path = Path(path)
    if not path.is_file():
        raise error(f"no file {path}: expected {expected}")
    try:
        data = path.read_bytes()
    except OSError as reason:
        raise error(f"cannot read {path}: {reason.strerror}") from reason
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as reason:
        line = data[: reason.start].count(b"\n") + 1
        raise error(
            f"{path}, line {line}: it is not text in UTF-8: expected {expected}; save it as UTF-8"
        ) from reason
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise error(f"{path}, line {line}: it is not text in UTF-8: expected {expected}; save it as UTF-8")
    for number, line_text in enumerate(text.splitlines(), start=1):
        stripped = line_text.strip().lstrip(_MARK)
        if stripped and not stripped.startswith("#"):
            yield number, stripped


def field_separator(text: str) -> str:
    """Return the separator of the fields of a line: a semicolon, a tab or a comma; "" for white space."""
    return next((mark for mark in (";", "\t", ",") if mark in text), "")


def read_rows(
    path: str | os.PathLike[str],
    columns: Sequence[str],
    error: type[VideoReIDError],
    *,
    optional: Sequence[str] = (),
) -> list[Row]:
    """Read a CSV table with a header line; its columns may be in any order.

    The separator is the one that the header uses: a comma, a semicolon or a tab.

    Args:
        path: the file.
        columns: columns that the table must have; none of their fields may be empty.
        error: exception to raise, with the line number, if the table is malformed.
        optional: columns that the table may have. Any other column is an error: it may be a misspelt optional one.
    """
    expected = f"a CSV with the columns {', '.join(columns)}"
    rows: list[Row] = []
    names: list[str] = []
    separator = ""
    for number, text in read_lines(path, expected, error):
        where = f"{path}, line {number}"
        separator = separator or field_separator(text) or ","
        try:
            fields = [field.strip() for field in next(csv.reader([text], delimiter=separator, strict=True))]
        except csv.Error as reason:
            raise error(f"{where}: {reason}; got {text!r}") from None
        if not names:
            names = [name.lower() for name in fields]
            _check_header(names, columns, optional, path, error)
            continue
        if len(fields) != len(names):
            raise error(
                f"{where}: {len(fields)} fields, the header has {len(names)}: {', '.join(names)}; got {text!r}"
            )
        row = dict(zip(names, fields, strict=True))
        empty = [name for name in columns if not row[name]]
        if empty:
            raise error(f"{where}: {empty[0]} is empty; got {text!r}")
        rows.append(Row(where, row))
    if not names:
        raise error(f"{path} is empty: expected {expected}")
    return rows


def _check_header(
    names: list[str],
    columns: Sequence[str],
    optional: Sequence[str],
    path: str | os.PathLike[str],
    error: type[VideoReIDError],
) -> None:
    missing = [name for name in columns if name not in names]
    if missing:
        raise error(f"{path} lacks the columns {', '.join(missing)}: its first line is {', '.join(names)}")
    unknown = [name for name in names if name not in (*columns, *optional)]
    if unknown or len(set(names)) < len(names):
        raise error(
            f"{path}: columns {', '.join(names)}; expected {', '.join(columns)}"
            + (f" and, optionally, {', '.join(optional)}" if optional else "")
            + ", each once"
        )
