"""How light a scene is, and how dark the clothes are in it: the two that a mean grey level confuses."""

import numpy as np

from videoreid.analysis.images import GRID, luminance

__all__ = ["clothing_darkness", "scene_light"]

_SIDE = 4  # columns on either side in which a centred person is seldom
_TOP = 3
_UPPER, _LOWER = slice(10, 24), slice(24, 37)  # rows of trunk and legs
_MIDDLE = slice(9, 15)  # columns
_SCENE = 0.6
"""Grey level, 0..1, that the brighter part of a scene has in a full light: pavements, walls, daylight."""
_FLOOR = 0.001  # a quarter of a grey level: in a black picture all is alike, and nothing is divided by 0


def scene_light(small: np.ndarray, background: np.ndarray | None = None) -> np.ndarray:
    """Return how light the surroundings of a person are: the upper quartile of their grey levels.

    The surroundings alone are measured, so that black clothes are not taken for a dark scene; the quartile, so that
    an obstacle or a neighbour in dark clothes is not either.

    Args:
        small: ``(N, 48, 24, 3)`` float32, see `shrink`.
        background: ``(N, 48, 24)`` bool, where no person is; None takes the sides and the top of the box.

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
    """Return how dark the clothes would be in a full light, 0 (white) to 1 (black).

    Light multiplies what clothes and walls reflect alike, and the tone curve of a camera is near a power law, so the
    ratio of grey levels is what stays when the lamp is turned down. Nothing is added to dark levels, which would make
    clothes of dim pictures light, and the mean is that of grey levels: in linear light a collar outweighs a black coat.

    Args:
        small: ``(N, 48, 24, 3)`` float32, see `shrink`.
        light: ``(N,)`` of `scene_light`.
        clothes: ``(N, 48, 24)`` bool, where clothes are; None takes the middle of the box.

    Returns:
        ``(N,)`` float64 in 0..1; NaN where ``clothes`` shows none.
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
