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
_FLOOR = 0.002  # linear light below which an eight-bit picture carries no information


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

    Light scales the brightness of clothes and walls by the same factor, so their ratio in linear light does not depend
    on it. An almost black eight-bit picture no longer holds this ratio.

    Args:
        small: ``(N, 48, 24, 3)`` float32, see `shrink`.
        light: ``(N,)``, result of `scene_light`.
        clothes: ``(N, 48, 24)`` bool, pixels of clothes; None takes the middle of the box.

    Returns:
        ``(N,)`` float64 in 0..1; NaN where ``clothes`` has no pixel.
    """
    linear = _linear(luminance(small) / 255.0)
    scene = _linear(light) + _FLOOR
    if clothes is None:
        upper, lower = (np.median(linear[:, rows, _MIDDLE], axis=(1, 2)) for rows in (_UPPER, _LOWER))
        worn = np.exp((np.log(upper + _FLOOR) + np.log(lower + _FLOOR)) / 2)
    else:
        worn = np.array(
            [
                np.mean(level[mask]) + _FLOOR if mask.any() else np.nan
                for level, mask in zip(linear, clothes, strict=True)
            ]
        )
    return 1.0 - np.clip(_SCENE * (worn / scene) ** (1 / 2.2), 0.0, 1.0)


def _frame_of_box() -> np.ndarray:
    mask = np.zeros(GRID, dtype=bool)
    mask[:, :_SIDE] = mask[:, -_SIDE:] = mask[:_TOP] = True
    return mask


def _linear(level: np.ndarray) -> np.ndarray:
    """Return linear light of sRGB levels in 0..1."""
    return np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
