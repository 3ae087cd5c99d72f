"""The answer of a ranking as a folder: scores, pictures and the explorer."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from videoreid.data import FrameReader
from videoreid.types import Features, Ranking, Tracklet
from videoreid.utils import atomic_write_text
from videoreid.visual import ExplorerOptions, draw_queries, draw_ranking, write_explorer
from videoreid.visual.layouts import get_layout
from videoreid.visual.strips import FrameReading

__all__ = ["AnswerOptions", "write_answer", "write_scores"]

_MOST_COLUMNS = 10


@dataclass(frozen=True, kw_only=True)
class AnswerOptions:
    """What `write_answer` shows.

    Args:
        rows: queries to draw, in this order; None draws the first 20.
        top_k: answers of a query; a sheet shows at most 10 of them.
        layout: of the pictures, see `videoreid.visual.draw_ranking`.
        per_query: draw a file a query into ``ranking/`` instead of one sheet.
        ending: of the pictures: .png, .jpg, .pdf or .svg.
        dpi: pixels an inch; None is that of the layout.
        title: of the explorer; "" counts the queries.
        threads: that read frames for the explorer.
    """

    rows: Sequence[int] | None = None
    top_k: int = 10
    layout: str = "strips"
    per_query: bool = False
    ending: str = ".png"
    dpi: int | None = None
    title: str = ""
    threads: int = 1


def write_answer(
    rankings: Ranking | Mapping[str, Ranking],
    query: Sequence[Tracklet],
    gallery: Sequence[Tracklet],
    folder: str | os.PathLike[str],
    *,
    metrics: Mapping[str, Any] | None = None,
    read_frames: FrameReading | None = None,
    features: tuple[Features, Features] | None = None,
    options: AnswerOptions | None = None,
) -> None:
    """Write ``metrics.json``, ``ranking.png`` (or the folder ``ranking``) and ``explorer/``.

    ``metrics.json`` is written last, so that a folder which has it is whole.

    Args:
        rankings: one, or two of the same splits by name; the pictures show the first one, the explorer all.
        query: Q tracklets, in the order of the ranking.
        gallery: the gallery as the dataset publishes it.
        folder: made where it is missing; what an earlier call wrote is replaced.
        metrics: content of ``metrics.json``; None takes the summary of each ranking.
        read_frames: reads frame keys into RGB images; None takes a `FrameReader`.
        features: of query and gallery, for searching in the explorer.
        options: what is shown.

    Raises:
        ConfigError: there is nothing to draw, or an option does not exist.
        ProtocolError: rankings, tracklets and features do not belong together.
        StorageError: a file cannot be written.
    """
    options, place = options or AnswerOptions(), Path(folder)
    named = {"ranking": rankings} if isinstance(rankings, Ranking) else dict(rankings)
    read = read_frames or FrameReader().read
    place.mkdir(parents=True, exist_ok=True)
    _draw(next(iter(named.values())), query, gallery, place, read, options)
    write_explorer(
        named,
        query,
        gallery,
        place / "explorer",
        read_frames=read,
        features=features,
        options=ExplorerOptions(title=options.title, top_k=options.top_k, threads=options.threads),
    )
    if metrics is None:
        summaries = {name: ranking.summary() for name, ranking in named.items()}
        metrics = summaries["ranking"] if isinstance(rankings, Ranking) else summaries
    write_scores(place, metrics)


def write_scores(folder: str | os.PathLike[str], metrics: Mapping[str, Any]) -> None:
    """Write ``metrics.json``, whole or not at all.

    Args:
        folder: must exist.
        metrics: plain values by name.
    """
    atomic_write_text(Path(folder) / "metrics.json", json.dumps(dict(metrics), indent=2) + "\n")


def _draw(
    ranking: Ranking,
    query: Sequence[Tracklet],
    gallery: Sequence[Tracklet],
    place: Path,
    read: FrameReading,
    options: AnswerOptions,
) -> None:
    style = get_layout(options.layout).style
    if options.dpi is not None:
        style = replace(style, dpi=options.dpi)
    how: dict[str, Any] = {
        "read_frames": read,
        "rows": options.rows,
        "layout": options.layout,
        "style": style,
    }
    if options.per_query:
        how.update(top_k=options.top_k, ending=options.ending)
        draw_queries(ranking, query, gallery, place / "ranking", **how)
    else:
        path = place / f"ranking{options.ending}"
        draw_ranking(ranking, query, gallery, path, top_k=min(options.top_k, _MOST_COLUMNS), **how)
