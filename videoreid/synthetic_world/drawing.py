"""Drawing of shapes: polygons in fixed point and cloth by table, so that label maps are equal on all platforms."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from videoreid.synthetic_world.shapes import Cloth, Shape
from videoreid.synthetic_world.textures import AROUND, FRONT, TALL

__all__ = ["CANVAS", "Canvas", "Drawing"]

CANVAS = (256, 112)
"""Height and width at which people are drawn, before the camera scales them."""

_SHIFT = 4  # polygon corners are given in sixteenths of a pixel
_ONE = 1 << _SHIFT
# Angle around a tube of a pixel at t / 128 of the half width: arc sine, in tile columns.
_TURN = np.round(np.arcsin(np.arange(-128, 129) / 128.0) * (AROUND / (2.0 * np.pi))).astype(np.int32)


@dataclass
class Canvas:
    """A frame while it is drawn.

    Args:
        rgb: ``CANVAS + (3,)`` uint8.
        labels: ``CANVAS`` uint8, LIP classes.
        figure: ``CANVAS`` uint8, 255 where the person of interest, with bags, is visible.
        strangers: ``CANVAS`` uint8, 255 where anybody else is visible.
    """

    rgb: np.ndarray
    labels: np.ndarray
    figure: np.ndarray
    strangers: np.ndarray = field(default_factory=lambda: np.zeros(CANVAS, dtype=np.uint8))


class Drawing:
    """The shapes of one walker, ready to be drawn frame by frame.

    Args:
        shapes: at most 255.
        light: direction of the light across the picture, -1 (from the left) to 1; its size is the contrast.
    """

    def __init__(self, shapes: Sequence[Shape], light: float = 0.3) -> None:
        self._shapes = list(shapes)
        self._light = light
        order = np.stack([shape.order for shape in shapes])  # (S, F)
        self._order = np.argsort(order, axis=0, kind="stable")
        self._corners = [np.floor(shape.polygon * _ONE + 0.5).astype(np.int32) for shape in shapes]
        self._labels = np.zeros(256, dtype=np.uint8)
        self._palette = np.zeros((256, 1, 3), dtype=np.uint8)
        for index, shape in enumerate(shapes, start=1):
            self._labels[index] = shape.label
            self._palette[index] = shape.colour

    def draw(self, canvas: Canvas, frame: int, *, of_interest: bool = True) -> None:
        """Draw one frame onto the canvas; with ``of_interest=False`` the walker is background in the labels."""
        numbers = np.zeros(CANVAS, dtype=np.uint8)
        for index in self._order[:, frame].tolist():
            visible = self._shapes[index].visible
            if visible is None or visible[frame]:
                cv2.fillConvexPoly(numbers, self._corners[index][frame], index + 1, cv2.LINE_8, _SHIFT)
        x, y, width, height = cv2.boundingRect(numbers)
        if width == 0:
            return
        box = (slice(y, y + height), slice(x, x + width))
        part = np.ascontiguousarray(numbers[box])
        rgb = cv2.LUT(cv2.merge([part, part, part]), self._palette)
        for index, shape in enumerate(self._shapes):
            if shape.cloth is not None:
                _lay(rgb, part == index + 1, shape.cloth, frame, (x, y))
        inside = (part > 0).view(np.uint8)
        rgb = _shade(rgb, part, inside, self._light)
        if of_interest:
            labels, figure = cv2.LUT(part, self._labels), np.full_like(part, 255)
        else:
            labels = figure = np.zeros_like(part)
        strangers = np.full_like(part, 0 if of_interest else 255)
        layers = (canvas.rgb, canvas.labels, canvas.figure, canvas.strangers)
        for target, source in zip(layers, (rgb, labels, figure, strangers), strict=True):
            target[box] = cv2.copyTo(source, inside, target[box])


def _lay(rgb: np.ndarray, mask: np.ndarray, cloth: Cloth, frame: int, corner: tuple[int, int]) -> None:
    """Paint a tile where the mask is set."""
    where = np.flatnonzero(mask)
    if where.size == 0:
        return
    rows, columns = np.divmod(where, mask.shape[1])
    top, bottom = cloth.top[frame], cloth.bottom[frame]
    along = bottom - top
    square = max(1e-6, float(along[0] * along[0] + along[1] * along[1]))
    across_x, across_y = columns + (corner[0] - float(top[0])), rows + (corner[1] - float(top[1]))
    down = (across_x * along[0] + across_y * along[1]) / square
    aside = (across_x * along[1] - across_y * along[0]) / float(np.sqrt(square))
    first, last = float(cloth.half[frame, 0]), float(cloth.half[frame, 1])
    half = np.maximum(1.0, first + np.clip(down, 0.0, 1.0) * (last - first))
    turn = _TURN[np.clip(aside / half * 128.0 + 128.0, 0, 256).astype(np.intp)]
    front = FRONT - round(float(cloth.yaw[frame]) * AROUND / (2.0 * np.pi))
    v = np.clip(down * TALL, 0, TALL - 1).astype(np.intp)
    rgb.reshape(-1, 3)[where] = cloth.tile.reshape(-1, 3)[v * AROUND + (turn + front) % AROUND]


def _shade(rgb: np.ndarray, part: np.ndarray, inside: np.ndarray, light: float) -> np.ndarray:
    """Darken the seams between shapes and shade the body with light from one side."""
    soft = cv2.blur(inside * np.uint8(255), (13, 5), borderType=cv2.BORDER_CONSTANT).astype(np.int16)
    slope = np.zeros_like(soft)
    slope[:, 2:-2] = soft[:, 4:] - soft[:, :-4]
    level = 190 + (soft >> 2) + (slope * round(light * 100) >> 7)
    seam = np.zeros(part.shape, dtype=bool)
    seam[:, 1:] = part[:, 1:] != part[:, :-1]
    seam[1:] |= part[1:] != part[:-1]
    level -= seam * np.int16(34)
    shade = np.clip(level, 110, 255).astype(np.uint8)
    return cv2.multiply(rgb, cv2.merge([shade, shade, shade]), scale=1.0 / 240.0)
