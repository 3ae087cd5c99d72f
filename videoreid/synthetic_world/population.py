"""The population of a world: people, cameras, and the tracklets of every visit."""

from dataclasses import dataclass, field

from videoreid.errors import ConfigError
from videoreid.synthetic_world.camera import Camera, sample_camera
from videoreid.synthetic_world.degradations import DEGRADATIONS
from videoreid.synthetic_world.draws import Draws
from videoreid.synthetic_world.network import FRAME_RATE, Network, Visit, sample_network, sample_route
from videoreid.synthetic_world.people import Person, look_alike, sample_person
from videoreid.synthetic_world.scene import Scene, sample_scene

__all__ = ["FRAME_STEP", "MAX_CAMERAS", "Population", "Sighting", "WorldOptions", "make_population"]

MAX_CAMERAS = 6
"""Largest number of cameras that the file names and loaders of MARS allow."""
FRAME_STEP = 5
"""The tracker saves one of this many frames of the video: five per second."""

# Names of the streams of random numbers; a new stream gets a new number, so that existing worlds do not change.
_PEOPLE, _NETWORK, _CAMERAS, _SCENES, _ROUTES, _PASSERS_BY, _JUNK = range(1, 8)
_LOOK_ALIKES = 0.35


@dataclass(frozen=True)
class WorldOptions:
    """The options that determine a world.

    Args:
        identities: number of people, training and test together, 2 to 9999.
        seed: seed of the world.
        cameras: number of cameras, 2 to 6.
        frames: typical number of frames per tracklet.
        train_share: share of the identities for training.
        difficulty: factor on the differences between cameras; 1 is the calibrated world.
        occluders: share of the tracklets with an obstacle in front of 25 to 70 % of the person, 0..1; 0 adds none.
        second_walkers: share of the tracklets with a second person beside the first.
        low_resolution: share of the tracklets that were stored at 2 to 4.5 times their native size.
        low_light: share of the tracklets with 5 to 35 % of the light.

    Raises:
        ConfigError: a value out of range.
    """

    identities: int = 250
    seed: int = 0
    cameras: int = 6
    frames: int = 10
    train_share: float = 0.6
    difficulty: float = 1.0
    occluders: float = 0.0
    second_walkers: float = 0.0
    low_resolution: float = 0.0
    low_light: float = 0.0

    def __post_init__(self) -> None:
        if self.identities < 2 or self.identities > 9999:
            raise ConfigError(
                f"identities must be 2 to 9999 (one to train, one to test), got {self.identities}"
            )
        if not 2 <= self.cameras <= MAX_CAMERAS:
            raise ConfigError(f"cameras must be 2 to {MAX_CAMERAS}, got {self.cameras}")
        if not 0 <= self.seed < 2**63:
            raise ConfigError(f"seed must be 0 or more, and below 2**63, got {self.seed}")
        if not 2 <= self.frames <= 200:
            raise ConfigError(f"frames must be 2 to 200 per tracklet, got {self.frames}")
        if not 0.0 < self.train_share < 1.0:
            raise ConfigError(f"train_share must lie between 0 and 1, got {self.train_share}")
        if not 0.0 <= self.difficulty <= 1.5:
            raise ConfigError(f"difficulty must be 0 to 1.5, got {self.difficulty}")
        for name, share in self.degradations.items():
            if not 0.0 <= share <= 1.0:
                raise ConfigError(f"{name} must be a share of the tracklets, 0 to 1, got {share}")

    @property
    def degradations(self) -> dict[str, float]:
        """Share of the tracklets with each degradation."""
        return {name: getattr(self, name) for name in DEGRADATIONS}

    @property
    def num_train(self) -> int:
        """Number of training identities; at least one identity is left for the test."""
        return min(self.identities - 1, max(1, round(self.identities * self.train_share)))


@dataclass(frozen=True)
class Sighting:
    """A tracklet: one person in the view of one camera.

    Args:
        number: position among the sightings of the world; names its random stream.
        pid: 1-based; 0 is a passer-by, who is never a query, -1 a misplaced box (junk).
        split: "train", "query" or "gallery".
        person: index into the people of the world.
        visit: the visit that the tracklet is part of.
        start: frame number of the first frame.
        count: number of frames, `FRAME_STEP` apart.
    """

    number: int
    pid: int
    split: str
    person: int
    visit: Visit
    start: int
    count: int

    @property
    def end(self) -> int:
        """Frame number of the last frame."""
        return self.start + (self.count - 1) * FRAME_STEP


