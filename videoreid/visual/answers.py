"""The answer of a search as one HTML file: playable strips, times, links into the recordings, marks to save."""

import base64
import html
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from videoreid.utils import atomic_write_text

__all__ = ["AnswerRow", "write_answer_html"]


@dataclass(frozen=True)
class AnswerRow:
    """One row of the page.

    Args:
        lines: lines of text beside the pictures.
        pictures: JPEG files in the order in which they play.
        link: address of the tracklet's start in the recording; empty for none.
        key: of the tracklet; a row with a key can be marked right or wrong.
        distance: from the query, saved with the mark.
        verdict: for example "likely 93 %"; empty without a calibration.
    """

    lines: Sequence[str]
    pictures: Sequence[bytes]
    link: str = ""
    key: str = ""
    distance: float = 0.0
    verdict: str = ""


def write_answer_html(
    path: str | os.PathLike[str],
    rows: Sequence[AnswerRow],
    *,
    asked: Sequence[bytes] = (),
    query: str = "",
    model: str = "",
    note: str = "",
    title: str = "Similar tracklets",
) -> None:
    """Write the page, whole or not at all; it needs no server and loads nothing from the network.

    Marks are saved as a CSV with the columns ``query,key,distance,same,model``, which ``videoreid calibrate`` reads.

    Args:
        path: the file; an existing one is replaced.
        rows: nearest first.
        asked: pictures of the query, JPEG files.
        query: name of the query in the file of marks.
        model: fingerprint of the model, likewise.
        note: text on the search, for example the number of compared tracklets.
        title: of the page.
    """
    items = "".join(_item(rank, row) for rank, row in enumerate(rows, start=1))
    facts = {
        "query": query,
        "model": model,
        "distances": {row.key: f"{row.distance:.6f}" for row in rows if row.key},
    }
    write_page(
        path,
        "answer_page.html",
        {
            "TITLE": html.escape(title),
            "NOTE": html.escape(note),
            "ASKED": pictures_html(asked, "query"),
            "ROWS": f"<ol>{items}</ol>" if items else "<p>No tracklet is near enough.</p>",
            "FACTS": json.dumps(facts).replace("<", "\\u003c"),
        },
    )


def write_page(path: str | os.PathLike[str], template: str, values: Mapping[str, str]) -> None:
    """Write a page from a template of this package, with every ``@NAME@`` replaced; values are HTML."""
    page = resources.files("videoreid.visual").joinpath(template).read_text("utf-8")
    # one pass over the page, so that a value can never be taken for a placeholder
    atomic_write_text(path, re.sub(r"@([A-Z]+)@", lambda match: values[match[1]], page))


def pictures_html(pictures: Sequence[bytes], name: str, *, shown: int | None = None) -> str:
    """Return JPEG files as images of a page.

    Args:
        pictures: the files.
        name: name of the pictures, for their alternative texts.
        shown: number of visible pictures; None for all.
    """
    found = []
    for number, data in enumerate(pictures, start=1):
        hidden = "" if shown is None or number <= shown else " hidden"
        source = f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"
        found.append(f'<img alt="{html.escape(name)}, picture {number}" src="{source}"{hidden}>')
    return " ".join(found)


def _item(rank: int, row: AnswerRow) -> str:
    text = "<br>".join(html.escape(line) for line in row.lines)
    if row.verdict:
        text = f'<span class="verdict">{html.escape(row.verdict)}</span><br>{text}'
    link = (
        f'<br><a href="{html.escape(row.link)}" target="_blank" rel="noopener">open the recording there</a>'
        if row.link
        else ""
    )
    strip = (
        f'<button type="button" class="strip" aria-pressed="false" aria-label="play the strip of answer {rank}">'
        f'{pictures_html(row.pictures, f"answer {rank}", shown=1)}<span class="bar"></span></button>'
    )
    marks = (
        '<span class="marks">'
        + "".join(
            f'<button type="button" data-mark="{mark}" aria-pressed="false" aria-label="answer {rank} is {word}">'
            f"{sign} {word}</button>"
            for mark, sign, word in (("yes", "✓", "right"), ("no", "✗", "wrong"))
        )
        + "</span>"
        if row.key
        else ""
    )
    return (
        f'<li data-key="{html.escape(row.key)}"><span class="rank">{rank}</span>{strip}'
        f'<span class="text">{text}{link}</span>{marks}</li>'
    )
