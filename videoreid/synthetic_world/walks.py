"""Walks of people through the views of cameras, for recordings of whole streets."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from videoreid.errors import ConfigError
from videoreid.synthetic_world.camera import Camera, sample_camera
from videoreid.synthetic_world.draws import Draws
from videoreid.synthetic_world.ground import Ground, sample_ground
from videoreid.synthetic_world.network import Network, sample_network
from videoreid.synthetic_world.people import Person, look_alike, sample_person
from videoreid.synthetic_world.scene import Scene, sample_scene

__all__ = ["FilmOptions", "FilmWorld", "Walk", "make_film_world"]

# Streams of random numbers, different from those of `population`, so that no person is in both.
_PEOPLE, _NETWORK, _CAMERAS, _GROUNDS, _SCENES, _ROUTES = range(40, 46)
_LOOK_ALIKES = 0.3
_COMPANIONS = 0.25
_SHRINK = (
    0.14  # cameras are closer together than in the network of tracklets, so that a minute shows people twice
)
_BEFORE = 8.0  # people may arrive this many seconds before the recording starts
_ARRIVAL = 30.0  # everybody arrives within this many seconds
_AROUND_THE_BLOCK = 10.0  # metres of the way back to the same camera, if there is only one


@dataclass(frozen=True)
class FilmOptions:
    """The options that determine a filmed world.

    Args:
        cameras: number of cameras, 1 to 99; their views do not overlap, their clocks agree.
        minutes: length of each recording.
        people: number of people who walk through the views, 1 to 9999.
        seed: seed of the world.
        frame_rate: frames per second.
        height: height of a frame in pixels, even; the width is 16/9 of it.
        difficulty: factor on the differences between cameras, 0 to 1.5.

    Raises:
        ConfigError: a value out of range.
    """

    cameras: int = 3
    minutes: float = 1.0
    people: int = 20
    seed: int = 0
    frame_rate: int = 25
    height: int = 360
    difficulty: float = 1.0

    def __post_init__(self) -> None:
        limits = {
            "cameras": (1, 99),
            "people": (1, 9999),
            "seed": (0, 2**63 - 1),
            "frame_rate": (1, 100),
            "height": (90, 1080),
            "difficulty": (0.0, 1.5),
        }
        for name, (low, high) in limits.items():
            if not low <= getattr(self, name) <= high:
                raise ConfigError(f"{name} must be {low} to {high}, got {getattr(self, name)}")
        if self.height % 2:
            raise ConfigError(f"height must be even, as video codecs require, got {self.height}")
        if not math.isfinite(self.minutes) or self.frames < 1:
            raise ConfigError(f"minutes must give one frame or more, got {self.minutes}")

    @property
    def frames(self) -> int:
        """Frames of each recording."""
        return round(self.minutes * 60 * self.frame_rate) if math.isfinite(self.minutes) else 0

    @property
    def width(self) -> int:
        """Width of a frame in pixels, even."""
        return 2 * round(self.height * 8 / 9)


@dataclass(frozen=True, eq=False)
class Walk:
    """A person crosses the view of a camera.

    Args:
        person: index into the people of the world.
        camera: 0-based.
        start: frame number of the first step; below 0 if the person arrived before the recording.
        points: ``(F, 2)`` metres on the ground, to the right and away, one row per frame.
    """

    person: int
    camera: int
    start: int
    points: np.ndarray = field(repr=False)

    @property
    def end(self) -> int:
        """Frame number after the last step."""
        return self.start + len(self.points)


@dataclass(frozen=True)
class FilmWorld:
    """A filmed world; ``walks`` holds the walks of each camera in the order of their starts."""

    options: FilmOptions
    people: tuple[Person, ...]
    cameras: tuple[Camera, ...]
    grounds: tuple[Ground, ...]
    scenes: tuple[Scene, ...] = field(repr=False)
    walks: tuple[tuple[Walk, ...], ...] = field(repr=False)


def make_film_world(options: FilmOptions) -> FilmWorld:
    """Draw people, cameras and walks; the frames follow from them."""
    seed, count = options.seed, options.cameras
    people: list[Person] = []
    for index in range(options.people):
        draws = Draws(seed, _PEOPLE, index)
        if index and draws.chance(_LOOK_ALIKES):
            people.append(look_alike(draws, people[draws.integer(0, index)]))
        else:
            people.append(sample_person(draws))
    grounds = tuple(sample_ground(Draws(seed, _GROUNDS, camera)) for camera in range(count))
    walks: list[list[Walk]] = [[] for _ in range(count)]
    for walk in _sample_walks(options, people, grounds):
        walks[walk.camera].append(walk)
    return FilmWorld(
        options=options,
        people=tuple(people),
        cameras=tuple(
            sample_camera(Draws(seed, _CAMERAS, camera), camera, count, options.difficulty)
            for camera in range(count)
        ),
        grounds=grounds,
        scenes=tuple(sample_scene(Draws(seed, _SCENES, camera)) for camera in range(count)),
        walks=tuple(tuple(sorted(own, key=lambda walk: (walk.start, walk.person))) for own in walks),
    )


def _sample_walks(options: FilmOptions, people: list[Person], grounds: tuple[Ground, ...]) -> Iterator[Walk]:
    network = sample_network(Draws(options.seed, _NETWORK), options.cameras)
    route: list[Walk] = []
    for index, person in enumerate(people):
        draws = Draws(options.seed, _ROUTES, index)
        if index and draws.chance(_COMPANIONS):  # side by side with the previous person
            aside = np.array([draws.uniform(-0.3, 0.3), draws.pick((-1.0, 1.0)) * draws.uniform(0.5, 0.8)])
            route = [Walk(index, walk.camera, walk.start, walk.points + aside) for walk in route]
        else:
            route = list(_route(draws, options, (index, person), network, grounds))
        yield from route


def _route(
    draws: Draws,
    options: FilmOptions,
    who: tuple[int, Person],
    network: Network,
    grounds: tuple[Ground, ...],
) -> Iterator[Walk]:
    """Draw the walks of a person until the recordings end, with unseen ways between the views."""
    index, person = who
    seconds = options.frames / options.frame_rate
    clock = draws.uniform(-_BEFORE, min(_ARRIVAL, 0.5 * seconds))
    camera = draws.integer(0, options.cameras)
    while clock < seconds:
        points = _cross(draws, grounds[camera], person.gait.speed / options.frame_rate)
        walk = Walk(index, camera, round(clock * options.frame_rate), points)
        if walk.end > 0:
            yield walk
        clock += len(points) / options.frame_rate
        next_camera = draws.pick(network.neighbours[camera]) if network.neighbours[camera] else camera
        apart = next_camera != camera
        distance = _SHRINK * network.distance(camera, next_camera) if apart else _AROUND_THE_BLOCK
        clock += distance / person.gait.speed * (1.0 + 0.10 * draws.bell())
        camera = next_camera


def _cross(draws: Draws, ground: Ground, step: float) -> np.ndarray:
    """Return a slightly curved path ``(F, 2)`` from one side of the view to the other, ``step`` metres per frame."""
    side = draws.pick((-1.0, 1.0))
    away = [ground.at_row(draws.uniform(ground.far_row, ground.near_row)) for _ in range(2)]
    first, last = (
        np.array([sign * (ground.half_width(distance) + 0.35), distance])
        for sign, distance in zip((-side, side), away, strict=True)
    )
    count = max(2, math.ceil(float(np.linalg.norm(last - first)) / step))
    share = np.arange(count)[:, None] / (count - 1)
    bow = draws.uniform(-0.3, 0.3) * np.sin(2.0 * np.pi * share[:, 0] * draws.uniform(0.5, 1.5))
    points = first + share * (last - first)
    points[:, 1] = np.clip(points[:, 1] + bow, ground.at_row(ground.near_row), None)
    return points
