"""Flat shapes on the canvas: limbs, heads and garments after projection, with their colours and textures."""

from dataclasses import dataclass, field

import numpy as np

from videoreid.synthetic_world.labels import Part

__all__ = ["Cloth", "Shape", "View", "capsule", "disc", "outline"]

_HALF_TURN = np.arange(6) * (np.pi / 5.0)
_COS, _SIN = np.cos(_HALF_TURN), np.sin(_HALF_TURN)
_CIRCLE = np.stack([np.cos(np.arange(14) * np.pi / 7.0), np.sin(np.arange(14) * np.pi / 7.0)], axis=1)


@dataclass(frozen=True)
class View:
    """Position of a walker on the canvas, and the direction from which the camera sees them.

    Args:
        yaw: ``(F,)`` radians; 0 faces the camera, pi/2 walks to the right of the picture, pi is seen from behind.
        pitch: angle by which the camera looks down, radians; 0 looks level.
        feet: ``(F, 2)`` point on the ground between the feet, in canvas pixels.
        scale: ``(F,)`` pixels per body height.
    """

    yaw: np.ndarray
    pitch: float
    feet: np.ndarray
    scale: np.ndarray

    def project(self, joint: np.ndarray) -> np.ndarray:
        """Return ``(F, 2)`` canvas pixels of a joint ``(F, 3)``."""
        across = joint[:, 0] * np.cos(self.yaw) + joint[:, 1] * np.sin(self.yaw)
        down = self.nearness(joint) * np.sin(self.pitch) - joint[:, 2] * np.cos(self.pitch)
        return self.feet + np.stack([across, down], axis=1) * self.scale[:, None]

    def nearness(self, joint: np.ndarray) -> np.ndarray:
        """Return by how much a joint ``(F, 3)`` is nearer to the camera than the body's axis, ``(F,)`` body heights."""
        return joint[:, 1] * np.cos(self.yaw) - joint[:, 0] * np.sin(self.yaw)

    def half_width(self, side: float, depth: float) -> np.ndarray:
        """Return half the visible width ``(F,)`` in pixels of an ellipse with half-axes ``side`` and ``depth``."""
        across, along = side * np.cos(self.yaw), depth * np.sin(self.yaw)
        return np.sqrt(across * across + along * along) * self.scale


@dataclass(frozen=True)
class Cloth:
    """A texture tile and its position: along an axis, wrapped around a tube whose front points to ``-yaw``.

    Args:
        tile: ``(TALL, AROUND, 3)`` uint8.
        top: ``(F, 2)`` pixels, position of the first row of the tile.
        bottom: ``(F, 2)`` pixels, position of its last row.
        half: ``(F, 2)`` pixels, half the width at top and bottom.
        yaw: ``(F,)`` radians.
    """

    tile: np.ndarray
    top: np.ndarray
    bottom: np.ndarray
    half: np.ndarray
    yaw: np.ndarray


@dataclass(frozen=True)
class Shape:
    """A filled polygon over F frames.

    Args:
        label: its LIP class.
        polygon: ``(F, V, 2)`` pixels; no horizontal line may cross it more than twice.
        order: ``(F,)``; shapes with larger values are drawn later.
        colour: RGB colour of the shape, below the cloth if there is one.
        cloth: texture of the shape; None for plain colour.
        visible: ``(F,)`` bool; None means always.
    """

    label: Part
    polygon: np.ndarray
    order: np.ndarray
    colour: tuple[int, int, int]
    cloth: Cloth | None = None
    visible: np.ndarray | None = field(default=None)


def capsule(
    start: np.ndarray, end: np.ndarray, start_radius: np.ndarray, end_radius: np.ndarray
) -> np.ndarray:
    """Return the outline ``(F, 12, 2)`` of a tapered limb from ``start (F, 2)`` to ``end (F, 2)``."""
    along = end - start
    length = np.sqrt(along[:, 0] * along[:, 0] + along[:, 1] * along[:, 1])
    along = np.where(length[:, None] > 1e-6, along / np.maximum(length, 1e-6)[:, None], np.array([0.0, 1.0]))
    normal = np.stack([-along[:, 1], along[:, 0]], axis=1)
    arc = _COS[None, :, None] * normal[:, None] + _SIN[None, :, None] * along[:, None]  # normal -> -normal
    first = start[:, None] - start_radius[:, None, None] * arc
    second = end[:, None] + end_radius[:, None, None] * arc
    return np.concatenate([first, second], axis=1)


def disc(centre: np.ndarray, across: np.ndarray, down: np.ndarray) -> np.ndarray:
    """Return an ellipse ``(F, 14, 2)`` with half-axes ``(F,)`` around ``centre (F, 2)``."""
    return centre[:, None] + _CIRCLE[None] * np.stack([across, down], axis=1)[:, None]


def outline(levels: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> np.ndarray:
    """Return the polygon ``(F, 2 L, 2)`` through L levels from top to bottom.

    Args:
        levels: (height in pixels, left edge, right edge), each ``(F,)``.
    """
    left = np.stack([np.stack([start, y], axis=1) for y, start, _ in levels], axis=1)
    right = np.stack([np.stack([end, y], axis=1) for y, _, end in reversed(levels)], axis=1)
    return np.concatenate([left, right], axis=1)
