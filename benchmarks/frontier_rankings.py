"""Rankings of people in uniforms by records or observer, alone and added to the distances of a network."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from frontier_oracle import (
    BODY,
    GAIT,
    TRAITS,
    Observer,
    explained,
    likelihood_distances,
    look_distances,
    record_distances,
    sightings_of,
    traits_of,
)

from videoreid.data.sampling.evaluation import center_crop
from videoreid.metrics import evaluate_distances
from videoreid.synthetic_world.footage import path_of
from videoreid.synthetic_world.people import Person
from videoreid.synthetic_world.population import Population, Sighting, WorldOptions, make_population
from videoreid.synthetic_world.uniforms import PRESETS
from videoreid.types import Features, Splits, Tracklet

ERROR, POOR_ERROR, FRAMES = 0.02, 0.05, 8
_ALL = tuple(range(len(TRAITS)))
_BODY, _GAIT = (tuple(TRAITS.index(name) for name in group) for group in (BODY, GAIT))


@dataclass(frozen=True, eq=False)
class Test:
    """The test tracklets of the world, with their sightings and people.

    Args:
        population: the world.
        sides: sightings of the queries, and of the gallery.
        work: folder that caches information matrices.
    """

    population: Population
    sides: tuple[list[Sighting], list[Sighting]]
    work: Path

    @property
    def people(self) -> tuple[list[Person], list[Person]]:
        """The people of the queries' and of the gallery's sightings."""
        first, second = ([self.population.people[s.person] for s in side] for side in self.sides)
        return first, second

    def units(self) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation ``(11,)`` of the traits over all people."""
        traits = traits_of(self.population.people)
        return traits.mean(0), traits.std(0)


def open_test(splits: Splits, identities: int, work: Path) -> Test:
    """Make the world of the splits again, and find the sighting of each tracklet."""
    population = make_population(WorldOptions(identities=identities, seed=0, **PRESETS["uniforms"]))
    query, gallery = (sightings_of(population, part) for part in (splits.query, splits.gallery))
    return Test(population, (query, gallery), work)


def by_records(test: Test, seed: int, kept: Sequence[int]) -> np.ndarray:
    """Return distances between exact traits, of which ``kept`` are used."""
    centre, spread = test.units()
    first, second = (((traits_of(side) - centre) / spread)[:, kept] for side in test.people)
    return record_distances(first, second)


def by_phase(test: Test, seed: int) -> np.ndarray:
    """Return distances between the walk phases of the first frames, as points of a circle."""
    first, second = (
        np.array([path_of(test.population, sighting).phase[0] for sighting in side]) for side in test.sides
    )
    circle = [np.stack([np.cos(side), np.sin(side)], axis=1) for side in (first, second)]
    return record_distances(circle[0], circle[1])


def by_look(test: Test, seed: int, *, bags: bool) -> np.ndarray:
    """Return 0 for an equal outfit (and bag), 1 for another."""
    return look_distances(*test.people, bags=bags)


def by_chance(test: Test, seed: int) -> np.ndarray:
    """Return random distances."""
    query, gallery = test.sides
    return np.random.default_rng((seed, 1)).random((len(query), len(gallery)))


