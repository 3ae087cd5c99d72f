"""An error analysis as one HTML file: causes, groups, regression, and pictures of failed queries."""

import base64
import html
import io
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from videoreid.analysis.charts import draw_charts
from videoreid.errors import DatasetError
from videoreid.types import Tracklet
from videoreid.utils import atomic_write_text
from videoreid.visual import tracklet_strip

__all__ = ["HardQuery", "write_analysis_page"]

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }
h2 { margin-top: 2.2rem; } .note { color: #777; font-size: .9em; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid #8884; }
th:first-child, td:first-child { text-align: left; }
img { max-width: 100%; } img.chart { background: #fff; border-radius: 6px; }
.hard { display: flex; flex-wrap: wrap; gap: 1rem 1.6rem; margin: 0 0 1rem; }
figure { margin: 0; } figcaption { font-size: .85em; }
"""


@dataclass(frozen=True)
class HardQuery:
    """A failed query and its pictures.

    Args:
        row: of the query.
        query: its tracklet.
        match: its nearest true match; None if unknown.
        answer: the first answer; None if the ranking kept none.
        average_precision: of the query.
        first_match: rank of the first true match.
    """

    row: int
    query: Tracklet
    match: Tracklet | None
    answer: Tracklet | None
    average_precision: float
    first_match: int


def write_analysis_page(
    figures: Mapping[str, Any],
    line: str,
    path: str | os.PathLike[str],
    *,
    hard: Mapping[str, Sequence[HardQuery]],
    read_frames: Callable[[Sequence[str]], Sequence[np.ndarray]] | None,
) -> None:
    """Write the page, whole or not at all.

    Args:
        figures: result of `ErrorAnalysis.to_dict`.
        line: the causes in one line.
        path: the page.
        hard: queries to show, by cause.
        read_frames: reads frame keys into RGB images ``(H, W, 3)``; None draws no pictures.
    """
    chart = base64.b64encode(draw_charts(figures)).decode()
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>Why queries fail</title><style>{_STYLE}</style></head><body><h1>Why queries fail</h1>",
        f"<p><strong>{html.escape(line)}</strong></p>",
        f"<p>mAP {figures['mAP']:.3f}, Rank-1 {figures['rank1']:.3f}<br>"
        f'<span class="note">{html.escape(figures["protocol"])}</span></p>',
        f'<p class="note">{_counts(figures)}</p>',
        f'<img class="chart" alt="Points lost by cause, coefficients, and scores by group of each proxy" '
        f'src="data:image/png;base64,{chart}">',
        "<h2>Causes</h2>",
        _causes(figures),
        "<h2>Regression of failure</h2>",
        _regressions(figures["regressions"]),
        "<h2>Dark scenes and dark clothes</h2>",
        _cells(figures["regressions"]["interaction"]),
        "<h2>Camera pairs</h2>",
        _camera_pairs(figures["camera_pairs"]),
        "<h2>Hardest queries by cause</h2>",
        *_pictures(hard, read_frames),
        "</body></html>\n",
    ]
    atomic_write_text(path, "\n".join(parts))


def _counts(figures: Mapping[str, Any]) -> str:
    return (
        f"{figures['queries_scored']} queries scored, {figures['queries_without_match']} without a true match; the "
        f"best match of {figures['matches_unknown']} is unknown; {figures['frames_looked_at']} frames measured, "
        f"{figures['frames_missing']} could not be read. Intervals are {100 * figures['settings']['level']:.0f} % "
        "bootstrap intervals over people, not over queries."
    )


def _causes(figures: Mapping[str, Any]) -> str:
    head = (
        "cause", "threshold", "affects", "mAP affected", "mAP others", "Rank-1 affected", "Rank-1 others",
        "points of mAP", "points of Rank-1", "adjusted for the others",
    )  # fmt: skip
    limits = figures["settings"]["thresholds"]
    rows = [
        (
            cost["cause"],
            f"{limits[cost['cause']]:.3g}",
            f"{100 * cost['touched']['coverage']:.0f} % ({cost['touched']['queries']})",
            *(_percent(cost[side][key]) for key in ("mAP", "rank1") for side in ("touched", "others")),
            *(_points(cost[key]) for key in ("map_points", "rank1_points", "adjusted_rank1_points")),
        )
        for cost in figures["causes"]
    ]
    note = (
        "A cause affects a query if the query or its best true match is beyond the threshold. Points: gain of the "
        "whole if affected queries scored as the others do; in the last column, as estimated by the regression."
    )
    return _table(head, rows) + f'<p class="note">{note}</p>'


def _regressions(found: Mapping[str, Any]) -> str:
    texts = {"pair": "Harder of query and match", "sides": "Query and match separately"}
    parts = []
    for name, title in texts.items():
        fit = found[name]
        parts.append(f"<h3>{title}</h3>")
        parts.append(f"<p>{html.escape(found['missing'].get(name, ''))}</p>" if fit is None else _fit(fit))
    if found["left_out"]:
        left = "; ".join(f"{name}: {reason}" for name, reason in found["left_out"].items())
        parts.append(f'<p class="note">Left out: {html.escape(left)}</p>')
    return "".join(parts)


def _fit(fit: Mapping[str, Any]) -> str:
    rows = [
        (row["name"], *(_number(row[key]) for key in ("coefficient", "low", "high", "p_value", "vif")))
        for row in fit["columns"]
    ]
    head = ("proxy, per standard deviation", "log odds of failure", "low", "high", "p", "VIF")
    note = f"{fit['method']}, {fit['queries']} queries, {fit['failures']} failures"
    return _table(head, rows) + f'<p class="note">{note}</p>'


def _cells(found: Mapping[str, Any]) -> str:
    rows = [
        (
            f"{'dark' if cell['dark_scene'] else 'light'} scene, {'dark' if cell['dark_clothes'] else 'other'} clothes",
            str(cell["queries"]),
            _percent(cell["mAP"]),
            _percent(cell["rank1"]),
        )
        for cell in found["cells"]
    ]
    text = _table(("query or match", "queries", "mAP", "Rank-1"), rows)
    if found["fit"] is None:
        return text + f"<p>{html.escape(found['missing'])}</p>"
    last = found["fit"]["columns"][-1]
    return text + (
        f"<p>{html.escape(last['name'])}: log odds {_number(last['coefficient'])} [{_number(last['low'])}, "
        f"{_number(last['high'])}] per product of standard deviations, p {_number(last['p_value'])}; above 0, dark "
        "clothes in a dark scene cost more than the sum of the two effects.</p>"
    )


def _camera_pairs(pairs: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (
            f"{pair['query']} to {pair['match']}",
            str(pair["queries"]),
            _percent(pair["mAP"]),
            _percent(pair["rank1"]),
        )
        for pair in pairs
    ]
    return _table(("camera of query, of match", "queries", "mAP", "Rank-1"), rows)


def _pictures(
    hard: Mapping[str, Sequence[HardQuery]],
    read_frames: Callable[[Sequence[str]], Sequence[np.ndarray]] | None,
) -> list[str]:
    parts = ['<p class="note">Query, nearest true match, and first answer.</p>']
    for cause, queries in hard.items():
        parts.append(f"<h3>{html.escape(cause)}</h3>")
        if not queries:
            parts.append("<p>It affects no failed query.</p>")
        parts += [_picture(item, read_frames) for item in queries]
    return parts


def _picture(item: HardQuery, read_frames: Callable[[Sequence[str]], Sequence[np.ndarray]] | None) -> str:
    figures = []
    for name, tracklet in (("query", item.query), ("true match", item.match), ("first answer", item.answer)):
        if tracklet is None:
            continue
        label = f"{name}: id {tracklet.pid}, cam {tracklet.camid}"
        strip = "" if read_frames is None else _strip(tracklet, read_frames, label)
        figures.append(f"<figure>{strip}<figcaption>{html.escape(label)}</figcaption></figure>")
    head = f"query {item.row}: AP {item.average_precision:.3f}, first true match at rank {item.first_match}"
    return f'<div>{head}</div><div class="hard">{"".join(figures)}</div>'


def _strip(
    tracklet: Tracklet, read_frames: Callable[[Sequence[str]], Sequence[np.ndarray]], label: str
) -> str:
    try:
        strip = tracklet_strip(tracklet, read_frames, count=4, size=(128, 64))
    except (DatasetError, FileNotFoundError):
        return "<span>frames missing</span>"
    data = base64.b64encode(_jpeg(strip)).decode()
    return f'<img alt="{html.escape(label)}" src="data:image/jpeg;base64,{data}">'


def _jpeg(rgb: np.ndarray) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["".join(f"<th>{html.escape(cell)}</th>" for cell in head)]
    lines += ["".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows]
    return '<div class="wide"><table>' + "".join(f"<tr>{line}</tr>" for line in lines) + "</table></div>"


def _percent(interval: Mapping[str, float | None] | None) -> str:
    if interval is None:
        return "-"
    low, high = interval["low"], interval["high"]
    ends = "" if low is None or high is None else f" [{100 * low:.0f}, {100 * high:.0f}]"
    return f"{100 * (interval['value'] or 0.0):.1f}{ends}"


def _points(interval: Mapping[str, float] | None) -> str:
    return (
        "-"
        if interval is None
        else f"{interval['value']:+.1f} [{interval['low']:.1f}, {interval['high']:.1f}]"
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
