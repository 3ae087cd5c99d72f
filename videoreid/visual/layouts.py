"""Layouts of a query with its answers, by name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from videoreid.errors import ConfigError, UnknownNameError
from videoreid.types import Ranking, Tracklet
from videoreid.visual.arrangement import Cell, Kind, SheetLook, StripStyle
from videoreid.visual.strips import PatientReader, resized, tracklet_strip

__all__ = ["LAYOUTS", "Layout", "Scene", "get_layout"]

_GRID_GAP = 4


@dataclass(frozen=True, eq=False)
class Scene:
    """Inputs of a layout.

    Args:
        ranking: the scored answers.
        query: Q tracklets.
        searched: the tracklets of the ranking's gallery rows.
        reader: reads frames.
        style: size of the pictures.
        top_k: answers per query.
    """

    ranking: Ranking
    query: Sequence[Tracklet]
    searched: Sequence[Tracklet]
    reader: PatientReader
    style: StripStyle
    top_k: int


@dataclass(frozen=True, eq=False)
class Layout:
    """Layout of a query and its answers on a sheet.

    Args:
        cells: makes one row of the sheet from a scene and the row of a query.
        style: default style.
        look: distances on the sheet.
        footer: whether scores and protocol line are written below.
        suffix: of the names of files that hold one query each.
    """

    cells: Callable[[Scene, int], list[Cell]]
    style: StripStyle
    look: SheetLook
    footer: bool = True
    suffix: str = ""


def get_layout(name: str) -> Layout:
    """Return a layout.

    Raises:
        UnknownNameError: no layout has this name.
    """
    if name not in LAYOUTS:
        raise UnknownNameError(f"unknown layout {name!r}; choose {', '.join(map(repr, LAYOUTS))}")
    return LAYOUTS[name]


def strips(scene: Scene, row: int) -> list[Cell]:
    """Return the strips of the query and of its answers; junk is grey, sorted in by its distance."""
    query, precision = scene.query[row], scene.ranking.average_precision[row]
    words = [f"query {row}", f"id {query.pid}", f"cam {query.camid}"]
    words.append("AP -" if np.isnan(precision) else f"AP {precision:.2f}")
    cells = [Cell(_strip(scene, query), words, "query")]
    for kind, index, distance, rank in _ranked(scene, row):
        found = scene.searched[index]
        words = [f"id {found.pid}", f"cam {found.camid}", f"d {distance:.3f}"]
        cells.append(Cell(_strip(scene, found), words, kind, str(rank) if rank else ""))
    return cells


def grids(scene: Scene, row: int) -> list[Cell]:
    """Return VPReID's result figure: a grid of frames for the query, then one for each answer."""
    cells = [Cell(_grid(scene, scene.query[row]), kind="query")]
    for kind, index, _, rank in _ranked(scene, row):
        if rank:
            cells.append(Cell(_grid(scene, scene.searched[index]), kind=kind))
    return cells


def grids_of_truth(scene: Scene, row: int) -> list[Cell]:
    """Return VPReID's figure of the ground truth: all true matches in ranked order, each with its rank."""
    ranking = scene.ranking
    if ranking.same_person is None:
        raise ConfigError("this ranking does not store its true matches; make it by evaluate_features")
    rows, _ = ranking.same_person.of(row, matches=True)
    ranks = ranking.match_ranks[ranking.match_offsets[row] : ranking.match_offsets[row + 1]]
    cells = [Cell(_grid(scene, scene.query[row]), kind="query")]
    for index, rank in zip(rows.tolist(), ranks.tolist(), strict=True):
        kind: Kind = "hit" if rank <= scene.top_k else "missed"
        cells.append(Cell(_grid(scene, scene.searched[index]), kind=kind, badge=str(rank)))
    return cells


_GRIDS = SheetLook(
    margin=0,
    gap=_GRID_GAP,
    first_gap=20,
    row_gap=20,
    frame_inside=True,
    framed=("hit", "miss", "missed", "junk"),
)
LAYOUTS: dict[str, Layout] = {
    "strips": Layout(strips, StripStyle(), SheetLook()),
    "vpreid_result": Layout(grids, StripStyle(size=(128, 64)), _GRIDS, footer=False),
    "vpreid_gt": Layout(grids_of_truth, StripStyle(size=(128, 64)), _GRIDS, footer=False, suffix="_gt"),
}


def _ranked(scene: Scene, row: int) -> list[tuple[Kind, int, float, int]]:
    """Return kind, gallery row, distance and rank (0 for junk) of a query's answers and junk, nearest first."""
    ranking = scene.ranking
    shown: list[tuple[Kind, int, float, int]] = []
    for rank, index in enumerate(ranking.top_indices[row, : scene.top_k].tolist(), start=1):
        if index >= 0:
            hit = bool(ranking.top_matches[row, rank - 1])
            shown.append(("hit" if hit else "miss", index, float(ranking.top_distances[row, rank - 1]), rank))
    if not scene.style.junk or ranking.same_person is None or not shown:
        return shown
    rows, distances = ranking.same_person.of(row, matches=False)
    itself = _own_row(ranking, row)
    junk: list[tuple[Kind, int, float, int]] = [
        ("junk", index, far, 0)
        for index, far in zip(rows.tolist(), distances.tolist(), strict=True)
        if index != itself and far <= shown[-1][2]
    ]
    return sorted([*junk[: scene.top_k], *shown], key=lambda entry: (entry[2], entry[3]))


def _own_row(ranking: Ranking, row: int) -> int:
    """Return the gallery row of the query itself; -1 if the gallery does not hold it."""
    gallery = ranking.gallery
    return -1 if gallery is None or gallery.query_start is None else gallery.query_start + row


def _strip(scene: Scene, tracklet: Tracklet) -> NDArray[np.uint8]:
    style = scene.style
    height, width = style.size
    return tracklet_strip(
        tracklet,
        scene.reader.read,
        count=style.frames,
        size=(style.pixels(height), style.pixels(width)),
        gap=style.pixels(2),
    )


def _grid(scene: Scene, tracklet: Tracklet) -> NDArray[np.uint8]:
    """Return the first frames of ``style.frames`` equal parts, in two lines; one picture if there is one frame."""
    style = scene.style
    count = style.frames if len(tracklet) > 1 else 1
    part = -(-len(tracklet) // count)
    keys = [tracklet.frames[min(n * part, len(tracklet) - 1)] for n in range(count)]
    lines = 2 if count >= 4 else 1
    columns = -(-count // lines)
    height, width, gap = (style.pixels(length) for length in (*style.size, _GRID_GAP))
    grid = np.full((lines * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
    for n, image in enumerate(scene.reader.read(keys)):
        top, left = n // columns * (height + gap), n % columns * (width + gap)
        grid[top : top + height, left : left + width] = resized(image, (height, width))
    return grid
