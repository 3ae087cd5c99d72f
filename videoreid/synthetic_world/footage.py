"""Draw the frames of a sighting: the walker, the street, other people, and the camera's effects."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from videoreid.synthetic_world.accessories import bags, head
from videoreid.synthetic_world.camera import Camera, shrink_labels
from videoreid.synthetic_world.degradations import (
    CLOTHES,
    Degradation,
    FrameTruth,
    hide_part,
    rescale,
    sample_degradation,
)
from videoreid.synthetic_world.drawing import CANVAS, Canvas, Drawing
from videoreid.synthetic_world.draws import Draws
from videoreid.synthetic_world.gait import walk
from videoreid.synthetic_world.network import FRAME_RATE
from videoreid.synthetic_world.people import Person, sample_person
from videoreid.synthetic_world.population import FRAME_STEP, Population, Sighting
from videoreid.synthetic_world.scene import SCENE, cast_shadow
from videoreid.synthetic_world.shapes import View
from videoreid.synthetic_world.wardrobe import Figure, clothes

__all__ = ["Frame", "film"]

_STREAM, _SECOND_STREAM = 20, 21
_CLOTHES = np.isin(np.arange(256), CLOTHES)
_BODY = 222.0  # pixels of the canvas for a person of ordinary height
_METRE = _BODY / 1.72
_FEET = (CANVAS[1] / 2, 245.0)


@dataclass(frozen=True)
class Frame:
    """One frame of a sighting.

    Args:
        rgb: ``(H, W, 3)`` uint8.
        labels: ``(H, W)`` uint8, LIP classes of the person of interest.
        number: frame number on the common clock.
        truth: ground truth of the frame.
    """

    rgb: np.ndarray
    labels: np.ndarray
    number: int
    truth: FrameTruth


@dataclass(frozen=True)
class _Path:
    """The walker's path: feet in scene pixels ``(F, 2)``, yaw towards the camera ``(F,)``, gait phase ``(F,)``."""

    feet: np.ndarray
    yaw: np.ndarray
    phase: np.ndarray


