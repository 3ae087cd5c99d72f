"""Light of a scene and darkness of clothes, measured separately; a mean grey level would mix the two."""

import numpy as np

from videoreid.analysis.images import GRID, luminance

__all__ = ["clothing_darkness", "scene_light"]

_SIDE = 4  # columns on either side that a centred person seldom reaches
_TOP = 3
_UPPER, _LOWER = slice(10, 24), slice(24, 37)  # rows of trunk and legs
_MIDDLE = slice(9, 15)  # columns
_SCENE = 0.6
"""Grey level, 0..1, of the brighter part of a scene in full light: pavements, walls, daylight."""
_FLOOR = 0.001  # a quarter of a grey level, so that a black picture divides nothing by 0


def scene_light(small: np.ndarray, background: np.ndarray | None = None) -> np.ndarray:
    """Return the upper quartile of the grey levels around a person.

    Only the surroundings are measured, because black clothes do not make a dark scene. The upper quartile is used,
    because an obstacle or a neighbour in dark clothes does not either.

    Args:
        small: ``(N, 48, 24, 3)`` float32, see `shrink`.
        background: ``(N, 48, 24)`` bool, pixels without a person; None takes the sides and the top of the box.

    Returns:
        ``(N,)`` float64 in 0..1.
    """
    levels = luminance(small)
    if background is None:
        background = np.broadcast_to(_frame_of_box(), levels.shape)
    border = _frame_of_box()
    values = [
        np.percentile(level[mask if mask.sum() >= 24 else border], 75)
        for level, mask in zip(levels, background, strict=True)
    ]
    return np.array(values, dtype=np.float64) / 255.0


def clothing_darkness(small: np.ndarray, light: np.ndarray, clothes: np.ndarray | None = None) -> np.ndarray:
    """Return the darkness that clothes would have in full light, 0 (white) to 1 (black).

    Light scales the brightness of clothes and walls by the same factor, and the tone curve of a camera is close to a
    power law, so the ratio of grey levels does not depend on light. A larger floor would make clothes of dim pictures
    look light, and a mean in linear light would count a white collar more than a black coat.

    Args:
        small: ``(N, 48, 24, 3)`` float32, see `shrink`.
        light: ``(N,)``, result of `scene_light`.
        clothes: ``(N, 48, 24)`` bool, pixels of clothes; None takes the middle of the box.

    Returns:
        ``(N,)`` float64 in 0..1; NaN where ``clothes`` has no pixel.
    """
    levels = luminance(small) / 255.0
    if clothes is None:
        upper, lower = (np.median(levels[:, rows, _MIDDLE], axis=(1, 2)) for rows in (_UPPER, _LOWER))
        worn = (upper + lower) / 2
    else:
        means = [
            np.mean(level[mask]) if mask.any() else np.nan
            for level, mask in zip(levels, clothes, strict=True)
        ]
        worn = np.array(means, np.float64)
    return 1.0 - np.clip(_SCENE * (worn + _FLOOR) / (light + _FLOOR), 0.0, 1.0)


def _frame_of_box() -> np.ndarray:
    mask = np.zeros(GRID, dtype=bool)
    mask[:, :_SIDE] = mask[:, -_SIDE:] = mask[:_TOP] = True
    return mask
