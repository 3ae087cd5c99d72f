"""The ranking as one HTML file, with playable tracklets."""

import base64
import html
import os
import re
from collections.abc import Iterable, Sequence
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from videoreid.errors import ConfigError
from videoreid.types import Ranking, Tracklet
from videoreid.utils import atomic_write_text
from videoreid.visual.ranking import StripStyle, searched_tracklets
from videoreid.visual.strips import FrameReading, pick_frames, tracklet_strip

__all__ = ["write_ranking_html"]

_CAPTION_EXTRA = 6


def write_ranking_html(
    ranking: Ranking,
    query: Sequence[Tracklet],
    gallery: Sequence[Tracklet],
    path: str | os.PathLike[str],
    *,
    read_frames: FrameReading,
    rows: Sequence[int] | NDArray[np.int64] | None = None,
    top_k: int = 10,
    style: StripStyle | None = None,
) -> None:
    """Write a page with a row per query that can be sorted by best and worst and filtered by hit, miss and person.

    Every tracklet is stored once, as a JPEG strip inside the file, however often it is an answer.

    Args:
        ranking: the scored answers.
        query: Q tracklets, in the order of the ranking.
        gallery: the gallery as the dataset publishes it; the ranking knows whether the queries were in it.
        path: the page to write; an existing one is replaced.
        read_frames: reads frame keys into RGB images.
        rows: queries to show; the first 200 by default, since a page of thousands is slow to open.
        top_k: answers per query.
        style: frames per strip and their size.

    Raises:
        ConfigError: there is nothing to show.
        ProtocolError: ranking and tracklets do not belong together.
    """
    style = style or StripStyle(frames=8, size=(128, 64))
    searched = searched_tracklets(ranking, query, gallery)
    chosen = [int(row) for row in (range(min(200, len(query))) if rows is None else rows)]
    if not chosen:
        raise ConfigError("no query to show: the query list, or the rows asked for, are empty")
    shown = sorted({int(index) for row in chosen for index in ranking.top_indices[row, :top_k] if index >= 0})
    styles = [_sprite(f"q{row}", query[row], read_frames, style) for row in chosen]
    styles += [_sprite(f"g{index}", searched[index], read_frames, style) for index in shown]
    height, width = style.size
    values = {
        "TITLE": f"Ranking of {len(chosen)} queries",
        "WIDTH": str(width),
        "HEIGHT": str(height),
        "CAPTION": str(width + _CAPTION_EXTRA),
        "SCORES": _scores(ranking),
        "PROTOCOL": html.escape(ranking.protocol_line),
        "STYLES": "\n".join(styles),
        "ROWS": "\n".join(_row(ranking, row, query, searched, top_k, style) for row in chosen),
    }
    page = resources.files("videoreid.visual").joinpath("ranking_page.html").read_text("utf-8")
    # one pass over the page, so that a value can never be taken for a placeholder
    atomic_write_text(path, re.sub(r"@([A-Z]+)@", lambda match: values[match[1]], page))


def _scores(ranking: Ranking) -> str:
    summary = ranking.summary()
    figures = [("mAP", "mAP"), ("Rank-1", "rank1"), ("Rank-5", "rank5"), ("mINP", "mINP")]
    shown = [f"<span>{name} <b>{summary[key]:.3f}</b></span>" for name, key in figures]
    counts = f"{summary['queries_scored']} scored, {summary['queries_skipped']} without a match"
    return "".join([*shown, f"<span>{counts}</span>"])


def _sprite(name: str, tracklet: Tracklet, read_frames: FrameReading, style: StripStyle) -> str:
    import cv2

    strip = tracklet_strip(tracklet, read_frames, count=_frame_count(tracklet, style), size=style.size, gap=0)
    done, data = cv2.imencode(".jpg", cv2.cvtColor(strip, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 82])
    if not done:
        raise ConfigError(f"the strip of tracklet {name} cannot be written as JPEG")
    encoded = base64.b64encode(data.tobytes()).decode("ascii")
    return f".s-{name} {{ background-image: url(data:image/jpeg;base64,{encoded}); }}"


def _frame_count(tracklet: Tracklet, style: StripStyle) -> int:
    return len(pick_frames(tracklet, style.frames))


def _row(
    ranking: Ranking,
    row: int,
    query: Sequence[Tracklet],
    gallery: Sequence[Tracklet],
    top_k: int,
    style: StripStyle,
) -> str:
    asked = query[row]
    precision = float(ranking.average_precision[row])
    scored = not np.isnan(precision)
    answers = list(_answers(ranking, row, gallery, top_k, style))
    first = "hit" if ranking.top_matches[row, :1].any() else "miss"
    caption = f"<b>query {row}</b><br>id {asked.pid}, cam {asked.camid}<br>" + (
        f"AP {precision:.3f}, first hit at {ranking.first_match[row]}"
        if scored
        else "not scored: no true match"
    )
    return (
        f'<section class="row" data-row="{row}" data-pid="{asked.pid}" data-first="{first}" '
        f'data-ap="{f"{precision:.6f}" if scored else ""}">'
        + _figure("asked", f"q{row}", _frame_count(asked, style), caption)
        + f'<div class="answers">{"".join(answers) or "<p class=empty>no answer</p>"}</div></section>'
    )


def _answers(
    ranking: Ranking, row: int, gallery: Sequence[Tracklet], top_k: int, style: StripStyle
) -> Iterable[str]:
    for rank, index in enumerate(ranking.top_indices[row, :top_k].tolist()):
        if index < 0:
            return
        found, hit = gallery[index], bool(ranking.top_matches[row, rank])
        caption = (
            f"<b>{rank + 1}</b> id {found.pid}, cam {found.camid}<br>"
            f"distance {ranking.top_distances[row, rank]:.3f}"
        )
        yield _figure("hit" if hit else "miss", f"g{index}", _frame_count(found, style), caption)


def _figure(kind: str, name: str, frames: int, caption: str) -> str:
    return (
        f'<figure class="{kind}"><div class="frame s-{name}" data-frames="{frames}"></div>'
        f'<div class="bar"></div><figcaption>{caption}</figcaption></figure>'
    )
