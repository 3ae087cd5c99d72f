"""A ranking as pictures: one sheet of many queries, or one file per query."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from videoreid.errors import ConfigError
from videoreid.types import Ranking, Tracklet
from videoreid.visual.arrangement import StripStyle
from videoreid.visual.layouts import Scene, get_layout
from videoreid.visual.sheet import check_picture_name, write_sheet
from videoreid.visual.strips import FrameReading, PatientReader

__all__ = ["draw_queries", "draw_ranking"]

Rows = Sequence[int] | NDArray[np.int64]


def draw_ranking(  # noqa: PLR0913 - the eight of a scene, and the layout
    ranking: Ranking,
    query: Sequence[Tracklet],
    gallery: Sequence[Tracklet],
    path: str | os.PathLike[str],
    *,
    read_frames: FrameReading,
    rows: Rows | None = None,
    top_k: int = 5,
    style: StripStyle | None = None,
    layout: str = "strips",
) -> None:
    """Draw queries and their answers on one sheet: a tick and a solid frame for a hit, a cross and dashes for a miss.

    Args:
        ranking: the scored answers.
        query: Q tracklets, in the order of the ranking.
        gallery: the gallery as the dataset publishes it; the ranking knows whether the queries were in it.
        path: the picture, .png, .jpg, .pdf or .svg; an existing one is replaced.
        read_frames: reads frame keys into RGB images; a frame that cannot be read is drawn hatched, with a warning.
        rows: queries to draw, in this order (see `select_queries`); the first 20 by default.
        top_k: answers per query, at most the size of the gallery.
        style: size and resolution; None takes that of the layout.
        layout: "strips" (a strip of frames for each tracklet), "vpreid_result" (VPReID's figure, a grid of frames for
            each tracklet), or "vpreid_gt" (its figure of the ground truth: all true matches with their ranks).

    Raises:
        ConfigError: there is nothing to draw, or the ending of ``path`` is not that of a picture.
        ProtocolError: ranking and tracklets do not belong together.
        UnknownNameError: no such layout.
        StorageError: the file cannot be written.
    """
    check_picture_name(path)
    arrangement = get_layout(layout)
    scene = _scene(ranking, query, gallery, read_frames, top_k, style or arrangement.style)
    chosen = _chosen(query, range(min(20, len(query))) if rows is None else rows)
    lines = [arrangement.cells(scene, row) for row in chosen]
    scene.reader.report()
    footer = _footer(ranking) if arrangement.footer else ()
    write_sheet(lines, path, dpi=scene.style.dpi, look=arrangement.look, footer=footer)


def draw_queries(  # noqa: PLR0913 - as draw_ranking
    ranking: Ranking,
    query: Sequence[Tracklet],
    gallery: Sequence[Tracklet],
    folder: str | os.PathLike[str],
    *,
    read_frames: FrameReading,
    rows: Rows | None = None,
    top_k: int = 10,
    style: StripStyle | None = None,
    layout: str = "strips",
    ending: str = ".png",
) -> list[Path]:
    """Draw one picture per query, as `draw_ranking` does, named by row, person and camera.

    Args:
        ranking: the scored answers.
        query: Q tracklets, in the order of the ranking.
        gallery: the gallery as the dataset publishes it.
        folder: created if missing; pictures of the same names are replaced.
        read_frames: reads frame keys into RGB images.
        rows: queries to draw; all by default.
        top_k: answers per query.
        style: size and resolution; None takes that of the layout.
        layout: see `draw_ranking`.
        ending: of the names: .png, .jpg, .pdf or .svg.

    Returns:
        The pictures, ``<row>_pid<pid>_cam<camid>.png``, in the order of ``rows``.

    Raises:
        ConfigError: there is nothing to draw, or ``ending`` is not that of a picture.
        ProtocolError: ranking and tracklets do not belong together.
        UnknownNameError: no such layout.
        StorageError: a file cannot be written.
    """
    from tqdm import tqdm

    arrangement = get_layout(layout)
    check_picture_name(f"a{ending}")
    scene = _scene(ranking, query, gallery, read_frames, top_k, style or arrangement.style)
    footer = _footer(ranking) if arrangement.footer else ()
    paths = []
    # a bar on a terminal only
    for row in tqdm(_chosen(query, range(len(query)) if rows is None else rows), unit="query", disable=None):
        shown = query[row]
        path = Path(folder) / f"{row:04d}_pid{shown.pid}_cam{shown.camid}{arrangement.suffix}{ending}"
        line = arrangement.cells(scene, row)
        write_sheet([line], path, dpi=scene.style.dpi, look=arrangement.look, footer=footer)
        paths.append(path)
    scene.reader.report()
    return paths


def _scene(
    ranking: Ranking,
    query: Sequence[Tracklet],
    gallery: Sequence[Tracklet],
    read_frames: FrameReading,
    top_k: int,
    style: StripStyle,
) -> Scene:
    """Join a ranking with its tracklets.

    Raises:
        ConfigError: the ranking kept no answers.
        ProtocolError: ranking and tracklets do not belong together.
    """
    if ranking.top_indices.shape[1] == 0:
        raise ConfigError("the ranking kept no answers to draw: evaluate with top_k of 1 or more")
    searched = ranking.searched(query, gallery)
    longest = max((len(item) for item in (*query, *searched)), default=1)
    style = replace(style, frames=min(style.frames, longest))  # an image dataset has no strips
    return Scene(ranking, query, searched, PatientReader(read_frames), style, top_k)


def _chosen(query: Sequence[Tracklet], rows: Rows | range) -> list[int]:
    chosen = [int(row) for row in rows]
    if not chosen:
        raise ConfigError("no query to draw: the list of queries, or rows, is empty")
    wrong = [row for row in chosen if not 0 <= row < len(query)]
    if wrong:
        raise ConfigError(f"no query {wrong[0]}: there are {len(query)} queries, counted from 0")
    return chosen


def _footer(ranking: Ranking) -> tuple[str, str]:
    summary = ranking.summary()
    scores = f"mAP {summary['mAP']:.3f}   Rank-1 {summary['rank1']:.3f}"
    signs = "\u2713 true match   \u2717 another person   \u2013 grey: left out by the protocol"
    return f"{scores}   {signs}", ranking.protocol_line
