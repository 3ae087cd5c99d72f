"""Crop of a query person from a photograph, by a detector or by a given box."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from videoreid.errors import ConfigError, VideoReIDError
from videoreid.footage.detection import as_detector

__all__ = ["NoPersonError", "SeveralPersonsError", "crop_of_box", "person_of_picture"]


class NoPersonError(VideoReIDError):
    """The detector finds no person in the query picture."""


class SeveralPersonsError(VideoReIDError):
    """The detector finds several persons and none was chosen; the message lists them with numbers."""


def person_of_picture(
    image: np.ndarray, detector: Any = "yolox_nano", *, person: int | None = None, min_score: float = 0.3
) -> np.ndarray:
    """Crop the person from a photograph.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        detector: see `videoreid.footage.detect`.
        person: number of the person among several, from 1, counted from left to right.
        min_score: smallest score of a detection.

    Returns:
        ``(h, w, 3)`` uint8 RGB, a view.

    Raises:
        NoPersonError: no person was found.
        SeveralPersonsError: several persons were found and ``person`` is None.
        ConfigError: no person has this number.
    """
    boxes, scores = as_detector(detector, min_score=min_score)(0, image)
    boxes, scores = boxes[scores >= min_score], scores[scores >= min_score]
    order = np.argsort(boxes[:, 0], kind="stable")
    boxes, scores = boxes[order], scores[order]
    if not len(boxes):
        raise NoPersonError(
            f"no person was found in the picture of {image.shape[1]}x{image.shape[0]} pixels: give one that shows a "
            "whole person, or --crop if the picture is already the crop of a person"
        )
    lines = [
        f"  {number}: box {','.join(f'{edge:.0f}' for edge in box)} (score {score:.2f})"
        for number, (box, score) in enumerate(zip(boxes, scores, strict=True), start=1)
    ]
    if person is None and len(boxes) > 1:
        raise SeveralPersonsError(
            f"{len(boxes)} persons are in the picture: choose one (--person N; boxes are left, top, right, bottom)\n"
            + "\n".join(lines)
        )
    number = 1 if person is None else person
    if not 1 <= number <= len(boxes):
        raise ConfigError(
            f"there is no person {number} in the picture, which has {len(boxes)}\n" + "\n".join(lines)
        )
    left, top, right, bottom = boxes[number - 1]
    return crop_of_box(image, (left, top, right - left, bottom - top))


def crop_of_box(image: np.ndarray, box: Sequence[float]) -> np.ndarray:
    """Crop a box (left, top, width, height, in pixels) from a picture ``(H, W, 3)``, clipped to the picture.

    Raises:
        ConfigError: the box is not four numbers, or lies outside the picture.
    """
    if len(box) != 4 or not np.isfinite(box).all():
        raise ConfigError(f"a box is left,top,width,height in pixels, got {box}")
    left, top, width, height = box
    size = [image.shape[1], image.shape[0]] * 2
    edges = np.clip(np.rint([left, top, left + width, top + height]), 0, size).astype(int)
    if edges[2] <= edges[0] or edges[3] <= edges[1]:
        raise ConfigError(f"the box {tuple(box)} lies outside the picture of {size[0]}x{size[1]} pixels")
    return image[edges[1] : edges[3], edges[0] : edges[2]]
