"""Text tables with a header line."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from videoreid.data.datasets.reading.files import read_text
from videoreid.errors import DatasetError

__all__ = ["read_table", "table_number"]

_DELIMITERS = (",", ";", "\t")


def read_table(path: Path, dataset: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the line number and the fields of every row of a table with a header.

    The separator is a comma, a semicolon or a tab, whichever the header has most of. Blank lines and lines that begin
    with ``#`` are skipped; column names are compared without case and spaces, and fields are stripped.

    Args:
        path: the table.
        dataset: name used in messages.

    Yields:
        The header first, as a row whose fields are the names of the columns; then the rows.

    Raises:
        DatasetError: no header, a column named twice, or a row with more or fewer fields than the header.
    """
    text = read_text(path, dataset)
    begin, first = _find_header(text)
    head = text[begin:].partition("\n")[0]
    if not head:
        raise DatasetError(f"{dataset}: {path} is empty: it has no header")
    file = io.StringIO(text[begin:] if begin else text)
    reader = csv.reader(file, delimiter=max(_DELIMITERS, key=head.count), skipinitialspace=True)
    header: list[str] = []
    try:
        for row in reader:
            number = first + reader.line_num
            if not any(field.strip() for field in row) or row[0].lstrip().startswith("#"):
                continue
            if not header:
                header = _columns(row, path, dataset)
                yield number, {name: name for name in header}
                continue
            if len(row) != len(header):
                raise DatasetError(
                    f"{dataset}: {path}, line {number}: more or fewer fields than in the header: {len(row)}, "
                    f"not {len(header)}"
                )
            yield number, {name: field.strip() for name, field in zip(header, row, strict=True)}
    except csv.Error as error:
        raise DatasetError(f"{dataset}: {path}, line {first + reader.line_num}: {error}") from None


def table_number(text: str) -> float:
    """Return a number from a table: ``3.5``, or ``3,5`` if fields are not separated by commas.

    Raises:
        ValueError: the text is not a number, or the number is not finite.
    """
    value = float(text.replace(",", ".") if text.count(",") == 1 and "." not in text else text)
    if value != value or value in (float("inf"), float("-inf")) or "_" in text:
        raise ValueError(f"{text!r} is not a finite number")
    return value


def _find_header(text: str) -> tuple[int, int]:
    """Return the start of the first line that is neither blank nor a comment, and the number of lines before it."""
    begin = number = 0
    while begin < len(text):
        end = text.find("\n", begin)
        line = text[begin : end if end >= 0 else len(text)]
        if line.strip(" \t,;") and not line.lstrip().startswith("#"):
            return begin, number
        begin, number = (end + 1 if end >= 0 else len(text)), number + 1
    return len(text), number


def _columns(row: list[str], path: Path, dataset: str) -> list[str]:
    names = [name.strip().lower() for name in row]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise DatasetError(f"{dataset}: {path} has two columns {twice[0]!r}; name each once")
    return names
