"""The style of plots: colours, lines and sizes, and writing of a plot with its numbers."""

import csv
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from videoreid.errors import ConfigError
from videoreid.utils import atomic_path, atomic_write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "LINES", "MARKERS", "PlotFiles", "label", "look_of", "write_plot"]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Distinguishable by colour-blind readers (Okabe and Ito); lines and markers differ too, for grey print."""
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (3, 1)), (0, (1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

_SETTINGS: dict[Any, Any] = {
    "font.size": 9.0, "axes.titlesize": 9.5, "axes.labelsize": 9.0, "legend.fontsize": 8.0, "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0, "axes.grid": True, "grid.alpha": 0.25, "grid.linewidth": 0.6, "axes.spines.top": False,
    "axes.spines.right": False, "lines.linewidth": 1.5, "legend.frameon": False, "savefig.dpi": 200,
    "figure.facecolor": "white", "svg.hashsalt": "videoreid", "axes.axisbelow": True, "hatch.linewidth": 0.4,
}  # fmt: skip


@dataclass(frozen=True)
class PlotFiles:
    """The files of a plot.

    Args:
        png: the picture as pixels.
        svg: the picture as vectors.
        csv: every drawn number.
    """

    png: Path
    svg: Path
    csv: Path


def write_plot(
    draw: "Callable[[Figure], None]",
    numbers: Mapping[str, Sequence[Any] | np.ndarray],
    path: str | os.PathLike[str],
    *,
    size: tuple[float, float] = (5.2, 3.6),
    note: str = "",
) -> PlotFiles:
    """Write a plot as ``<path>.png`` and ``<path>.svg``, its numbers as ``<path>.csv``; equal input gives equal bytes.

    Args:
        draw: fills an empty figure from the same numbers.
        numbers: columns of one length by name; NaN becomes an empty cell.
        path: of the files, without an ending.
        size: of the figure in inches (width, height).
        note: small print below; a plot of scores needs the protocol line here.

    Returns:
        The three files.

    Raises:
        ConfigError: there is nothing to draw.
        StorageError: the folder cannot be written to.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    columns = {name: list(values) for name, values in numbers.items()}
    if len({len(values) for values in columns.values()}) != 1 or not next(iter(columns.values())):
        raise ConfigError(f"nothing to draw in {path}: columns of {[len(v) for v in columns.values()]} rows")
    files = PlotFiles(*(Path(f"{os.fspath(path)}.{ending}") for ending in ("png", "svg", "csv")))
    with rc_context(_SETTINGS):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        if note:
            figure.supxlabel(fill(label(note), int(22 * size[0])), fontsize=5.5, color="0.35")
        figure.draw_without_rendering()  # computes the layout once, not for each file
        figure.set_layout_engine("none")
        for file, metadata in ((files.png, {"Software": None}), (files.svg, {"Date": None, "Creator": None})):
            with atomic_path(file) as target:
                figure.savefig(target, metadata=metadata)
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in zip(*columns.values(), strict=True))
    atomic_write_text(files.csv, text.getvalue())
    return files


def look_of(number: int) -> dict[str, Any]:
    """Return colour and line of the n-th of several curves."""
    return {"color": COLOURS[number % len(COLOURS)], "linestyle": LINES[number % len(LINES)]}


def label(text: str) -> str:
    """Return a text that matplotlib shows unchanged: not as a formula, and not hidden for a leading underscore."""
    plain = text.replace("$", r"\$")
    return f" {plain}" if plain.startswith("_") else plain


def _cell(value: Any) -> Any:
    if isinstance(value, float | np.floating):
        return "" if math.isnan(value) else repr(float(value))
    return value.item() if isinstance(value, np.generic) else value
