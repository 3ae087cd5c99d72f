"""Effective resolution and motion blur of a crop, from the widths of its edges."""

import cv2
import numpy as np

from videoreid.analysis.images import luminance

__all__ = ["edge_widths", "effective_height"]

_REBLUR = 1.0  # pixels
_STRONGEST = 0.9  # edges above this quantile of all edges
_BORDER = 4
_LEAST_EDGES = 12
# Edge width by factor of up-scaling: discs and polygons on a chart (dead leaves) behind a lens of 0.35 pixels, stored
# by bilinear and bicubic interpolation; see benchmarks/attribute_validation.py.
_FACTORS = np.array([1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0])
_WIDTHS = np.array([0.69, 0.92, 1.08, 1.19, 1.36, 1.45, 1.64, 1.80, 1.94])


def effective_height(image: np.ndarray) -> float:
    """Return the height in pixels that the detail needs: below the stored height if scaled up or blurred.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.

    Returns:
        Pixels, at most H; NaN if the picture has no edge.
    """
    height = image.shape[0]
    if min(image.shape[:2]) < 4 * _BORDER:  # too small to measure edges; its height is already low
        return float(height)
    across, down = edge_widths(image)
    widths = [width for width in (across, down) if not np.isnan(width)]
    if not widths:
        return float("nan")
    factor = np.interp(float(np.mean(widths)), _WIDTHS, _FACTORS)
    return float(height / factor)


def edge_widths(image: np.ndarray) -> tuple[float, float]:
    """Return the standard deviation of the blur on vertical and on horizontal edges, in pixels.

    The picture is blurred again. A sharp edge loses much of its slope by this, a wide edge little, so the ratio of the
    slopes gives the width, independent of contrast. Sideways motion widens vertical edges only.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.

    Returns:
        Width of vertical edges, width of horizontal edges; NaN if there are too few.

    Reference:
        Zhuo and Sim, Defocus map estimation from a single image, Pattern Recognition 2011.
    """
    level = luminance(image)
    before, after = _slopes(level), _slopes(cv2.GaussianBlur(level, (0, 0), _REBLUR))
    size = np.hypot(*before)
    peak = size >= cv2.dilate(size, np.ones((3, 3), np.uint8)) - 1e-6
    peak[:_BORDER] = peak[-_BORDER:] = False
    peak[:, :_BORDER] = peak[:, -_BORDER:] = False
    peak &= size > 1.0
    ratio = size / np.maximum(np.hypot(*after), 1e-6)
    width = _REBLUR / np.sqrt(np.maximum(ratio**2 - 1.0, 1e-2))
    upright = np.abs(before[0]) >= np.abs(before[1])
    return _typical(width, size, peak & upright), _typical(width, size, peak & ~upright)


def _typical(width: np.ndarray, size: np.ndarray, peak: np.ndarray) -> float:
    """Return the median width of the strongest edges of one direction."""
    if peak.sum() < _LEAST_EDGES:
        return float("nan")
    strong = peak & (size >= np.quantile(size[peak], _STRONGEST))
    return float(np.median(width[strong]))


def _slopes(level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    across = cv2.Sobel(level, cv2.CV_32F, 1, 0, ksize=3)
    return across, cv2.Sobel(level, cv2.CV_32F, 0, 1, ksize=3)
