"""The ranking as one picture: a row per query, the query's strip first, then the strips of its answers."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from videoreid.errors import ConfigError
from videoreid.types import Ranking, Tracklet
from videoreid.utils import atomic_write_bytes
from videoreid.visual.strips import FrameReading, tracklet_strip

__all__ = ["StripStyle", "draw_ranking", "order_queries"]

GREEN, RED, GREY, BLACK = (40, 150, 60), (205, 45, 45), (150, 150, 150), (20, 20, 20)
_LABEL_HEIGHT, _BORDER, _GAP, _MARGIN = 18, 3, 10, 14


@dataclass(frozen=True)
class StripStyle:
    """How a strip looks.

    Args:
        frames: frames per strip.
        size: (height, width) of a frame in pixels.
    """

    frames: int = 4
    size: tuple[int, int] = (96, 48)


def order_queries(ranking: Ranking, order: str = "given") -> NDArray[np.int64]:
    """Return query rows in the order asked for; queries that were not scored come last.

    Args:
        ranking: the scored answers.
        order: "given", "worst" (lowest average precision first) or "best".

    Raises:
        ConfigError: another order.
    """
    precision = np.nan_to_num(ranking.average_precision, nan=np.inf)
    if order == "given":
        return np.arange(len(precision))
    if order == "worst":
        return np.argsort(precision, kind="stable")
    if order == "best":
        return np.argsort(np.where(np.isinf(precision), np.inf, -precision), kind="stable")
    raise ConfigError(f"unknown order {order!r}; choose 'given', 'worst' or 'best'")


def draw_ranking(
    ranking: Ranking,
    query: Sequence[Tracklet],
    gallery: Sequence[Tracklet],
    path: str | os.PathLike[str],
    *,
    read_frames: FrameReading,
    rows: Sequence[int] | NDArray[np.int64] | None = None,
    top_k: int = 5,
    style: StripStyle | None = None,
) -> None:
    """Write the ranking as a PNG: green frames a hit, red a miss; camera and distance are printed under each strip.

    Args:
        ranking: the scored answers.
        query: Q tracklets, in the order of the ranking.
        gallery: the gallery as the dataset publishes it; the ranking knows whether the queries were in it.
        path: the picture to write; an existing one is replaced.
        read_frames: reads frame keys into RGB images.
        rows: queries to draw, in this order; the first 20 by default.
        top_k: answers per query.
        style: size of the strips.

    Raises:
        ConfigError: there is nothing to draw, or the ending of ``path`` is not that of a picture.
        ProtocolError: ranking and tracklets do not belong together.
    """
    import cv2

    style = style or StripStyle()
    searched = searched_tracklets(ranking, query, gallery)
    chosen = np.arange(min(20, len(query))) if rows is None else np.asarray(rows, dtype=np.int64)
    if chosen.size == 0:
        raise ConfigError("no query to draw: the query list, or the rows asked for, are empty")
    lines = [_query_row(ranking, int(row), query, searched, read_frames, top_k, style) for row in chosen]
    footer = np.full((2 * _LABEL_HEIGHT, lines[0].shape[1], 3), 255, np.uint8)
    summary = ranking.summary()
    _write(
        footer,
        f"mAP {summary['mAP']:.3f}   Rank-1 {summary['rank1']:.3f}   green hit, red miss",
        (_MARGIN, 14),
    )
    _write(footer, ranking.protocol_line, (_MARGIN, 30), colour=GREY, scale=0.33)
    picture = np.vstack([*lines, footer])
    if Path(path).suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise ConfigError(f"cannot write {path}: choose a name that ends in .png or .jpg")
    done, data = cv2.imencode(Path(path).suffix, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    if not done:
        raise ConfigError(
            f"cannot write {path}: a picture of {picture.shape[1]} x {picture.shape[0]} is too large, draw fewer rows"
        )
    # not by cv2.imwrite: it does not say that a disk is full, and crashes on a path that is not UTF-8
    atomic_write_bytes(path, data.tobytes())


def searched_tracklets(
    ranking: Ranking, query: Sequence[Tracklet], gallery: Sequence[Tracklet]
) -> tuple[Tracklet, ...]:
    """Return the tracklets that the rows of the ranking are.

    Raises:
        ConfigError: the ranking kept no answers.
        ProtocolError: ranking and tracklets do not belong together.
    """
    if ranking.top_indices.shape[1] == 0:
        raise ConfigError("the ranking kept no answers to draw: evaluate with top_k of 1 or more")
    return ranking.searched(query, gallery)


def _query_row(
    ranking: Ranking,
    row: int,
    query: Sequence[Tracklet],
    gallery: Sequence[Tracklet],
    read_frames: FrameReading,
    top_k: int,
    style: StripStyle,
) -> NDArray[np.uint8]:
    asked = query[row]
    precision = ranking.average_precision[row]
    label = f"query {row}  id {asked.pid}  cam {asked.camid}  AP " + (
        "-" if np.isnan(precision) else f"{precision:.2f}"
    )
    cells = [_cell(asked, read_frames, style, label, BLACK)]
    for rank in range(top_k):
        index = int(ranking.top_indices[row, rank]) if rank < ranking.top_indices.shape[1] else -1
        if index < 0:  # a short list: keep the columns aligned
            cells.append(np.full_like(cells[0], 255))
            continue
        found, hit = gallery[index], bool(ranking.top_matches[row, rank])
        label = f"{rank + 1}  id {found.pid}  cam {found.camid}  d {ranking.top_distances[row, rank]:.3f}"
        cells.append(_cell(found, read_frames, style, label, GREEN if hit else RED))
    white = np.full((cells[0].shape[0], _GAP, 3), 255, np.uint8)
    spaced = [part for cell in cells for part in (cell, white)][:-1]
    line = np.hstack([white, *spaced[:1], white, *spaced[1:], white])
    return np.pad(line, ((_MARGIN // 2, _MARGIN // 2), (0, 0), (0, 0)), constant_values=255)


def _cell(
    tracklet: Tracklet, read_frames: FrameReading, style: StripStyle, label: str, colour: tuple[int, int, int]
) -> NDArray[np.uint8]:
    strip = tracklet_strip(tracklet, read_frames, count=style.frames, size=style.size)
    framed = np.empty((strip.shape[0] + 2 * _BORDER, strip.shape[1] + 2 * _BORDER, 3), np.uint8)
    framed[:] = colour
    framed[_BORDER:-_BORDER, _BORDER:-_BORDER] = strip
    cell = np.full((framed.shape[0] + _LABEL_HEIGHT, framed.shape[1], 3), 255, np.uint8)
    cell[: framed.shape[0]] = framed
    _write(cell, label, (1, framed.shape[0] + 13), colour=colour, scale=0.36)
    return cell


def _write(
    image: NDArray[np.uint8],
    text: str,
    origin: tuple[int, int],
    *,
    colour: tuple[int, int, int] = BLACK,
    scale: float = 0.4,
) -> None:
    import cv2

    plain = text.encode("ascii", "replace").decode()  # OpenCV's fonts hold ASCII only
    cv2.putText(image, plain, origin, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, 1, cv2.LINE_AA)
