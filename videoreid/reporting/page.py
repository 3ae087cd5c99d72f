"""HTML pages of text, tables and plots that load nothing from the network."""

import html
from collections.abc import Iterable, Mapping, Sequence

from videoreid.utils.tables import Table
from videoreid.visual import PlotFiles

__all__ = [
    "Section", "details", "facts", "figure", "figures", "links", "page", "paragraph", "rows_table", "table",
    "table_links",
]  # fmt: skip

Section = tuple[str, Sequence[str]]
"""A heading, and pieces of HTML below it."""

_STYLE = """
:root { color-scheme: light dark; --line: #8885; --soft: #8881; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 76rem; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.6rem; margin: 0 0 .3rem; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; }
nav { display: flex; flex-wrap: wrap; gap: .2rem 1rem; border-block: 1px solid var(--line); padding: .5rem 0; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 1rem; }
figure { margin: 0; border: 1px solid var(--line); border-radius: 6px; padding: .6rem; background: white; color: #222; }
figure img { max-width: 100%; height: auto; display: block; margin: 0 auto; }
figcaption { font-size: .85rem; margin-top: .4rem; } figcaption a { color: #0054a6; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .9rem; }
th, td { border-bottom: 1px solid var(--line); padding: .25rem .7rem; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } dl { display: grid; grid-template-columns: max-content 1fr; }
dt { font-weight: 600; padding-right: 1rem; } dd { margin: 0; overflow-wrap: anywhere; }
.small { font-size: .85rem; overflow-wrap: anywhere; }
pre { overflow-x: auto; background: var(--soft); padding: .6rem; }
"""


def page(title: str, sections: Sequence[Section], *, below: str = "") -> str:
    """Return the page.

    Args:
        title: plain text.
        sections: headings, plain text, and HTML made by the functions of this module.
        below: plain text below the title.
    """
    anchors = "".join(
        f'<a href="#part-{number}">{html.escape(name)}</a>' for number, (name, _) in enumerate(sections)
    )
    parts = [
        f'<section id="part-{number}"><h2>{html.escape(name)}</h2>{"".join(pieces)}</section>'
        for number, (name, pieces) in enumerate(sections)
    ]
    name = html.escape(title)
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{name}</title><style>{_STYLE}</style></head><body><h1>{name}</h1>",
            f'<p class="small">{html.escape(below)}</p><nav aria-label="Parts">{anchors}</nav>',
            *parts,
            "</body></html>\n",
        ]
    )


def paragraph(text: str, *, small: bool = False) -> str:
    """Return a paragraph of plain text."""
    return f"<p{' class=small' if small else ''}>{html.escape(text)}</p>"


def links(files: Mapping[str, str]) -> str:
    """Return a paragraph of links to files beside the page: text by address."""
    found = [f'<a href="{html.escape(address)}">{html.escape(text)}</a>' for address, text in files.items()]
    return f"<p>{', '.join(found)}</p>"


def table_links(stem: str) -> str:
    """Return links to the three files of a table."""
    forms = {"md": "Markdown", "tex": "LaTeX", "csv": "CSV"}
    return links({f"{stem}.{ending}": f"as {form}" for ending, form in forms.items()})


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Return names and values of plain text."""
    items = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>" for name, value in pairs)
    return f"<dl>{items}</dl>"


def details(title: str, text: str) -> str:
    """Return a long plain text that opens on a click."""
    return f"<details><summary>{html.escape(title)}</summary><pre>{html.escape(text)}</pre></details>"


def rows_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table of plain values."""
    head = "".join(f'<th scope="col">{html.escape(str(name))}</th>' for name in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def table(content: Table) -> str:
    """Return a table and its notes."""
    notes = "".join(paragraph(note, small=True) for note in content.notes)
    return rows_table(content.columns, content.rows) + notes


def figure(files: PlotFiles, caption: str, *, folder: str = "plots") -> str:
    """Return a plot with links to its drawing and its numbers."""
    png, svg, csv = (html.escape(f"{folder}/{file.name}") for file in (files.png, files.svg, files.csv))
    text = html.escape(caption)
    return (
        f'<figure><img src="{png}" alt="{text}" loading="lazy"><figcaption>{text} '
        f'(<a href="{svg}">SVG</a>, <a href="{csv}">numbers</a>)</figcaption></figure>'
    )


def figures(pieces: Sequence[str]) -> str:
    """Return plots side by side."""
    return f'<div class="plots">{"".join(pieces)}</div>'
