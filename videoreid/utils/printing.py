"""Print records and engines: one or two lines of text, or a small table in a notebook."""

import html
import os
from collections.abc import Sequence

from videoreid.utils.processes import process_rank

__all__ = ["count_of", "html_table", "say"]


def count_of(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun ("1 person", "1,261 people")."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def html_table(title: str, rows: Sequence[Sequence[object]], *, head: Sequence[object] = ()) -> str:
    """Return a table for notebooks; every value is escaped.

    Args:
        title: caption of the table.
        rows: cells; the first cell of a row is its name.
        head: names of the columns.
    """

    def cells(row: Sequence[object], tag: str) -> str:
        return "".join(f"<{tag}>{html.escape(str(cell))}</{tag}>" for cell in row)

    top = f"<thead><tr>{cells(head, 'th')}</tr></thead>" if head else ""
    body = "".join(f"<tr>{cells(row[:1], 'th')}{cells(row[1:], 'td')}</tr>" for row in rows)
    return f"<table><caption>{html.escape(title)}</caption>{top}<tbody>{body}</tbody></table>"


def say(text: str) -> None:
    """Print a sentence of a command, only on the first of several processes, also before they have joined."""
    if process_rank() == 0 and os.environ.get("RANK", "0") == "0":
        print(text, flush=True)  # noqa: T201 - the commands print their answers
