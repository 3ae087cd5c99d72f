"""Affine maps of pictures to a network's input size, and of label maps back."""

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
    """Return the affine map that fits a picture into the middle of another.

    Args:
        image_size: (height, width) of the picture.
        size: (height, width) of the result.
        fit: "pad" keeps the aspect ratio, as large as possible, and leaves borders; "stretch" fills the result.
        scale: factor on the visible area: above 1 people become smaller.
        rotation: degrees, counter-clockwise.

    Returns:
        ``(2, 3)`` float64: from pixel (x, y) of the picture to pixel of the result.

    Raises:
        ConfigError: ``fit`` has another value.
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
    """Warp a picture to ``(H, W, 3)`` uint8 with bilinear interpolation; pixels outside the picture are black."""
    import cv2

    return cv2.warpAffine(image, matrix, (size[1], size[0]), flags=cv2.INTER_LINEAR, borderValue=(0, 0, 0))


def warp_labels(labels: np.ndarray, matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Warp labels to ``(H, W)`` uint8 without interpolation; pixels outside the picture are 255."""
    import cv2

    return cv2.warpAffine(
        labels, matrix, (size[1], size[0]), flags=cv2.INTER_NEAREST, borderValue=float(IGNORE)
    )


def unwarp_labels(labels: np.ndarray, matrix: np.ndarray, image_size: tuple[int, int]) -> np.ndarray:
    """Warp predicted labels back to the pixels ``(h, w)`` of the picture; pixels outside the input are background.

    Args:
        labels: ``(H, W)`` uint8, predicted.
        matrix: the map by which the picture was warped.
        image_size: (height, width) of the picture.
    """
    import cv2

    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(labels, matrix, (image_size[1], image_size[0]), flags=flags, borderValue=0.0)
