"""Foreground of a box: pixels that edges separate from its border, which is the person if nothing hides them."""

import cv2
import numpy as np

__all__ = ["barrier_distance", "foreground", "normalised_colours"]

_FULL = 0.3  # barrier, in units of the picture's contrast, from which on a pixel is certainly foreground
_ROUNDS = 2


def foreground(colours: np.ndarray, *, sides: bool = True) -> np.ndarray:
    """Return how clearly edges separate each pixel from the border of the box, 0..1.

    Regions that reach the border without crossing an edge are background: walls, pavement, and obstacles, which
    continue beyond the box. A person does not.

    Args:
        colours: ``(N, H, W, 3)``, result of `normalised_colours`.
        sides: count the left and the right border as background; without them, people cut by a side stay foreground.

    Reference:
        Zhang et al., Minimum barrier salient object detection at 80 FPS, ICCV 2015.
    """
    seeds = np.zeros(colours.shape[1:3], dtype=bool)
    seeds[0] = seeds[-1] = True
    if sides:
        seeds[:, 0] = seeds[:, -1] = True
    total = np.zeros(colours.shape[:3], np.float32)
    for channel in range(3):
        total += barrier_distance(colours[..., channel], seeds)
    return np.minimum(total / _FULL, 1.0)


def normalised_colours(small: np.ndarray) -> np.ndarray:
    """Return Lab colours divided by the lightness contrast of their picture, so that dim pictures are comparable.

    Args:
        small: ``(N, H, W, 3)`` float32 RGB in 0..255.
    """
    lab = np.stack(
        [cv2.GaussianBlur(cv2.cvtColor(rgb / np.float32(255), cv2.COLOR_RGB2LAB), (3, 3), 0) for rgb in small]
    )
    low, high = np.percentile(lab[..., 0], (5, 95), axis=(1, 2))
    return np.asarray(lab / np.maximum(high - low, 4.0)[:, None, None, None], dtype=np.float32)


def barrier_distance(values: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """Return the smallest difference between the highest and the lowest value on a path to a seed.

    Args:
        values: ``(N, H, W)`` float32.
        seeds: ``(H, W)`` bool.

    Returns:
        ``(N, H, W)`` float32, by raster sweeps: an upper bound that is tight in practice.
    """
    high, low = values.copy(), values.copy()
    best = np.where(seeds, np.float32(0), np.float32(np.inf)) + np.zeros_like(values)
    for _ in range(_ROUNDS):
        for axis in (1, 2):
            arrays = [np.moveaxis(array, axis, 0) for array in (values, high, low, best)]
            count = len(arrays[0])
            for order in (range(1, count), range(count - 2, -1, -1)):
                step = -1 if order.step == 1 else 1
                for line in order:
                    _relax(arrays, line, line + step)
    return best


def _relax(arrays: list[np.ndarray], line: int, source: int) -> None:
    """Continue the paths of the neighbouring line into a line of pixels where that lowers the cost."""
    values, high, low, best = arrays
    top, bottom = np.maximum(high[source], values[line]), np.minimum(low[source], values[line])
    cost = np.where(np.isinf(best[source]), np.inf, top - bottom)
    shorter = cost < best[line]
    best[line] = np.where(shorter, cost, best[line])
    high[line] = np.where(shorter, top, high[line])
    low[line] = np.where(shorter, bottom, low[line])
