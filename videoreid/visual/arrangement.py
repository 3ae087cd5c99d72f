"""Arrangement of pictures, frames and texts on a sheet, in hundredths of an inch."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from videoreid.errors import ConfigError

__all__ = ["COLOURS", "SIGNS", "Arrangement", "Cell", "Kind", "SheetLook", "StripStyle", "mark_of"]

Kind = Literal["plain", "query", "hit", "miss", "missed", "junk"]
GREEN, RED, VIOLET, GREY, BLACK = (0, 121, 90), (192, 74, 0), (122, 79, 181), (141, 148, 158), (27, 31, 36)
COLOURS: dict[Kind, tuple[int, int, int]] = {
    "plain": GREY,
    "query": BLACK,
    "hit": GREEN,
    "miss": RED,
    "missed": VIOLET,
    "junk": GREY,
}
SIGNS: dict[Kind, str] = {"hit": "\u2713", "miss": "\u2717", "missed": "\u25cb", "junk": "\u2013"}
DASHES: dict[Kind, Any] = {"miss": (0, (2, 1)), "missed": (0, (0.6, 0.8))}
UNIT = 100  # a unit of layout is a hundredth of an inch
_POINTS = 72 / UNIT
TEXT, LINE, BORDER = 8.5, 12, 3


@dataclass(frozen=True)
class StripStyle:
    """Look of strips.

    Args:
        frames: frames per strip.
        size: (height, width) of a frame, in hundredths of an inch on paper.
        dpi: pixels per inch; with 100 a frame has ``size`` pixels.
        junk: show the junk of the protocol in grey, sorted in by its distance.
    """

    frames: int = 4
    size: tuple[int, int] = (96, 48)
    dpi: int = 200
    junk: bool = True

    def __post_init__(self) -> None:
        if min(self.frames, *self.size) < 1 or not 50 <= self.dpi <= 1200:
            raise ConfigError(
                f"frames and size must be 1 or more and dpi 50 to 1200, got {self.frames}, {self.size}, {self.dpi}"
            )

    def pixels(self, length: float) -> int:
        """Return a length of the layout in pixels."""
        return max(1, round(length * self.dpi / UNIT))


@dataclass(frozen=True, eq=False)
class Cell:
    """A picture on a sheet.

    Args:
        image: ``(H, W, 3)`` uint8 RGB at the resolution of the sheet.
        words: texts below the picture; lines are broken between them.
        kind: decides frame and sign.
        badge: text beside the sign, in the corner of the picture.
    """

    image: NDArray[np.uint8]
    words: Sequence[str] = ()
    kind: Kind = "plain"
    badge: str = ""


@dataclass(frozen=True)
class SheetLook:
    """Distances on a sheet, in hundredths of an inch.

    Args:
        margin: around everything.
        gap: between two pictures.
        first_gap: between the first and the second picture of a row.
        row_gap: between two rows.
        frame_inside: frames cover the edge of the picture instead of surrounding it.
        framed: kinds that have a frame.
    """

    margin: int = 12
    gap: int = 10
    first_gap: int = 10
    row_gap: int = 10
    frame_inside: bool = False
    framed: tuple[Kind, ...] = ("query", "hit", "miss", "missed", "junk")


class Arrangement:
    """Positions of all pictures and texts, in units of the layout."""

    def __init__(
        self,
        rows: Sequence[Sequence[Cell]],
        dpi: int,
        look: SheetLook,
        title: str,
        footer: Sequence[str],
    ) -> None:
        self.dpi, self.look = dpi, look
        self.edge = 0 if look.frame_inside else BORDER
        self.cells: list[tuple[float, float, Cell, list[str]]] = []
        self.texts: list[tuple[float, float, str, float, tuple[int, int, int]]] = []
        columns = self._column_widths(rows)
        gaps = [look.first_gap, *[look.gap] * len(columns)]
        lefts = [look.margin + sum(columns[:n]) + sum(gaps[:n]) for n in range(len(columns))]
        top: float = look.margin
        if title:
            top += self._write(look.margin, top, title, TEXT + 3, BLACK) + 4
        for number, row in enumerate(rows):
            top += look.row_gap if number else 0
            top += self._place(row, lefts, top)
        right = max((left + width for left, width in zip(lefts, columns, strict=True)), default=0.0)
        for line in footer:
            for part in textwrap.wrap(line, max(40, int((right - look.margin) / (0.62 * TEXT)))):
                top += self._write(look.margin, top + 4, part, TEXT, BLACK)
        self.width = max(right, self._text_width()) + look.margin
        self.height = top + look.margin + (4 if footer else 0)

    def _column_widths(self, rows: Sequence[Sequence[Cell]]) -> list[float]:
        most = max((len(row) for row in rows), default=0)
        sizes = [[self.size_of(row[n])[1] for row in rows if n < len(row)] for n in range(most)]
        return [max(column) + 2 * self.edge for column in sizes]

    def size_of(self, cell: Cell) -> tuple[float, float]:
        """Return height and width of a picture, in units of the layout."""
        height, width = cell.image.shape[:2]
        return height * UNIT / self.dpi, width * UNIT / self.dpi

    def _place(self, row: Sequence[Cell], lefts: Sequence[float], top: float) -> float:
        """Place one row; return its height."""
        tallest = 0.0
        for left, cell in zip(lefts, row, strict=False):
            height, width = self.size_of(cell)
            lines = _wrapped(cell.words, width + 2 * self.edge + self.look.gap - 2)
            self.cells.append((left + self.edge, top + self.edge, cell, lines))
            tallest = max(tallest, height + 2 * self.edge + LINE * len(lines))
        return tallest

    def _write(self, left: float, top: float, text: str, size: float, colour: tuple[int, int, int]) -> float:
        self.texts.append((left, top, text, size, colour))
        return size * 1.4

    def _text_width(self) -> float:
        return max((left + 0.62 * size * len(text) for left, _, text, size, _ in self.texts[:1]), default=0.0)

    def canvas(self) -> NDArray[np.uint8]:
        """Return all pictures on white, in pixels."""
        scale = self.dpi / UNIT
        canvas = np.full((round(self.height * scale), round(self.width * scale), 3), 255, np.uint8)
        for left, top, cell, _ in self.cells:
            y, x = round(top * scale), round(left * scale)
            image = _faded(cell.image) if cell.kind == "junk" else cell.image
            canvas[y : y + image.shape[0], x : x + image.shape[1]] = image
        return canvas

    def frames(self) -> list[tuple[float, float, float, float, Cell]]:
        """Return left, top, width and height of the line around every framed cell."""
        inset = BORDER / 2 if self.look.frame_inside else -BORDER / 2
        found = []
        for left, top, cell, _ in self.cells:
            height, width = self.size_of(cell)
            if cell.kind in self.look.framed:
                found.append((left + inset, top + inset, width - 2 * inset, height - 2 * inset, cell))
        return found


def _faded(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    grey = image.mean(axis=2, keepdims=True)
    return np.broadcast_to(128 + grey / 2, image.shape).astype(np.uint8)


def _wrapped(words: Sequence[str], width: float) -> list[str]:
    """Return words in lines of at most this width, by the mean width of a letter."""
    lines: list[str] = []
    for word in words:
        if lines and 0.58 * TEXT * (len(lines[-1]) + 2 + len(word)) <= width:
            lines[-1] += "  " + word
        else:
            lines.append(word)
    return lines


def mark_of(cell: Cell) -> str:
    """Return sign and badge of a cell; empty if it has neither."""
    return " ".join(part for part in (SIGNS.get(cell.kind, ""), cell.badge) if part)
