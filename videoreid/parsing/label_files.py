"""Files of label maps: PNG with a palette, which viewers show in colour."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from videoreid.errors import DatasetError
from videoreid.parsing.tables import IGNORE, LabelTable
from videoreid.utils import atomic_path

__all__ = ["palette", "read_label_map", "write_label_map"]


def palette(num_classes: int) -> np.ndarray:
    """Return a colour for every class ``(C, 3)`` uint8 RGB; the background is black, consecutive classes differ.

    The bits of a class number are spread over the three channels, as in the label pictures of PASCAL VOC.
    """
    colours = np.zeros((num_classes, 3), dtype=np.uint8)
    for label in range(num_classes):
        bits = label
        for place in range(7, -1, -1):
            for channel in range(3):
                colours[label, channel] |= ((bits >> channel) & 1) << place
            bits >>= 3
    return colours


def write_label_map(
    path: str | os.PathLike[str], labels: np.ndarray, colours: Sequence[Sequence[int]] | None = None
) -> Path:
    """Write a label map atomically as a PNG that viewers show in colour.

    Args:
        path: file that ends in ``.png``.
        labels: ``(H, W)`` uint8.
        colours: one colour per class; None means `palette`. Ignored pixels are white.

    Returns:
        The path.

    Raises:
        DatasetError: another suffix, shape or type.
    """
    from PIL import Image

    if Path(path).suffix.lower() != ".png" or labels.ndim != 2 or labels.dtype != np.uint8:
        raise DatasetError(
            f"expected a .png and uint8 labels (H, W), got {os.fspath(path)}, {labels.dtype} and {labels.shape}"
        )
    table = palette(256)
    table[IGNORE] = 255
    if colours is not None:
        table[: len(colours)] = np.asarray(colours, dtype=np.uint8)
    picture = Image.fromarray(labels)
    picture.putpalette(table.tobytes())
    with atomic_path(path) as temporary:
        picture.save(temporary, format="PNG")
    return Path(path)


def read_label_map(path: str | os.PathLike[str], table: LabelTable | None = None) -> np.ndarray:
    """Read the class numbers of a label map, with a palette or in grey.

    Args:
        path: a PNG.
        table: labels must be classes of this table, or 255; None does not check them.

    Returns:
        ``(H, W)`` uint8.

    Raises:
        DatasetError: the file is missing or damaged, holds colours instead of numbers, or a label out of range.
    """
    from PIL import Image

    try:
        with Image.open(path) as picture:
            if picture.mode not in ("L", "P"):
                raise DatasetError(
                    f"{os.fspath(path)} holds colours ({picture.mode}), expected one class number per pixel"
                )
            labels = np.array(picture, dtype=np.uint8)
    except (OSError, SyntaxError, ValueError) as error:
        raise DatasetError(f"{os.fspath(path)} cannot be read as a label map: {error}") from error
    wrong = (labels >= table.num_classes) & (labels != IGNORE) if table is not None else np.zeros(1, bool)
    if table is not None and wrong.any():
        raise DatasetError(
            f"{os.fspath(path)} holds label {labels[wrong][0]}; table {table.name!r} has classes 0 to "
            f"{table.num_classes - 1}, and 255 to ignore"
        )
    return labels
