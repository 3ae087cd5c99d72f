"""Resize pictures to a network's input size, and label maps back."""

from typing import Literal

import numpy as np

from videoreid.errors import ConfigError
from videoreid.parsing.tables import IGNORE

__all__ = ["Fit", "fit_matrix", "unwarp_labels", "warp_image", "warp_labels"]

Fit = Literal["pad", "stretch"]


def fit_matrix(
    image_size: tuple[int, int],
    size: tuple[int, int],
    *,
    fit: Fit = "pad",
    scale: float = 1.0,
    rotation: float = 0.0,
) -> np.ndarray:
    """Return the affine map that puts a picture into the middle of another.

    Args:
        image_size: (height, width) of the picture.
        size: (height, width) of the result.
        fit: "pad" keeps the aspect, as large as it fits, and leaves borders; "stretch" fills the result.
        scale: of the area that is shown: above 1 people become smaller.
        rotation: degrees, counter-clockwise as seen.

    Returns:
        ``(2, 3)`` float64: pixel (x, y) of the picture to pixel of the result.

    Raises:
        ConfigError: another word for ``fit``.
    """
    if fit not in ("pad", "stretch"):
        raise ConfigError(f"unknown fit {fit!r}; choose 'pad' or 'stretch'")
    factors = np.array([size[1] / image_size[1], size[0] / image_size[0]]) / scale  # x, y
    if fit == "pad":
        factors[:] = factors.min()
    angle = np.deg2rad(rotation)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    linear = turn * factors  # scale first, then turn
    centre = (np.array([image_size[1], image_size[0]]) - 1) / 2
    target = (np.array([size[1], size[0]]) - 1) / 2
    return np.column_stack([linear, target - linear @ centre])


def warp_image(image: np.ndarray, matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return ``(H, W, 3)`` uint8 of a picture, interpolated bilinearly, black where there is nothing."""
    import cv2

    return cv2.warpAffine(image, matrix, (size[1], size[0]), flags=cv2.INTER_LINEAR, borderValue=(0, 0, 0))


def warp_labels(labels: np.ndarray, matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return ``(H, W)`` uint8 labels, never interpolated, 255 where there is nothing."""
    import cv2

    return cv2.warpAffine(
        labels, matrix, (size[1], size[0]), flags=cv2.INTER_NEAREST, borderValue=float(IGNORE)
    )


def unwarp_labels(labels: np.ndarray, matrix: np.ndarray, image_size: tuple[int, int]) -> np.ndarray:
    """Return predicted labels on the pixels of the picture ``(h, w)``; background where it was not shown.

    Args:
        labels: ``(H, W)`` uint8, predicted.
        matrix: by which the picture was warped.
        image_size: (height, width) of the picture.
    """
    import cv2

    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(labels, matrix, (image_size[1], image_size[0]), flags=flags, borderValue=0.0)
