"""The explorer of some queries as one self-contained HTML file."""

import base64
import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from videoreid.types import Ranking, Tracklet
from videoreid.utils import atomic_write_text
from videoreid.visual.arrangement import StripStyle
from videoreid.visual.explorer import (
    SCRIPTS,
    ExplorerOptions,
    asset,
    page_of,
    page_parts,
    strips_of,
    taken,
)
from videoreid.visual.explorer_data import tables_of
from videoreid.visual.selection import order_queries
from videoreid.visual.strips import FrameReading, PatientReader

__all__ = ["write_ranking_html"]

_MOST = 200


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
    """Write one self-contained file; for thousands of queries write a folder with `write_explorer`.

    Every tracklet is stored once, as a JPEG strip inside the file, even if it is an answer of many queries.

    Args:
        ranking: the scored answers.
        query: Q tracklets, in the order of the ranking.
        gallery: the gallery as the dataset publishes it; the ranking knows whether the queries were in it.
        path: the page to write; an existing one is replaced.
        read_frames: reads frame keys into RGB images; a frame that cannot be read is drawn hatched and counted.
        rows: queries to show; None shows all, or with more than 200 queries the 200 of the lowest average precision.
        top_k: answers per query.
        style: frames per strip and their size.

    Raises:
        ConfigError: there is nothing to show.
        ProtocolError: ranking and tracklets do not belong together.
    """
    style = style or StripStyle(frames=8, size=(128, 64))
    options = ExplorerOptions(frames=style.frames, size=style.size, top_k=top_k, progress=False)
    if rows is None:
        rows = range(len(query)) if len(query) <= _MOST else order_queries(ranking, "worst")[:_MOST]
    chosen = [int(row) for row in rows]
    tables, reader = tables_of({"ranking": ranking}, query, gallery, top_k), PatientReader(read_frames)
    frames: dict[int, int] = {}
    pictures: dict[int, str] = {}
    for number, count, jpeg in strips_of(tables, tables.shown(chosen), reader, options):
        frames[number] = count
        pictures[number] = "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
    parts = page_parts(tables, chosen, frames, options, flags={})
    parts.index.update(missing=reader.report(), search=None)
    first, *others = SCRIPTS
    blocks = [taken(name, value) for name, value in parts.blocks.items()]
    data = [taken("index", parts.index), taken("strips", pictures), *blocks]
    code = [asset(first), *data, *map(asset, others)]
    scripts = "\n".join(f"<script>\n{text}</script>" for text in code)
    page = page_of(parts.index["title"], f"<style>\n{asset('explorer.css')}</style>", scripts)
    atomic_write_text(path, page)
