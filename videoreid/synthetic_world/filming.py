"""Whole frames of a camera: the street, the people in it, and the image faults of the camera."""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np

from videoreid.synthetic_world.accessories import bags, head
from videoreid.synthetic_world.camera import Camera
from videoreid.synthetic_world.drawing import CANVAS, Canvas, Drawing
from videoreid.synthetic_world.draws import Draws
from videoreid.synthetic_world.gait import walk as walk_cycle
from videoreid.synthetic_world.ground import BODY_METRES, PICTURE
from videoreid.synthetic_world.scene import cast_shadow
from videoreid.synthetic_world.shapes import View
from videoreid.synthetic_world.street import Prop, draw_street, place_props
from videoreid.synthetic_world.walks import FilmWorld, Walk
from videoreid.synthetic_world.wardrobe import Figure, clothes

__all__ = ["FilmedFrame", "film_camera"]

_PROPS, _STEPS, _LIGHT = range(50, 53)  # streams of random numbers
_FEET = (CANVAS[1] // 2, 245)  # position of the feet on the canvas
_MARGIN = 256  # pixels around the picture, so that people who leave it are drawn like the others
_CLOUD = 20.0  # period in seconds of the changes of the light


class FilmedFrame(NamedTuple):
    """A frame and the people in it.

    Args:
        number: 0-based.
        rgb: ``(height, width, 3)`` uint8.
        tracks: ``(N,)`` 1-based numbers of the camera's walks.
        boxes: ``(N, 4)`` left, top, right, bottom in pixels of the frame: the whole figure with carried things,
            including hidden parts, clipped to the frame.
        visibility: ``(N,)`` share of the figure's pixels that are visible.
    """

    number: int
    rgb: np.ndarray
    tracks: np.ndarray
    boxes: np.ndarray
    visibility: np.ndarray


class _Walker:
    """A walk, ready to be drawn frame by frame."""

    def __init__(self, world: FilmWorld, walk: Walk, track: int) -> None:
        self.track, self._start = track, walk.start
        person, ground = world.people[walk.person], world.grounds[walk.camera]
        draws = Draws(world.options.seed, _STEPS, walk.person, walk.camera, track)
        feet = ground.project(walk.points)
        self.rows = feet[:, 1]
        corners = np.floor(feet)
        self.corners = corners.astype(int) - np.array(_FEET) + _MARGIN
        step = np.gradient(walk.points, axis=0)
        bearing = np.arctan2(walk.points[:, 0], walk.points[:, 1])
        yaw = np.arctan2(step[:, 0], -step[:, 1]) + bearing
        metre = ground.metre(walk.points[:, 1])
        view = View(
            yaw, ground.pitch, np.array(_FEET) + feet - corners, BODY_METRES * metre * person.body.height
        )
        seconds = np.arange(len(yaw)) / world.options.frame_rate
        phase = draws.uniform(0.0, 2.0 * np.pi) + 2.0 * np.pi * person.gait.cadence * seconds
        figure = Figure(person, walk_cycle(person.body, person.gait, phase), view)
        light = world.cameras[walk.camera].light
        self._drawing = Drawing([*clothes(figure), *head(figure), *bags(figure)], light)
        self._half = 0.15 * BODY_METRES * metre

    def row(self, number: int) -> float:
        return float(self.rows[number - self._start])

    def draw(self, number: int, picture: np.ndarray, owners: np.ndarray) -> np.ndarray:
        """Draw onto a picture, write the track to ``owners (H, W)``; return left, top, right, bottom, pixel count."""
        index = number - self._start
        left, top = self.corners[index].tolist()
        box = (slice(top, top + CANVAS[0]), slice(left, left + CANVAS[1]))
        labels, figure = np.zeros(CANVAS, np.uint8), np.zeros(CANVAS, np.uint8)
        canvas = Canvas(picture[box], labels, figure)
        cast_shadow(canvas, _FEET, float(self._half[index]))
        self._drawing.draw(canvas, index)
        x, y, width, height = cv2.boundingRect(figure)
        inside = figure[y : y + height, x : x + width] > 0
        owners[top + y : top + y + height, left + x : left + x + width][inside] = self.track
        return np.array([left + x, top + y, left + x + width, top + y + height, np.count_nonzero(inside)])


def film_camera(world: FilmWorld, camera: int) -> Iterator[FilmedFrame]:
    """Film one camera; only the people in view are in memory."""
    options, ground = world.options, world.grounds[camera]
    street = np.pad(
        draw_street(world.scenes[camera], ground), ((_MARGIN, _MARGIN), (_MARGIN, _MARGIN), (0, 0))
    )
    props = place_props(Draws(options.seed, _PROPS, camera), world.scenes[camera], ground)
    lens = _lens(world, camera)
    draws = Draws(options.seed, _LIGHT, camera)
    level, warmth, turn = 1.0 + 0.06 * draws.bell(), 0.03 * draws.bell(), draws.uniform(0.0, 2.0 * np.pi)
    waiting = list(enumerate(world.walks[camera], start=1))[::-1]
    present: list[tuple[int, _Walker]] = []
    for number in range(options.frames):
        present = [(end, walker) for end, walker in present if end > number]
        while waiting and waiting[-1][1].start <= number:
            track, walk = waiting.pop()
            present.append((walk.end, _Walker(world, walk, track)))
        picture, table = _compose(street.copy(), props, [walker for _, walker in present], number)
        seconds = number / options.frame_rate
        light = (level + 0.03 * np.sin(2.0 * np.pi * seconds / _CLOUD + turn)) * np.array(
            [1.0 + warmth, 1.0, 1.0 - warmth]
        )
        size = (options.height, options.width)
        rgb = lens.expose(picture, size, light, (number * 17, number * 29))
        yield _record(number, rgb, table)


def _lens(world: FilmWorld, camera: int) -> Camera:
    """Return the camera with noise for a whole frame: the noise of a crop, repeated."""
    lens, options = world.cameras[camera], world.options
    times = [
        -(-(side + 40) // own)
        for side, own in zip((options.height, options.width), lens.grain.shape[:2], strict=True)
    ]
    return replace(lens, grain=np.tile(lens.grain, (*times, 1)))


def _compose(
    picture: np.ndarray, props: list[Prop], walkers: list[_Walker], number: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw everybody from far to near; return the picture and rows of track, box, all pixels and visible pixels."""
    inner = (slice(_MARGIN, _MARGIN + PICTURE[0]), slice(_MARGIN, _MARGIN + PICTURE[1]))
    owners = np.zeros(picture.shape[:2], np.int32)
    things: list[tuple[float, int, Prop | _Walker]] = [(prop.row, 0, prop) for prop in props]
    things += [(walker.row(number), walker.track, walker) for walker in walkers]
    found = []
    for _, track, thing in sorted(things, key=lambda item: item[:2]):
        if isinstance(thing, Prop):
            thing.draw(picture[inner])
            left, top, right, bottom = thing.box
            owners[inner][top:bottom, left:right] = 0
        else:
            found.append((track, *thing.draw(number, picture, owners).tolist()))
    rows = []
    high = np.array([_MARGIN + PICTURE[1], _MARGIN + PICTURE[0]] * 2)
    for track, *box, pixels in found:
        left, top, right, bottom = np.clip(box, _MARGIN, high).tolist()
        seen = (
            np.count_nonzero(owners[top:bottom, left:right] == track) if right > left and bottom > top else 0
        )
        rows.append((track, left - _MARGIN, top - _MARGIN, right - _MARGIN, bottom - _MARGIN, pixels, seen))
    return picture[inner], np.array(rows, dtype=np.int64).reshape(-1, 7)


def _record(number: int, rgb: np.ndarray, table: np.ndarray) -> FilmedFrame:
    scale = np.array([rgb.shape[1] / PICTURE[1], rgb.shape[0] / PICTURE[0]] * 2)
    kept = (table[:, 3] - table[:, 1] >= 3) & (table[:, 4] - table[:, 2] >= 3)
    table = table[kept][np.argsort(table[kept, 0])]
    shares = table[:, 6] / np.maximum(table[:, 5], 1)
    return FilmedFrame(number, rgb, table[:, 0], table[:, 1:5] * scale, shares)