def observed(test: Test, seed: int, frames: int | None, error: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return readings ``(N, 11)`` and information ``(N, 11, 11)`` of the queries, and of the gallery."""
    observer = Observer(test.population, error, *test.units())
    draws = np.random.default_rng((seed, 2))
    matrices, sides = _information(test, observer, frames), []
    for side, first in zip(test.sides, (0, len(test.sides[0])), strict=True):
        own = matrices[first : first + len(side)]
        readings = [observer.read(sighting, one, draws) for sighting, one in zip(side, own, strict=True)]
        sides.append((np.stack(readings), own))
    return sides


def _information(test: Test, observer: Observer, frames: int | None) -> np.ndarray:
    """Return the information ``(Q + G, 11, 11)`` of all test tracklets, cached in a file."""
    sightings = [sighting for side in test.sides for sighting in side]
    path = test.work / f"observer_{len(sightings)}_{frames}_{observer.error}.npy"
    if not path.exists():
        found = [observer.information(one, _frames(one.count, frames)) for one in sightings]
        np.save(path.with_suffix(".part.npy"), np.stack(found))
        path.with_suffix(".part.npy").rename(path)
    return np.load(path)


def by_observer(
    test: Test,
    seed: int,
    *,
    frames: int | None = FRAMES,
    error: float = ERROR,
    kept: Sequence[int] = _ALL,
    look: bool = False,
) -> np.ndarray:
    """Return the distances of the ideal observer; with ``look``, pairs of unequal outfit or bag come last."""
    query, gallery = observed(test, seed, frames, error)
    distances = likelihood_distances(query, gallery, kept)
    return distances + 1e3 * by_look(test, seed, bags=True) if look else distances


def _frames(count: int, wanted: int | None) -> np.ndarray:
    if wanted is None:
        return np.arange(count)
    return np.unique(center_crop(count, wanted, np.random.default_rng(0))[0])


LEVELS: dict[str, Callable[[Test, int], np.ndarray]] = {
    "chance": by_chance,
    "outfit": partial(by_look, bags=False),
    "outfit and bag": partial(by_look, bags=True),
    "records: phase of the walk": by_phase,
    "records: sizes": partial(by_records, kept=_BODY),
    "records: gait": partial(by_records, kept=_GAIT),
    "records: sizes and gait": partial(by_records, kept=_ALL),
    "observer, 1 frame: sizes and gait": partial(by_observer, frames=1),
    "observer, 8 frames: sizes": partial(by_observer, kept=_BODY),
    "observer, 8 frames: gait": partial(by_observer, kept=_GAIT),
    "observer, 8 frames: sizes and gait": by_observer,
    "observer, 8 frames, poor eyes": partial(by_observer, error=POOR_ERROR),
    "observer, all frames: sizes and gait": partial(by_observer, frames=None),
    "observer, 8 frames, outfit and bag": partial(by_observer, look=True),
}
"""Rankings without a network by name, from chance to full knowledge."""
ADDED = {"sizes": _BODY, "gait": _GAIT, "both": _ALL}
"""Traits of the ideal observer of eight frames whose distances are added to those of a network."""


def level_rows(test: Test, splits: Splits, seeds: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Score the ranking of every level; pairs of equal distance are in random order."""
    for seed in seeds:
        for name, known in LEVELS.items():
            distances = known(test, seed)
            tie_breaks = np.random.default_rng((seed, 3)).random(distances.shape)
            yield {
                "study": "oracle",
                "method": name,
                "seed": seed,
                **_scores(distances + 1e-6 * tie_breaks, splits),
            }


def network_findings(
    parts: tuple[Features, Features], test: Test, splits: Splits, seed: int
) -> dict[str, Any]:
    """Return the mAP of a network with the ideal observer added, and the traits that its embeddings explain.

    Distances are standardised (mean 0, deviation 1 over all pairs) and added.

    Args:
        parts: features of queries and gallery.
        test: the same tracklets with their sightings.
        splits: the world.
        seed: of the observer's errors.
    """
    query, gallery = (part.embeddings.double().numpy() for part in parts)
    first, second = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in (query, gallery))
    own = _standard(1.0 - first @ second.T)
    seen = observed(test, seed, FRAMES, ERROR)
    added = {
        name: _scores(own + _standard(likelihood_distances(seen[0], seen[1], kept)), splits)["mAP"]
        for name, kept in ADDED.items()
    }
    both = Features(
        np.concatenate([query, gallery]),
        np.concatenate([part.pids for part in parts]),
        np.concatenate([part.camids for part in parts]),
    )
    traits = traits_of([person for side in test.people for person in side])
    known_people = both.pids > 0
    kept = Features(both.embeddings.numpy()[known_people], both.pids[known_people], both.camids[known_people])
    shares = explained(kept, traits[known_people])
    return {"with_observer": added, "explained": dict(zip(TRAITS, shares.round(4).tolist(), strict=True))}


def _standard(distances: np.ndarray) -> np.ndarray:
    return (distances - distances.mean()) / distances.std()


def _scores(distances: np.ndarray, splits: Splits) -> dict[str, Any]:
    ids = [_ids(part) for part in (splits.query, splits.gallery)]
    ranking = evaluate_distances(
        distances, ids[0][0], ids[1][0], ids[0][1], ids[1][1], protocol=splits.protocol, dataset=splits.name
    )
    return {
        "mAP": ranking.mean_average_precision,
        "rank1": ranking.rank(1),
        "protocol": ranking.protocol_line,
    }


def _ids(part: Sequence[Tracklet]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([t.pid for t in part]), np.array([t.camid for t in part])