@dataclass(frozen=True)
class Population:
    """A world: its people, cameras and sightings; frames are drawn from it."""

    options: WorldOptions
    people: tuple[Person, ...]
    network: Network
    cameras: tuple[Camera, ...]
    scenes: tuple[Scene, ...] = field(repr=False)
    sightings: tuple[Sighting, ...] = field(repr=False)


def make_population(options: WorldOptions) -> Population:
    """Draw people, cameras and sightings; the frames follow from them."""
    network = sample_network(Draws(options.seed, _NETWORK), options.cameras)
    people = _sample_people(options)
    return Population(
        options=options,
        people=tuple(people),
        network=network,
        cameras=tuple(
            sample_camera(Draws(options.seed, _CAMERAS, rank), rank, options.cameras, options.difficulty)
            for rank in range(options.cameras)
        ),
        scenes=tuple(sample_scene(Draws(options.seed, _SCENES, rank)) for rank in range(options.cameras)),
        sightings=tuple(_sample_sightings(options, people, network)),
    )


def _sample_people(options: WorldOptions) -> list[Person]:
    """Draw the identities, then passers-by; about a third of the identities look like an earlier one of their split."""
    people: list[Person] = []
    for index in range(options.identities):
        draws = Draws(options.seed, _PEOPLE, index)
        first = 0 if index < options.num_train else options.num_train
        if index > first and draws.chance(_LOOK_ALIKES):
            people.append(look_alike(draws, people[draws.integer(first, index)]))
        else:
            people.append(sample_person(draws))
    passers_by = max(1, (options.identities - options.num_train) // 2)
    for index in range(passers_by):
        people.append(sample_person(Draws(options.seed, _PASSERS_BY, index)))
    return people


def _sample_sightings(options: WorldOptions, people: list[Person], network: Network) -> list[Sighting]:
    # about two people per minute in every camera, whatever the size of the world
    duration = FRAME_RATE * 60 * max(5, options.identities // 3)
    sightings: list[Sighting] = []
    for index, person in enumerate(people):
        draws = Draws(options.seed, _ROUTES, index)
        visits = sample_route(draws, network, person, duration)
        known = index < options.identities
        pieces = [piece for visit in visits for piece in _cut(draws, visit, options.frames)]
        if not known:
            pieces = pieces[:1]
        queries = _choose_queries(draws, [visit.camera for visit, _, _ in pieces])
        for number, (visit, start, count) in enumerate(pieces):
            split = "query" if number in queries else "gallery"
            if known and index < options.num_train:
                split = "train"
            pid = index + 1 if known else 0
            split = split if known else "gallery"
            sightings.append(Sighting(len(sightings), pid, split, index, visit, start, count))
    return sightings + _sample_junk(options, sightings)


def _cut(draws: Draws, visit: Visit, frames: int) -> list[tuple[Visit, int, int]]:
    """Return the tracklets of a visit: one, or two if the tracker lost the person in between."""
    count = draws.integer(max(2, frames * 2 // 3), frames * 4 // 3 + 1)
    start = visit.start + draws.integer(0, 2 * FRAME_STEP)
    pieces = [(visit, start, count)]
    start += count * FRAME_STEP + draws.integer(FRAME_STEP, 4 * FRAME_STEP)
    rest = min(count, (visit.end - start) // FRAME_STEP)
    if draws.chance(0.35) and rest >= 4:
        pieces.append((visit, start, rest))
    return pieces


def _choose_queries(draws: Draws, cameras: list[int]) -> set[int]:
    """Choose the first tracklet of up to two cameras, so that a match stays in the gallery of another camera."""
    first = {camera: number for number, camera in reversed(list(enumerate(cameras)))}
    different = sorted(first)
    picked = draws.order(len(different))[: min(2, len(different) - 1)]
    return {first[different[place]] for place in picked}


def _sample_junk(options: WorldOptions, sightings: list[Sighting]) -> list[Sighting]:
    draws = Draws(options.seed, _JUNK)
    test = [sighting for sighting in sightings if sighting.split == "gallery" and sighting.pid > 0]
    junk: list[Sighting] = []
    for _ in range(max(1, (options.identities - options.num_train) // 8)):
        like = draws.pick(test)
        number = len(sightings) + len(junk)
        count = min(like.count, 6)
        junk.append(Sighting(number, -1, "gallery", like.person, like.visit, like.start, count))
    return junk
