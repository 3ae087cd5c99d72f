"""How much of a person something hides, and whether others are in the box, from pixels alone."""

import numpy as np

from videoreid.analysis.figure_ground import foreground

__all__ = ["occlusion_and_people"]

_TYPICAL = 0.75  # share of the middle of the box that a person who is seen whole fills
_ALONE = 0.35  # share of a side of the box that arms and steps fill


def occlusion_and_people(colours: np.ndarray, figure: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the estimated hidden share of each person, and how much of others there is.

    Args:
        colours: ``(N, 48, 24, 3)`` of `normalised_colours`.
        figure: ``(N, 48, 24)`` of `foreground`.

    Returns:
        ``(N,)`` float64 in 0..1, and ``(N,)`` float64, 0 or more.
    """
    middle = figure[:, :, 5:19].mean(axis=(1, 2))
    cut = foreground(colours, sides=False)
    side = np.maximum(cut[:, 4:44, :6].mean(axis=(1, 2)), cut[:, 4:44, -6:].mean(axis=(1, 2)))
    people = np.maximum(side - _ALONE, 0.0) / (1.0 - _ALONE)
    return np.clip(1.0 - middle / _TYPICAL, 0.0, 1.0).astype(np.float64), people.astype(np.float64)
