"""Parsing datasets: pairs of an image and a label map."""

import inspect
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from videoreid.data.decoding import check_picture, decode_frame, read_bytes
from videoreid.errors import ConfigError, DatasetError
from videoreid.registry import Registry

__all__ = [
    "PARSING_DATASETS",
    "ParsingPair",
    "ParsingSplits",
    "build_parsing_dataset",
    "list_parsing_datasets",
    "read_label",
    "read_pair",
]


@dataclass(frozen=True)
class ParsingPair:
    """An image and, if published, its labels.

    Args:
        image: path of the image.
        label: path of a PNG with one class number per pixel (255: ignore), grey or with a palette; "" if withheld.
    """

    image: str
    label: str = ""


@dataclass(frozen=True)
class ParsingSplits:
    """A parsing dataset.

    Args:
        name: the dataset.
        train: training pairs.
        val: validation pairs.
        test: images whose labels are withheld.
        classes: name of every class, in the order of their numbers.
        mirror_pairs: classes that swap when an image is mirrored.
        licence: conditions of use.
    """

    name: str
    train: tuple[ParsingPair, ...] = ()
    val: tuple[ParsingPair, ...] = ()
    test: tuple[ParsingPair, ...] = ()
    classes: tuple[str, ...] = ()
    mirror_pairs: tuple[tuple[int, int], ...] = ()
    licence: str = "unknown"


PARSING_DATASETS: Registry[Callable[..., ParsingSplits]] = Registry("parsing dataset")


def build_parsing_dataset(name: str, root: str | Path | None = None, **kwargs: Any) -> ParsingSplits:
    """Read a parsing dataset by name.

    Args:
        name: a registered name (`list_parsing_datasets`).
        root: the folder of the dataset, or its parent; None means ``VIDEOREID_DATA``.
        **kwargs: options of the dataset.

    Raises:
        UnknownNameError: no such dataset.
        ConfigError: an option that the dataset does not have.
        DatasetError: the dataset is missing or damaged.
    """
    loader = PARSING_DATASETS[name]
    try:
        inspect.signature(loader).bind(root, **kwargs)
    except TypeError as error:
        raise ConfigError(f"parsing dataset {name!r}: {error}") from None
    return loader(root, **kwargs)


def list_parsing_datasets() -> list[str]:
    """Return the name of every registered parsing dataset, sorted."""
    return PARSING_DATASETS.names()


def read_pair(pair: ParsingPair, num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return image ``(H, W, 3)`` uint8 RGB and labels ``(H, W)`` uint8, checked against each other.

    Args:
        pair: a pair with a label.
        num_classes: number of classes; labels must be below it, or 255.

    Raises:
        FrameError: a file is missing or does not decode.
        DatasetError: the sizes differ, or a label is out of range.
    """
    image = decode_frame(read_bytes(pair.image), pair.image)
    label = read_label(pair.label)
    if image.shape[:2] != label.shape:
        raise DatasetError(
            f"{pair.image} is {image.shape[1]}x{image.shape[0]} but its labels {pair.label} are "
            f"{label.shape[1]}x{label.shape[0]}; expected the same size"
        )
    wrong = (label >= num_classes) & (label != 255)
    if wrong.any():
        raise DatasetError(
            f"{pair.label} holds label {label[wrong][0]}; expected 0 to {num_classes - 1}, or 255 to ignore"
        )
    return image, label


def read_label(path: str) -> np.ndarray:
    """Return the class numbers ``(H, W)`` uint8 of a label image: its grey values, or its palette indices.

    Raises:
        DatasetError: the file is missing, does not decode, or is neither 8-bit grey nor has a palette.
    """
    import cv2

    data = read_bytes(path)
    check_picture(data, path)
    try:
        # as stored: a conversion to grey would turn a palette of colours into other numbers
        label = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    except cv2.error:
        label = None
    if label is not None and label.ndim == 3:
        label = _palette_places(data)
    if label is None or label.ndim != 2 or label.dtype != np.uint8:
        raise DatasetError(f"{path} is not an 8-bit grey picture with one class number per pixel")
    return label


def _palette_places(data: np.ndarray) -> np.ndarray | None:
    """Return the palette indices of an image, which OpenCV turns into colours; None for an image without a palette."""
    from PIL import Image

    with Image.open(io.BytesIO(data.tobytes())) as picture:
        return np.array(picture) if picture.mode == "P" else None
