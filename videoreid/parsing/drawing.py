"""Pictures of label maps: overlays, legends, sheets, and confusion matrices."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from videoreid.errors import ConfigError
from videoreid.parsing.label_files import palette
from videoreid.parsing.scores import ParsingScores
from videoreid.parsing.tables import IGNORE, LabelTable
from videoreid.utils import atomic_path, atomic_write_bytes

__all__ = ["draw_confusion", "draw_legend", "draw_overlay", "draw_parsing_sheet"]


def draw_overlay(
    image: np.ndarray, labels: np.ndarray, table: LabelTable, *, opacity: float = 0.6
) -> np.ndarray:
    """Draw the colours of the parts over a picture; background and ignored pixels do not change.

    Args:
        image: ``(h, w, 3)`` uint8 RGB.
        labels: ``(h, w)`` uint8 of ``table``.
        table: the classes.
        opacity: opacity of the colours, 0 to 1.

    Returns:
        ``(h, w, 3)`` uint8 RGB.

    Raises:
        ConfigError: picture and labels differ in size, or a label is not of the table.
    """
    if image.shape[:2] != labels.shape:
        raise ConfigError(f"the picture is {image.shape[:2]}, its labels {labels.shape}; expected one size")
    is_part = (labels != 0) & (labels != IGNORE)
    if is_part.any() and int(labels[is_part].max()) >= table.num_classes:
        raise ConfigError(f"label {labels[is_part].max()} is not a class of table {table.name!r}")
    drawn = image.astype(np.float32)
    colours = palette(256).astype(np.float32)[labels]
    drawn[is_part] = (1 - opacity) * drawn[is_part] + opacity * colours[is_part]
    return np.clip(drawn + 0.5, 0, 255).astype(np.uint8)


def draw_legend(table: LabelTable, height: int, *, width: int = 130) -> np.ndarray:
    """Draw the colours of the classes and their names, in a column ``(height, width, 3)`` uint8 RGB.

    Args:
        table: the classes.
        height: height of the column; classes that do not fit are left out.
        width: width of the column.
    """
    import cv2

    legend = np.full((height, width, 3), 255, dtype=np.uint8)
    step = max(11, min(18, height // table.num_classes))
    for number, (name, colour) in enumerate(zip(table.classes, palette(table.num_classes), strict=True)):
        top = number * step
        legend[top + 2 : top + step - 2, 4 : 4 + step] = colour
        place = (10 + step, top + step - 4)
        cv2.putText(legend, name, place, cv2.FONT_HERSHEY_SIMPLEX, 0.36, (0, 0, 0), 1, cv2.LINE_AA)
    return legend


def draw_parsing_sheet(
    path: str | os.PathLike[str],
    images: Sequence[np.ndarray],
    label_maps: Sequence[Sequence[np.ndarray]],
    table: LabelTable,
    *,
    titles: Sequence[str] = (),
    height: int = 256,
) -> Path:
    """Write a sheet: one column per picture, overlays of its label maps below it, and a legend on the right.

    Args:
        path: image file to write.
        images: ``(h, w, 3)`` uint8 RGB, of any sizes.
        label_maps: rows of the sheet; each holds a map ``(h, w)`` for every picture (labels, predictions).
        table: the classes.
        titles: titles of the rows, that of the pictures first.
        height: height of each picture on the sheet.

    Returns:
        The path.

    Raises:
        ConfigError: no picture, or a row of another length.
    """
    if not images or any(len(row) != len(images) for row in label_maps):
        raise ConfigError(
            f"expected one label map per picture in every row, got {[len(row) for row in label_maps]}"
        )
    overlays = (
        [draw_overlay(image, labels, table) for image, labels in zip(images, row, strict=True)]
        for row in label_maps
    )
    rows = [list(images), *overlays]
    sheet = np.concatenate(
        [_line(row, height, titles[number] if titles else "") for number, row in enumerate(rows)]
    )
    sheet = np.concatenate([sheet, draw_legend(table, len(sheet))], axis=1)
    _write(Path(path), sheet)
    return Path(path)


def _write(path: Path, sheet: np.ndarray) -> None:
    import cv2

    if path.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise ConfigError(f"cannot write {path}: choose .png or .jpg")
    done, data = cv2.imencode(path.suffix, cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    if not done:
        raise ConfigError(f"a sheet of {sheet.shape[1]} x {sheet.shape[0]} is too large: draw fewer pictures")
    # cv2.imwrite does not report a full disk, and crashes on a path that is not UTF-8
    atomic_write_bytes(path, data.tobytes())


def draw_confusion(scores: ParsingScores, table: LabelTable, path: str | os.PathLike[str]) -> Path:
    """Plot the confusion matrix: the share of each label's pixels by predicted class.

    Args:
        scores: scores in the classes of ``table``.
        table: the classes, for the names of rows and columns.
        path: image file to write.

    Returns:
        The path.

    Raises:
        ConfigError: the table has other classes than the scores.
    """
    from matplotlib.figure import Figure

    count = table.num_classes
    if len(scores.confusion) != count:
        raise ConfigError(f"table {table.name!r} has {count} classes, the scores {len(scores.confusion)}")
    shares = scores.confusion / np.maximum(1, scores.confusion.sum(1, keepdims=True))
    figure = Figure(figsize=(2.5 + 0.42 * count, 2.0 + 0.42 * count), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(count), table.classes, rotation=60, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(count), table.classes)
    for row, column in np.argwhere(shares >= 0.005):
        colour = "white" if shares[row, column] > 0.5 else "black"
        text = f"{100 * shares[row, column]:.0f}"
        axes.text(column, row, text, ha="center", va="center", fontsize=7, color=colour)
    axes.set(
        xlabel="predicted", ylabel="labelled", title=f"mean IU {scores.mean_iou:.3f}; per cent of each row"
    )
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110)
    return Path(path)


def _line(row: Sequence[np.ndarray], height: int, title: str) -> np.ndarray:
    """Resize pictures ``(h, w, 3)`` to one height and join them side by side, with a title at the top left."""
    import cv2

    widths = [max(1, round(height * cell.shape[1] / cell.shape[0])) for cell in row]
    cells = [
        cv2.resize(cell, (width, height), interpolation=cv2.INTER_NEAREST)
        for cell, width in zip(row, widths, strict=True)
    ]
    line = np.concatenate(cells, axis=1)
    for colour, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(line, title, (3, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, thickness, cv2.LINE_AA)
    return line