def film(
    population: Population, sighting: Sighting, degradation: Degradation | None = None
) -> Iterator[Frame]:
    """Draw the frames of a sighting, in time order.

    Args:
        population: the world.
        sighting: a sighting of this world.
        degradation: degradation of every frame; None draws it by the options of the world, which default to none.
    """
    draws = Draws(population.options.seed, _STREAM, sighting.number)
    camera = population.cameras[sighting.visit.camera]
    scene = population.scenes[sighting.visit.camera]
    person = population.people[sighting.person]
    if degradation is None:
        degradation = sample_degradation(
            population.options.seed, sighting.number, population.options.degradations
        )
    path = _walk_past(draws, population, sighting, person)
    corners, feet = _follow(draws, path, junk=sighting.pid < 0)
    scale = _BODY * person.body.height * _tremble(draws, sighting.count, 0.03, 1.0)
    walker = _dress(person, path, View(path.yaw, camera.pitch, feet, scale), camera.light)
    others = [
        other
        for other in (
            _other_walker(draws, population, sighting, feet),
            _second_walker(population, sighting, feet, degradation.second_walker),
        )
        if other is not None
    ]
    hidden = draws.chance(0.30)
    light = _sample_light(draws)
    height = round(camera.height * draws.uniform(0.85, 1.15))
    shot = _Shot(camera, sighting, degradation, light, (height, height * CANVAS[1] // CANVAS[0]))
    for index in range(sighting.count):
        left, top = int(corners[index, 0]), int(corners[index, 1])
        canvas = scene.crop(left, top)
        cast_shadow(canvas, (feet[index, 0], feet[index, 1] - 2.0), 34.0)
        _draw(canvas, [other for other, in_front in others if not in_front], index)
        walker.draw(canvas, index)
        whole = int(np.count_nonzero(canvas.figure))
        darkness = _clothing_darkness(canvas)
        _draw(canvas, [other for other, in_front in others if in_front], index)
        if hidden:
            scene.hide(canvas, left, round(float(feet[index, 1])) + 6)
        hide_part(canvas, degradation, sighting.number)
        yield shot.record(canvas, index, whole, darkness)


@dataclass(frozen=True, eq=False)
class _Shot:
    """The camera, degradation, light and size that the frames of a sighting share."""

    camera: Camera
    sighting: Sighting
    degradation: Degradation
    light: np.ndarray
    size: tuple[int, int]

    def record(self, canvas: Canvas, index: int, whole: int, darkness: float) -> Frame:
        """Record a canvas as a frame; ``whole`` is the number of the walker's pixels before anything hid them."""
        number, size = self.sighting.number, self.size
        # any rule works that takes another piece of the noise in every frame
        corner = (number * 31 + index * 17, number * 13 + index * 7)
        light = self.light * self.degradation.exposure
        native = tuple(max(2, round(side / self.degradation.shrink)) for side in size)
        rgb = self.camera.expose(canvas.rgb, (native[0], native[1]), light, corner)
        if native != size:
            rgb = rescale(rgb, size, number)
        own, strangers = (int(np.count_nonzero(mask)) for mask in (canvas.figure, canvas.strangers))
        truth = FrameTruth(
            occluded=1.0 - own / max(1, whole),
            second_person=strangers / max(1, whole),
            native_height=native[0],
            exposure=float(light.mean()) * self.camera.exposure,
            clothing_darkness=darkness,
        )
        return Frame(rgb, shrink_labels(canvas.labels, size), self.sighting.start + index * FRAME_STEP, truth)


def _draw(canvas: Canvas, others: list[Drawing], index: int) -> None:
    for other in others:
        other.draw(canvas, index, of_interest=False)


def _clothing_darkness(canvas: Canvas) -> float:
    """Return 1 - mean luminance of the clothes; NaN if none are visible in the box."""
    worn = canvas.rgb[_CLOTHES[canvas.labels]]
    if not len(worn):
        return float("nan")
    return 1.0 - float((worn @ np.array([0.299, 0.587, 0.114])).mean()) / 255.0


def _walk_past(draws: Draws, population: Population, sighting: Sighting, person: Person) -> _Path:
    visit, camera = sighting.visit, population.cameras[sighting.visit.camera]
    seconds = np.arange(sighting.count) * (FRAME_STEP / FRAME_RATE)
    progress = (sighting.start - visit.start + seconds * FRAME_RATE) / max(1, visit.end - visit.start)
    bend = visit.heading_out - visit.heading_in
    bend = np.arctan2(np.sin(bend), np.cos(bend))
    heading = visit.heading_in + bend * (0.25 + 0.5 * np.clip(progress, 0.0, 1.0))
    yaw = heading - camera.facing - np.pi
    pace = person.gait.speed * _METRE * (FRAME_STEP / FRAME_RATE)
    across = np.concatenate([[0.0], np.cumsum(pace * np.sin(yaw))[:-1]])
    nearer = np.concatenate([[0.0], np.cumsum(0.12 * pace * np.cos(yaw))[:-1]])
    x = _fit(draws, across, 80.0, SCENE[1] - 80.0)
    y = _fit(draws, nearer, 250.0, 376.0)
    phase = draws.uniform(0.0, 2.0 * np.pi) + 2.0 * np.pi * person.gait.cadence * seconds
    return _Path(np.stack([x, y], axis=1), yaw, phase)


def _fit(draws: Draws, way: np.ndarray, low: float, high: float) -> np.ndarray:
    """Shift a path so that it lies in the scene; a path that is too long ends at the border."""
    first, last = low - float(way.min()), high - float(way.max())
    return np.clip(way + draws.uniform(min(first, last), max(first, last)), low, high)


def _follow(draws: Draws, path: _Path, *, junk: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the upper left corner of the box in the scene and the feet in the box, each ``(F, 2)``."""
    count = len(path.yaw)
    offset = [draws.bell(0.0, 4.0), draws.bell(0.0, 4.0)]
    if draws.chance(0.10):  # the detector is misaligned for the whole tracklet
        offset = [offset[0] + draws.uniform(-16.0, 16.0), offset[1] + draws.uniform(-14.0, 22.0)]
    if junk:
        offset = [draws.pick((-1.0, 1.0)) * draws.uniform(34.0, 70.0), draws.uniform(40.0, 120.0)]
    aim = np.stack(
        [
            _FEET[0] + offset[0] + _tremble(draws, count, 2.2, 0.0),
            _FEET[1] + offset[1] + _tremble(draws, count, 2.2, 0.0),
        ],
        axis=1,
    )
    corners = np.floor(path.feet - aim + 0.5)
    corners[:, 0] = np.clip(corners[:, 0], 0, SCENE[1] - CANVAS[1])
    corners[:, 1] = np.clip(corners[:, 1], 0, SCENE[0] - CANVAS[0])
    return corners, path.feet - corners if not junk else aim


def _tremble(draws: Draws, count: int, spread: float, centre: float) -> np.ndarray:
    """Return ``(F,)`` numbers around ``centre`` that drift a little from frame to frame."""
    values, level = [], draws.bell(0.0, spread)
    for _ in range(count):
        level = 0.8 * level + 0.6 * draws.bell(0.0, spread)
        values.append(centre + level)
    return np.array(values)


def _dress(person: Person, path: _Path, view: View, light: float) -> Drawing:
    figure = Figure(person, walk(person.body, person.gait, path.phase), view)
    return Drawing([*clothes(figure), *head(figure), *bags(figure)], light)


def _sample_light(draws: Draws) -> np.ndarray:
    """Return the current light, a factor on red, green and blue: clouds, sun, automatic white balance."""
    level, warmth = 1.0 + 0.09 * draws.bell(), 0.035 * draws.bell()
    return level * np.array([1.0 + warmth, 1.0, 1.0 - warmth])


def _other_walker(
    draws: Draws, population: Population, sighting: Sighting, feet: np.ndarray
) -> tuple[Drawing, bool] | None:
    """Return another person who walks through the box and whether they are in front, or, usually, None."""
    present, in_front = draws.chance(0.28), draws.chance(0.3)
    if not present:
        return None
    person = sample_person(draws)
    steps = np.arange(sighting.count) - draws.uniform(0.0, sighting.count)
    drift = draws.uniform(6.0, 26.0) * draws.pick((-1.0, 1.0))
    aside = draws.uniform(26.0, 48.0) * draws.pick((-1.0, 1.0))
    drawing = _stranger(draws, population, sighting, person, (feet, aside + drift * steps, in_front))
    return drawing, in_front


def _second_walker(
    population: Population, sighting: Sighting, feet: np.ndarray, nearness: float
) -> tuple[Drawing, bool] | None:
    """Return a person who walks beside the walker, further from the camera; their draws do not change any other."""
    if nearness <= 0.0:
        return None
    draws = Draws(population.options.seed, _SECOND_STREAM, sighting.number)
    person = sample_person(draws)
    aside = np.full(sighting.count, (64.0 - 40.0 * nearness) * draws.pick((-1.0, 1.0)))
    return _stranger(draws, population, sighting, person, (feet, aside, False)), False


def _stranger(
    draws: Draws,
    population: Population,
    sighting: Sighting,
    person: Person,
    place: tuple[np.ndarray, np.ndarray, bool],
) -> Drawing:
    camera, (feet, aside, in_front) = population.cameras[sighting.visit.camera], place
    count = sighting.count
    spot = feet + np.stack([aside, np.full(count, 9.0 if in_front else -13.0)], axis=1)
    yaw = np.full(count, draws.uniform(0.0, 2.0 * np.pi))
    phase = draws.uniform(0.0, 2.0 * np.pi) + 1.1 * np.arange(count)
    scale = np.full(count, _BODY * person.body.height * (1.04 if in_front else 0.93))
    path = _Path(spot, yaw, phase)
    return _dress(person, path, View(yaw, camera.pitch, spot, scale), camera.light)
