"""Sheets as files: PNG and JPEG as pixels, PDF and SVG with text as text."""

import io
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from videoreid.errors import ConfigError
from videoreid.utils import atomic_write_bytes
from videoreid.visual.arrangement import (
    BLACK,
    BORDER,
    COLOURS,
    DASHES,
    LINE,
    TEXT,
    UNIT,
    Arrangement,
    Cell,
    SheetLook,
    mark_of,
)

__all__ = ["check_picture_name", "write_sheet"]

Colour = tuple[int, int, int]
_ENDINGS = (".png", ".jpg", ".jpeg", ".pdf", ".svg")
_POINTS = 72 / UNIT
_LARGEST = 1 << 16  # pixels per side that JPEG and PNG readers accept


def check_picture_name(path: str | os.PathLike[str]) -> None:
    """Check that a name has the ending of a picture.

    Raises:
        ConfigError: it has another ending.
    """
    if Path(path).suffix.lower() not in _ENDINGS:
        raise ConfigError(f"cannot write {path}: choose a name that ends in {', '.join(_ENDINGS)}")


def write_sheet(
    rows: Sequence[Sequence[Cell]],
    path: str | os.PathLike[str],
    *,
    dpi: int,
    look: SheetLook | None = None,
    title: str = "",
    footer: Sequence[str] = (),
) -> None:
    """Write rows of pictures, whole or not at all; columns align.

    Args:
        rows: cells from left to right; rows may differ in length.
        path: ends in .png, .jpg, .pdf or .svg.
        dpi: pixels per inch of the cells' pictures.
        look: distances on the sheet.
        title: above the rows.
        footer: lines below the rows.

    Raises:
        ConfigError: another ending, or a sheet that is too large.
        StorageError: the file cannot be written.
    """
    check_picture_name(path)
    look = look or SheetLook()
    sheet = Arrangement(rows, dpi, look, title, footer)
    width, height = (side * dpi / UNIT for side in (sheet.width, sheet.height))
    if max(width, height) >= _LARGEST:
        raise ConfigError(
            f"cannot write {path}: a picture of {width:.0f} x {height:.0f} pixels is too large, draw fewer rows"
        )
    kind = Path(path).suffix.lower()[1:]
    atomic_write_bytes(path, _vector(sheet, kind) if kind in ("pdf", "svg") else _raster(sheet, kind))


def _words(sheet: Arrangement) -> list[tuple[float, float, str, float, Colour, Colour | None]]:
    """Return left, top, text, size, colour and background colour of every text."""
    found: list[tuple[float, float, str, float, Colour, Colour | None]] = [
        (*text, None) for text in sheet.texts
    ]
    for left, top, cell, lines in sheet.cells:
        below = top + sheet.size_of(cell)[0] + sheet.edge + 1
        for number, words in enumerate(lines):
            found.append((left, below + LINE * number, words, TEXT, BLACK, None))
        mark = mark_of(cell)
        if mark:
            found.append((left + 3, top + 2.5, mark, TEXT, (255, 255, 255), COLOURS[cell.kind]))
    return found


def _raster(sheet: Arrangement, kind: str) -> bytes:
    from PIL import Image, ImageDraw

    scale = sheet.dpi / UNIT
    image = Image.fromarray(sheet.canvas())
    draw = ImageDraw.Draw(image)
    for left, top, width, height, cell in sheet.frames():
        _draw_frame(draw, [scale * side for side in (left, top, width, height)], scale, cell)
    for left, top, text, size, colour, ground in _words(sheet):
        place, font = (left * scale, top * scale), _font(round(1.2 * size * scale))
        if ground is not None:
            x0, y0, x1, y1 = draw.textbbox(place, text, font=font)
            draw.rectangle((x0 - 2 * scale, y0 - 2 * scale, x1 + 2 * scale, y1 + 2 * scale), fill=ground)
        draw.text(place, text, fill=colour, font=font)
    file = io.BytesIO()
    # more effort makes the file hardly smaller and takes ten times as long
    effort = {"compress_level": 2} if kind == "png" else {"quality": 92}
    image.save(file, format="PNG" if kind == "png" else "JPEG", dpi=(sheet.dpi, sheet.dpi), **effort)
    return file.getvalue()


def _draw_frame(draw: Any, place: Sequence[float], scale: float, cell: Cell) -> None:
    """Draw four thick lines, dashed if the kind has dashes."""
    thick = max(1, round(BORDER * scale))
    left, top = round(place[0] - thick / 2), round(place[1] - thick / 2)
    right, bottom = round(place[0] + place[2] + thick / 2), round(place[1] + place[3] + thick / 2)
    on, off = (round(part * thick) for part in DASHES[cell.kind][1]) if cell.kind in DASHES else (0, 0)
    sides = [(left, top, right, top + thick), (left, bottom - thick, right, bottom)]
    sides += [(left, top, left + thick, bottom), (right - thick, top, right, bottom)]
    for x0, y0, x1, y1 in sides:
        draw.rectangle((x0, y0, x1 - 1, y1 - 1), fill=(255, 255, 255) if on else COLOURS[cell.kind])
        along = x1 - x0 > y1 - y0
        length = (x1 - x0) if along else (y1 - y0)
        for start in range(0, length, on + off) if on else ():
            end = min(start + on, length) - 1
            box = (x0 + start, y0, x0 + end, y1 - 1) if along else (x0, y0 + start, x1 - 1, y0 + end)
            draw.rectangle(box, fill=COLOURS[cell.kind])


@cache
def _font(size: int) -> Any:
    """Return the font of Matplotlib, which has the signs."""
    import matplotlib as mpl
    from PIL import ImageFont

    return ImageFont.truetype(Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", size)


def _vector(sheet: Arrangement, kind: str) -> bytes:
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    figure = Figure(figsize=(sheet.width / UNIT, sheet.height / UNIT), dpi=sheet.dpi)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.imshow(sheet.canvas(), extent=(0, sheet.width, sheet.height, 0), interpolation="none", aspect="auto")
    axes.set_xlim(0, sheet.width)
    axes.set_ylim(sheet.height, 0)
    for left, top, width, height, cell in sheet.frames():
        frame = ((left, top), width, height)
        look: dict[str, Any] = {"fill": False, "linewidth": BORDER * _POINTS, "joinstyle": "miter"}
        axes.add_patch(Rectangle(*frame, **look, edgecolor="white"))
        line = Rectangle(*frame, **look, edgecolor=_share(COLOURS[cell.kind]))
        line.set_linestyle(DASHES.get(cell.kind, "-"))
        axes.add_patch(line)
    for left, top, text, size, colour, ground in _words(sheet):
        box = None if ground is None else {"facecolor": _share(ground), "edgecolor": "none", "pad": 1.5}
        place: dict[str, Any] = {"va": "top", "parse_math": False, "clip_on": True, "bbox": box}
        axes.text(left, top, text, fontsize=1.2 * size * _POINTS, color=_share(colour), **place)
    file = io.BytesIO()
    # with a date, two pictures of one ranking would differ
    metadata: dict[str, Any] = {"CreationDate": None} if kind == "pdf" else {"Date": None}
    with mpl.rc_context({"svg.hashsalt": "videoreid", "savefig.bbox": None}):
        figure.savefig(file, format=kind, dpi=sheet.dpi, metadata=metadata)
    return file.getvalue()


def _share(colour: Colour) -> tuple[float, float, float]:
    return colour[0] / 255, colour[1] / 255, colour[2] / 255
