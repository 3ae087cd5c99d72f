"""Occlusion, other people and clothes from the part labels of a parser."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from videoreid.analysis.images import GRID
from videoreid.errors import DatasetError
from videoreid.parsing import LABEL_TABLES, LabelTable, get_table, read_label_map

__all__ = [
    "ParsedFolderLabels",
    "PartMaps",
    "occlusion_of",
    "part_areas",
    "part_occlusion",
    "part_people",
    "resize_masks",
]

_ROW_SHARE = 0.15  # share of the width that the person must take in a row for the row to count as covered
_LEAST_FIGURE, _LEAST_HEAD = 0.02, 0.005  # shares of the picture below which a component is not a person
# of the classes of LIP; tables with fewer classes name their own
_GROUPS = {
    "lip20": ((1, 2, 4, 13), (5, 6, 7, 10, 11, 14, 15), (9, 12, 16, 17), (8, 18, 19)),
    "seed7": ((1,), (2, 3, 4), (5, 6)),
    "spreid5": ((1,), (2,), (3,), (4,)),
}
_CLOTHES = {"lip20": (5, 6, 7, 9, 10, 11, 12), "seed7": (2,), "spreid5": (2, 3)}


@dataclass(frozen=True, eq=False)
class PartMaps:
    """Part labels of N pictures.

    Args:
        labels: N maps ``(h, w)`` uint8.
        groups: classes of head, upper body, lower body, feet; fewer where the table has fewer.
        worn: classes of clothes.
    """

    labels: Sequence[np.ndarray]
    groups: tuple[tuple[int, ...], ...]
    worn: tuple[int, ...]

    @classmethod
    def of(cls, labels: Sequence[np.ndarray], table: LabelTable) -> "PartMaps":
        """Read N maps ``(h, w)``; with a table that is not built in, every class but background is part and clothes."""
        parts = tuple(range(1, table.num_classes))
        built_in = LABEL_TABLES.get(table.name) is not None and table.name in _GROUPS
        groups = _GROUPS[table.name] if built_in else tuple((part,) for part in parts)
        return cls(labels, groups, _CLOTHES[table.name] if built_in else parts)

    @property
    def background(self) -> list[np.ndarray]:
        """N bool masks ``(h, w)`` of pixels without a person."""
        return [labels == 0 for labels in self.labels]

    @property
    def clothes(self) -> list[np.ndarray]:
        """N bool masks ``(h, w)`` of clothes."""
        return [np.isin(labels, self.worn) for labels in self.labels]


def part_occlusion(maps: PartMaps) -> np.ndarray:
    """Return 1 - half of (mean visible share of the parts + share of the rows in which the person is visible).

    The visible share of a part is its area divided by the median area of that part in all given pictures, at most 1;
    so give many pictures at once.

    Returns:
        ``(N,)`` float64 in 0..1; 1 where no person is visible.
    """
    return occlusion_of(part_areas(maps))


def part_areas(maps: PartMaps) -> np.ndarray:
    """Return ``(N, P + 1)`` float64: the share of the picture of each group of parts, and of the rows covered."""
    return np.array(
        [
            [*(np.isin(labels, group).mean() for group in maps.groups), _covered(labels)]
            for labels in maps.labels
        ]
    ).reshape(len(maps.labels), len(maps.groups) + 1)


def occlusion_of(areas: np.ndarray) -> np.ndarray:
    """Return the hidden share of N pictures, each part relative to its median in all of them.

    Args:
        areas: ``(N, P + 1)``, result of `part_areas`.
    """
    shares, rows = areas[:, :-1], areas[:, -1]
    typical = np.array([np.median(column[column > 0]) if (column > 0).any() else 0.0 for column in shares.T])
    used = typical > 0
    if not used.any():
        return np.ones(len(shares))
    visible = np.minimum(shares[:, used] / typical[used], 1.0).mean(axis=1)
    top = np.quantile(rows, 0.9)
    covered = np.minimum(rows / top, 1.0) if top > 0 else np.zeros_like(rows)
    return np.asarray(1.0 - 0.5 * (visible + covered))


def _covered(labels: np.ndarray) -> float:
    """Return the share of the rows in which the person takes enough of the width."""
    seen = (labels > 0) & (labels < 255)
    return float((seen.mean(axis=1) >= _ROW_SHARE).mean())


def part_people(maps: PartMaps) -> np.ndarray:
    """Return ``(N,)`` float64: area of the second person divided by that of the first; 0 if alone, NaN without any.

    People that touch form one component, so heads are compared too, and the larger of the two ratios is returned. A
    parser that labels only the person of interest shows no others.
    """
    found = []
    for labels in maps.labels:
        figures = _areas((labels > 0) & (labels < 255), _LEAST_FIGURE)
        heads = _areas(np.isin(labels, maps.groups[0]), _LEAST_HEAD)
        found.append(max(_second(figures), _second(heads)) if figures else np.nan)
    return np.array(found, dtype=np.float64)


def _areas(mask: np.ndarray, least: float) -> list[int]:
    """Return the areas of the components with at least the share ``least`` of the picture, largest first."""
    stats = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)[2]
    areas = sorted(stats[1:, cv2.CC_STAT_AREA].tolist(), reverse=True)
    return [area for area in areas if area >= least * mask.size]


def _second(areas: list[int]) -> float:
    return areas[1] / areas[0] if len(areas) > 1 else 0.0


def resize_masks(masks: Sequence[np.ndarray]) -> np.ndarray:
    """Return masks at the size at which regions are measured, ``(N, 48, 24)`` bool."""
    size = (GRID[1], GRID[0])
    small = [cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.5 for mask in masks]
    return np.array(small).reshape(-1, *GRID)


class ParsedFolderLabels:
    """The label maps of a dataset that `videoreid parse NAME --root ROOT` wrote, by side, tracklet and frame.

    Args:
        folder: holds ``parsing.json`` and ``labels/``.

    Raises:
        DatasetError: the folder holds no part labels.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            settings = json.loads((folder / "parsing.json").read_text(encoding="utf-8"))
            self.table = get_table(settings["table"])
        except (OSError, ValueError, KeyError) as error:
            raise DatasetError(
                f"{folder} holds no part labels of a dataset ({error}); make them with videoreid parse NAME --root ROOT"
            ) from error

    def read(self, side: str, row: int, places: Sequence[int]) -> list[np.ndarray]:
        """Return the maps ``(H, W)`` uint8 of some frames of a tracklet.

        Args:
            side: "query" or "gallery".
            row: of the tracklet in it.
            places: numbers of the frames in the tracklet.

        Raises:
            DatasetError: a map is missing or damaged.
        """
        base = self.folder / "labels" / side / f"{row:06d}"
        return [read_label_map(base / f"{place:04d}.png", self.table) for place in places]
