"""The empty street of a camera that films whole frames, and the obstacles in it."""

from typing import NamedTuple

import cv2
import numpy as np

from videoreid.synthetic_world.draws import Draws
from videoreid.synthetic_world.ground import BODY_METRES, PICTURE, Ground
from videoreid.synthetic_world.scene import Scene

__all__ = ["Prop", "draw_street", "place_props"]

_FOOT = 236  # row of a scene where the fronts end
_SHARE = 0.7  # factor on a front's size in the scene
_METRE = 222.0 / BODY_METRES  # pixels of a scene
_MOST_PROPS = 3


class Prop(NamedTuple):
    """An obstacle that hides people who pass behind it.

    Args:
        row: row of the ground it stands on.
        box: left, top, right, bottom in the picture.
        colour: RGB.
    """

    row: float
    box: tuple[int, int, int, int]
    colour: tuple[int, int, int]

    def draw(self, picture: np.ndarray) -> None:
        """Draw the obstacle onto a picture ``(H, W, 3)``."""
        left, top, right, bottom = self.box
        edge = [value * 3 // 4 for value in self.colour]
        picture[top:bottom, left:right] = self.colour
        picture[top:bottom, max(left, right - 3) : right] = edge
        picture[top : top + 3, left:right] = edge


def draw_street(scene: Scene, ground: Ground) -> np.ndarray:
    """Return the empty street ``PICTURE + (3,)`` uint8: house fronts and the pavement in front, from the scene."""
    height, width = PICTURE
    foot = round(ground.far_row) - 14
    fronts = np.concatenate([scene.picture[40:160], scene.picture[40:160], scene.picture[:_FOOT]])
    size = (round(fronts.shape[1] * _SHARE), round(fronts.shape[0] * _SHARE))
    fronts = cv2.resize(fronts, size, interpolation=cv2.INTER_AREA)
    fronts = np.concatenate([fronts, fronts[:, ::-1]], axis=1)[-foot:, :width]
    pavement = cv2.resize(
        scene.picture[_FOOT:, :width], (width, height - foot), interpolation=cv2.INTER_LINEAR
    )
    return np.ascontiguousarray(np.concatenate([fronts, pavement]))


def place_props(draws: Draws, scene: Scene, ground: Ground) -> list[Prop]:
    """Place up to three of a scene's obstacles on the ground."""
    props = []
    for obstacle in scene.obstacles[:_MOST_PROPS]:
        row = draws.uniform(ground.far_row + 20.0, ground.near_row)
        scale = (row - ground.horizon) / ground.height / _METRE
        left = round(draws.uniform(0.0, PICTURE[1] - obstacle.width * scale))
        bottom = round(row)
        top = max(0, round(row - obstacle.height * scale))
        props.append(
            Prop(row, (left, top, left + max(4, round(obstacle.width * scale)), bottom), obstacle.colour)
        )
    return props
