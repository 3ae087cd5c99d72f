"""The background and the obstacles of a camera's view."""

from dataclasses import dataclass, field

import cv2
import numpy as np

from videoreid.synthetic_world.drawing import CANVAS, Canvas
from videoreid.synthetic_world.draws import Draws

__all__ = ["SCENE", "Obstacle", "Scene", "cast_shadow", "sample_scene"]

SCENE = (400, 1280)
"""Height and width of a scene, in canvas pixels."""
_HORIZON = 236
_FLOOR = (134, 126, 114)
_FRONTS = ((160, 148, 132), (152, 143, 130), (158, 142, 126), (149, 141, 131), (165, 154, 138))


@dataclass(frozen=True)
class Obstacle:
    """An obstacle between camera and walkers.

    Args:
        kind: "post", "bin", "hedge" or "board".
        left: first column in the scene.
        width: pixels.
        height: pixels above the ground that walkers stand on.
        colour: RGB.
    """

    kind: str
    left: int
    width: int
    height: int
    colour: tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Scene:
    """The view of one camera.

    Args:
        picture: ``SCENE + (3,)`` uint8.
        obstacles: from left to right.
    """

    picture: np.ndarray = field(repr=False)
    obstacles: tuple[Obstacle, ...]

    def crop(self, left: int, top: int) -> Canvas:
        """Return a canvas with the piece of the scene at an upper left corner, which is moved inside the scene."""
        top = min(max(top, 0), SCENE[0] - CANVAS[0])
        left = min(max(left, 0), SCENE[1] - CANVAS[1])
        picture = self.picture[top : top + CANVAS[0], left : left + CANVAS[1]].copy()
        return Canvas(picture, np.zeros(CANVAS, dtype=np.uint8), np.zeros(CANVAS, dtype=np.uint8))

    def hide(self, canvas: Canvas, left: int, ground: int) -> None:
        """Draw the scene's obstacles in front of everyone on a canvas.

        Args:
            canvas: the drawn canvas, changed in place.
            left: column of the scene at the canvas's left edge.
            ground: row of the canvas that the obstacles stand on.
        """
        for item in self.obstacles:
            start, stop = max(0, item.left - left), min(CANVAS[1], item.left + item.width - left)
            top, bottom = max(0, ground - item.height), min(CANVAS[0], ground + 6)
            if start >= stop or top >= bottom:
                continue
            box = (slice(top, bottom), slice(start, stop))
            canvas.rgb[box] = item.colour
            canvas.labels[box] = 0
            canvas.figure[box] = 0
            canvas.strangers[box] = 0
            edge = tuple(value * 3 // 4 for value in item.colour)
            canvas.rgb[top:bottom, max(start, stop - 3) : stop] = edge
            canvas.rgb[top : top + 3, start:stop] = edge


def cast_shadow(canvas: Canvas, foot: tuple[float, float], half: float) -> None:
    """Darken the ground below a walker: an ellipse around ``foot``, ``half`` pixels to each side."""
    x, y, across, down = round(foot[0]), round(foot[1]), round(half), max(3, round(half * 0.22))
    rows = np.arange(max(0, y - down), min(CANVAS[0], y + down + 1))
    columns = np.arange(max(0, x - across), min(CANVAS[1], x + across + 1))
    if not len(rows) or not len(columns):
        return
    far = ((rows - y) / down)[:, None] ** 2 + ((columns - x) / across)[None, :] ** 2
    shade = 1.0 - 0.38 * np.clip(1.25 - far, 0.0, 1.0)
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    canvas.rgb[box] = (canvas.rgb[box] * shade[..., None]).astype(np.uint8)


def sample_scene(draws: Draws) -> Scene:
    """Draw a quiet street: house fronts with windows or bricks, a pavement with joints, some greenery.

    The fronts of all cameras have similar colours and change along the street, so that the background hardly identifies
    the camera.
    """
    picture: np.ndarray = np.empty((*SCENE, 3), dtype=np.uint8)
    floor = _near(draws, _FLOOR, 5.0)
    picture[_HORIZON:] = floor
    left = -draws.integer(0, 120)
    while left < SCENE[1]:
        width = draws.integer(130, 300)
        _build_front(picture, draws, _near(draws, draws.pick(_FRONTS), 6.0), (left, width))
        left += width
    _pave(picture, draws, floor)
    picture = cv2.blur(picture, (3, 3))
    mottle = draws.block(SCENE[0] // 8, SCENE[1] // 8, 1)
    mottle = np.repeat(np.repeat(mottle, 8, axis=0), 8, axis=1)
    mottle = cv2.blur(mottle, (17, 17))[..., None]
    picture = np.clip(picture + 9.0 * mottle, 0, 255).astype(np.uint8)
    return Scene(picture, _sample_obstacles(draws))


def _near(draws: Draws, colour: tuple[int, int, int], spread: float) -> list[int]:
    return [round(value + draws.uniform(-spread, spread)) for value in colour]


def _build_front(picture: np.ndarray, draws: Draws, wall: list[int], place: tuple[int, int]) -> None:
    left, width = place
    start, stop = max(0, left), min(SCENE[1], left + width)
    _box(picture, (start, 0), (stop, _HORIZON), _mix(wall, 1.0))
    style = draws.pick(("bricks", "panels", "plaster"))
    if style == "bricks":
        for row, y in enumerate(range(0, _HORIZON, 14)):
            _box(picture, (start, y), (stop, y + 1), _mix(wall, 0.9))
            for x in range(start + 14 * (row % 2), stop, 28):
                _box(picture, (x, y), (x + 1, y + 14), _mix(wall, 0.9))
    elif style == "panels":
        for x in range(start, stop, draws.integer(34, 70)):
            _box(picture, (x, 0), (x + 2, _HORIZON), _mix(wall, 0.88))
    x = start + draws.integer(6, 40)
    while x < stop - 60:
        kind = draws.pick(("window", "door", "sign", "shrub", "nothing"), (3.0, 1.0, 1.0, 1.2, 1.5))
        span = draws.integer(40, 60)
        _furnish(picture, draws, wall, kind, (x, span))
        x += span + draws.integer(20, 90)
    _box(picture, (start, _HORIZON - 5), (stop, _HORIZON + 2), _mix(wall, 0.84))


def _furnish(picture: np.ndarray, draws: Draws, wall: list[int], kind: str, place: tuple[int, int]) -> None:
    x, width = place
    if kind == "window":
        _box(picture, (x, 60), (x + width, 150), _mix(wall, 0.72))
        _box(picture, (x + 4, 64), (x + width - 4, 146), (128, 134, 136))
        _box(picture, (x + width // 2 - 1, 60), (x + width // 2 + 2, 150), _mix(wall, 0.72))
    elif kind == "door":
        _box(picture, (x, 70), (x + 60, _HORIZON), _mix(wall, 0.7))
        _box(picture, (x + 5, 76), (x + 55, _HORIZON), (112, 98, 88))
    elif kind == "sign":
        tone = draws.pick(((170, 120, 110), (116, 134, 160), (150, 150, 112)))
        _box(picture, (x, 84), (x + width, 112), tone)
    elif kind == "shrub":
        for step in range(0, width, 11):
            spot = (x + step, _HORIZON - draws.integer(6, 26))
            cv2.circle(picture, spot, draws.integer(12, 22), (92, 116, 86), -1, cv2.LINE_8)


def _pave(picture: np.ndarray, draws: Draws, floor: list[int]) -> None:
    joint = _mix(floor, 0.88)
    y, step = _HORIZON + 10, 12
    while y < SCENE[0]:
        _box(picture, (0, y), (SCENE[1], y + 1), joint)
        y += step
        step += 5
    slant = draws.integer(-60, 60)
    for x in range(-100, SCENE[1] + 100, draws.integer(70, 140)):
        corners = np.array([[x, _HORIZON], [x + slant, SCENE[0]]], dtype=np.int32)
        cv2.polylines(picture, [corners], False, joint, 2, cv2.LINE_8)  # noqa: FBT003 - OpenCV takes no keyword


def _sample_obstacles(draws: Draws) -> tuple[Obstacle, ...]:
    obstacles = []
    x = draws.integer(40, 160)
    while x < SCENE[1] - 60:
        kind = draws.pick(("post", "bin", "hedge", "board"), (3.0, 2.0, 2.0, 1.0))
        width, height, colour = {
            "post": (draws.integer(10, 20), 300, (88, 90, 94)),
            "bin": (draws.integer(34, 52), draws.integer(60, 90), (84, 102, 92)),
            "hedge": (draws.integer(60, 120), draws.integer(40, 80), (84, 108, 78)),
            "board": (draws.integer(40, 64), draws.integer(110, 140), (150, 144, 132)),
        }[kind]
        obstacles.append(Obstacle(kind, x, width, height, colour))
        x += width + draws.integer(110, 320)
    return tuple(obstacles)


def _mix(colour: list[int], factor: float) -> tuple[int, int, int]:
    red, green, blue = (min(255, round(value * factor)) for value in colour)
    return red, green, blue


def _box(
    picture: np.ndarray, start: tuple[int, int], stop: tuple[int, int], colour: tuple[int, int, int]
) -> None:
    picture[start[1] : stop[1], start[0] : stop[0]] = colour
