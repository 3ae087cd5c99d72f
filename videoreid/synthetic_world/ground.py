"""Ground plane and projection of a camera that films a whole street."""

import math
from dataclasses import dataclass

import numpy as np

from videoreid.synthetic_world.draws import Draws

__all__ = ["BODY_METRES", "PICTURE", "Ground", "sample_ground"]

PICTURE = (540, 960)
"""Height and width at which a street is drawn, before the camera scales it."""
BODY_METRES = 1.72
"""Height of an average person."""
_FOCUS = 900.0  # pixels: the view is 56 degrees wide
_NEAREST_ROW = 522.0


@dataclass(frozen=True)
class Ground:
    """A flat ground seen by a pinhole camera above it.

    Args:
        pitch: angle by which the camera looks down, radians.
        horizon: row of the horizon; may be above the picture.
        height: height of the camera, metres.
        far_row: row of the farthest ground on which people walk.
        near_row: row of the nearest ground on which people walk.
    """

    pitch: float
    horizon: float
    height: float
    far_row: float
    near_row: float

    def metre(self, away: np.ndarray) -> np.ndarray:
        """Return the pixels per metre ``(F,)`` at distances ``(F,)`` in metres."""
        return _FOCUS / away

    def project(self, points: np.ndarray) -> np.ndarray:
        """Return columns and rows ``(F, 2)`` of ground points ``(F, 2)``: metres to the right, and away."""
        metre = self.metre(points[:, 1])
        return np.stack([PICTURE[1] / 2 + points[:, 0] * metre, self.horizon + self.height * metre], axis=1)

    def at_row(self, row: float) -> float:
        """Return the distance in metres of the ground at a row."""
        return _FOCUS * self.height / (row - self.horizon)

    def half_width(self, away: float) -> float:
        """Return the metres from the middle of the picture to its edge, at a distance in metres."""
        return PICTURE[1] / 2 * away / _FOCUS


def sample_ground(draws: Draws) -> Ground:
    """Draw the position of a camera: people are 75 to 185 pixels high in the drawn picture, which the film scales."""
    pitch = draws.uniform(0.16, 0.34)
    horizon = PICTURE[0] / 2 - _FOCUS * math.tan(pitch)
    height = BODY_METRES * (_NEAREST_ROW - horizon) / draws.uniform(160.0, 185.0)
    far_row = horizon + height * draws.uniform(75.0, 95.0) / BODY_METRES
    return Ground(pitch, horizon, height, far_row, _NEAREST_ROW)
