"""The answer of a search as one HTML file: pictures, times, distances, and links into the recordings."""

import base64
import html
import os
from collections.abc import Sequence
from dataclasses import dataclass

from videoreid.utils import atomic_write_text

__all__ = ["AnswerRow", "write_answer_html"]

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
ol { list-style: none; padding: 0; }
li { display: flex; flex-wrap: wrap; gap: 1rem; align-items: center; border-top: 1px solid #8886; padding: .7rem 0; }
img { height: 128px; border-radius: 4px; }
.rank { font-size: 1.4rem; width: 2rem; }
"""


@dataclass(frozen=True)
class AnswerRow:
    """One row of the page.

    Args:
        lines: what to write beside the pictures.
        pictures: JPEG files.
        link: address of the moment in the recording; empty for none.
    """

    lines: Sequence[str]
    pictures: Sequence[bytes]
    link: str = ""


def write_answer_html(
    path: str | os.PathLike[str],
    rows: Sequence[AnswerRow],
    *,
    asked: Sequence[bytes] = (),
    note: str = "",
    title: str = "Who looks alike",
) -> None:
    """Write the page, whole or not at all; it needs no server and loads nothing from anywhere.

    Args:
        path: the file; an existing one is replaced.
        rows: nearest first.
        asked: pictures of the query, JPEG files.
        note: what the answer was searched in.
        title: of the page.
    """
    items = [_item(rank, row) for rank, row in enumerate(rows, start=1)]
    page = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body><h1>{html.escape(title)}</h1>",
        "<p><strong>These people look alike. That is not an identity.</strong> Somebody looks most like a query "
        "even if the person was never recorded.</p>",
        f"<p>{html.escape(note)}</p><p>{_pictures(asked, 'query')}</p>",
        f"<ol>{''.join(items)}</ol>" if items else "<p>Nobody is near enough.</p>",
        "</body></html>\n",
    ]
    atomic_write_text(path, "\n".join(page))


def _item(rank: int, row: AnswerRow) -> str:
    text = "<br>".join(html.escape(line) for line in row.lines)
    link = f'<br><a href="{html.escape(row.link)}">open the recording there</a>' if row.link else ""
    pictures = _pictures(row.pictures, f"answer {rank}")
    return f'<li><span class="rank">{rank}</span><span>{pictures}</span><span>{text}{link}</span></li>'


def _pictures(pictures: Sequence[bytes], name: str) -> str:
    return " ".join(
        f'<img alt="{name}, picture {n}" src="data:image/jpeg;base64,{base64.b64encode(data).decode()}">'
        for n, data in enumerate(pictures, start=1)
    )
