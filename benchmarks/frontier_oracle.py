"""Rankings of people in uniforms without a network: by the records of the world, and by an ideal observer.

Records are the exact body sizes and gait parameters of each person. They identify every person, so their mAP is 1 by
construction; this shows only that no two people are equal. The ideal observer measures the joints and three breadths
of the walker in given frames, each with an error that is a share of the body height, except those that the obstacle of
the frame hides. It knows the walk cycle and the distribution of sizes and gaits. It does not know the phase of the
walk, nor the exact scale and view angle. Its knowledge of a person is the information matrix of these measurements
(walk cycle and projection linearised at the true walk). It ranks pairs by the likelihood ratio of one person against
two people. It uses neither clothes nor walking speed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from videoreid.synthetic_world.degradations import Degradation
from videoreid.synthetic_world.footage import WalkPath, path_of
from videoreid.synthetic_world.gait import walk
from videoreid.synthetic_world.network import FRAME_RATE
from videoreid.synthetic_world.people import Person
from videoreid.synthetic_world.population import FRAME_STEP, Population, Sighting
from videoreid.synthetic_world.shapes import View
from videoreid.synthetic_world.uniforms import clothes_of, frame_obstacles
from videoreid.types import Features, Tracklet

BODY = ("height", "girth", "shoulders", "hips", "legs", "head")
GAIT = ("cadence", "leg_swing", "arm_swing", "lean", "elbow")
TRAITS = (*BODY, *GAIT)
_NUISANCES = (("phase", 1.8), ("yaw", 0.1), ("scale", 0.04))
"""Unknowns of a view with their standard deviations; that of the phase is wide, as any phase is possible."""
_STEP = 1e-4


def traits_of(people: Sequence[Person]) -> np.ndarray:
    """Return ``(P, 11)`` sizes and gait numbers in the order of `TRAITS`."""
    return np.array(
        [[getattr(p.body, name) for name in BODY] + [getattr(p.gait, name) for name in GAIT] for p in people]
    )


def sightings_of(population: Population, tracklets: Sequence[Tracklet]) -> list[Sighting]:
    """Return the sighting that each test tracklet was drawn from."""
    known = {(s.pid, s.visit.camera, s.start): s for s in population.sightings if s.pid >= 0}
    return [known[tracklet.pid, tracklet.camid, int(tracklet.time)] for tracklet in tracklets]


@dataclass(frozen=True, eq=False)
class Observer:
    """An observer that measures joints with an error.

    Args:
        population: the world.
        error: standard deviation of a joint position, in body heights.
        centre: ``(11,)`` mean of the traits over people.
        spread: ``(11,)`` their standard deviation.
    """

    population: Population
    error: float
    centre: np.ndarray
    spread: np.ndarray

    def information(self, sighting: Sighting, chosen: np.ndarray) -> np.ndarray:
        """Return the information matrix ``(11, 11)`` of the traits from frames ``(F,)``, in units of their spread."""
        person = self.population.people[sighting.person]
        camera = self.population.cameras[sighting.visit.camera]
        path = path_of(self.population, sighting)
        options = self.population.options
        obstacles = frame_obstacles(options.seed, sighting.number, sighting.count, options.frame_occluders)
        scene = _Scene(
            WalkPath(path.feet[chosen], path.yaw[chosen], path.phase[chosen]), camera.pitch, chosen
        )
        points = scene.readings(person, {})
        seen = _seen(points, [obstacles[index] for index in chosen])
        steps = [{name: _STEP * size} for name, size in zip(TRAITS, self.spread, strict=True)]
        steps += [{name: _STEP * size} for name, size in _NUISANCES]
        slopes = np.stack([(scene.readings(person, step) - points) / _STEP for step in steps])
        slopes = _without_place(slopes, seen).reshape(len(steps), -1) / self.error
        full = slopes @ slopes.T
        count = len(TRAITS)
        own, cross, rest = full[:count, :count], full[:count, count:], full[count:, count:]
        left = own - cross @ np.linalg.solve(rest + np.eye(len(rest)), cross.T)
        return 0.5 * (left + left.T)

    def read(self, sighting: Sighting, information: np.ndarray, draws: np.random.Generator) -> np.ndarray:
        """Draw a reading ``(11,)``: the information matrix times the true traits, plus its error."""
        person = self.population.people[sighting.person]
        true = (traits_of([person])[0] - self.centre) / self.spread
        values, vectors = np.linalg.eigh(information)
        noise = vectors @ (np.sqrt(np.clip(values, 0.0, None)) * draws.standard_normal(len(values)))
        return information @ true + noise


@dataclass(frozen=True, eq=False)
class _Scene:
    path: WalkPath
    pitch: float
    frames: np.ndarray

    def readings(self, person: Person, change: dict[str, float]) -> np.ndarray:
        """Return points ``(F, N, 2)`` in heights of an average person: joints, then breadths as (breadth, 0)."""
        body = replace(
            person.body, **{k: getattr(person.body, k) + v for k, v in change.items() if k in BODY}
        )
        gait = replace(
            person.gait, **{k: getattr(person.gait, k) + v for k, v in change.items() if k in GAIT}
        )
        seconds = self.frames * (FRAME_STEP / FRAME_RATE)
        turned = 2 * np.pi * change.get("cadence", 0.0) * (seconds - seconds.mean())
        skeleton = walk(body, gait, self.path.phase + turned + change.get("phase", 0.0))
        scale = np.full(len(seconds), body.height * (1.0 + change.get("scale", 0.0)))
        view = View(self.path.yaw + change.get("yaw", 0.0), self.pitch, np.zeros((len(seconds), 2)), scale)
        joints = [view.project(joint) for joint in skeleton.joints.values()]
        waist, thigh, head = 0.079 * body.girth, 0.054 * (0.5 + 0.5 * body.girth), 0.052 * body.head
        breadths = [np.stack([size * scale, 0 * scale], axis=1) for size in (waist, thigh, head)]
        return np.stack([*joints, *breadths], axis=1)


_BREADTHS = 3


def _seen(points: np.ndarray, obstacles: Sequence[Degradation]) -> np.ndarray:
    """Return ``(F, N)`` bool: joints that no obstacle hides; breadths count if half of the joints are visible."""
    joints = points[:, :-_BREADTHS]
    low, high = joints.min(1), joints.max(1)
    seen = np.ones(joints.shape[:2], dtype=bool)
    for index, obstacle in enumerate(obstacles):
        if obstacle.occluder <= 0.0:
            continue
        axis = 1 if obstacle.side == "below" else 0
        share = (joints[index, :, axis] - low[index, axis]) / max(1e-9, high[index, axis] - low[index, axis])
        hidden = share < obstacle.occluder if obstacle.side == "left" else share > 1.0 - obstacle.occluder
        seen[index] = ~hidden
    whole = seen.mean(1, keepdims=True) > 0.5
    return np.concatenate([seen, np.repeat(whole, _BREADTHS, axis=1)], axis=1)


def _without_place(slopes: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Remove from slopes ``(K, F, N, 2)`` the part that a shift of the box explains, per frame; hidden points are 0."""
    slopes = slopes * seen[None, :, :, None]
    joints, on = slopes[:, :, :-_BREADTHS], seen[None, :, :-_BREADTHS, None]
    means = joints.sum(2, keepdims=True) / np.maximum(1, on.sum(2, keepdims=True))
    return np.concatenate([(joints - means) * on, slopes[:, :, -_BREADTHS:]], axis=2)


def likelihood_distances(
    query: tuple[np.ndarray, np.ndarray], gallery: tuple[np.ndarray, np.ndarray], kept: Sequence[int]
) -> np.ndarray:
    """Return ``(Q, G)``: minus the log likelihood ratio of one person against two.

    Args:
        query: readings ``(Q, 11)`` and information ``(Q, 11, 11)``.
        gallery: the same of G tracklets.
        kept: indices of the traits that are used; the others are integrated out.
    """
    chosen = np.array(kept)
    sides = []
    for readings, matrices in (query, gallery):
        sides.append(_reduced(readings, matrices, chosen))
    (eta_q, info_q), (eta_g, info_g) = sides
    eye = np.eye(len(chosen))
    alone_q, alone_g = _evidence(eta_q, info_q + eye), _evidence(eta_g, info_g + eye)
    rows = [
        _evidence(eta + eta_g, info + info_g + eye) - own - alone_g
        for eta, info, own in zip(eta_q, info_q, alone_q, strict=True)
    ]
    return -np.stack(rows)


def _reduced(readings: np.ndarray, matrices: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Integrate out the other traits under their distribution in the population."""
    others = np.setdiff1d(np.arange(readings.shape[1]), chosen)
    if not len(others):
        return readings, matrices
    cross = matrices[:, chosen][:, :, others]
    rest = matrices[:, others][:, :, others] + np.eye(len(others))
    weights = np.linalg.solve(rest, cross.transpose(0, 2, 1)).transpose(0, 2, 1)
    eta = readings[:, chosen] - (weights @ readings[:, others, None])[..., 0]
    return eta, matrices[:, chosen][:, :, chosen] - weights @ cross.transpose(0, 2, 1)


def _evidence(eta: np.ndarray, precision: np.ndarray) -> np.ndarray:
    solved = np.linalg.solve(precision, eta[..., None])[..., 0]
    return 0.5 * (eta * solved).sum(-1) - 0.5 * np.linalg.slogdet(precision)[1]


def record_distances(query: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """Return the Euclidean distances ``(Q, G)`` of exact records ``(Q, D)`` and ``(G, D)``."""
    return np.sqrt(((query[:, None] - gallery[None]) ** 2).sum(-1))


def look_distances(query: Sequence[Person], gallery: Sequence[Person], *, bags: bool) -> np.ndarray:
    """Return ``(Q, G)``: 0 for one outfit, 1 for another; with ``bags``, also for another or no bag."""

    def look(person: Person) -> Any:
        carried = (person.outfit.bag, person.outfit.bag_colour) if bags and person.outfit.bag else None
        return clothes_of(person), carried

    return np.array([[float(look(a) != look(b)) for b in gallery] for a in query])


def explained(features: Features, traits: np.ndarray, *, folds: int = 5) -> np.ndarray:
    """Return the share of the variance ``(D,)`` of traits that a linear regression on embeddings explains.

    Ridge regression (penalty: a hundredth of the mean eigenvalue), fitted on the people of the other folds; a
    value below 0 is worse than the mean.

    Args:
        features: of N tracklets of known people.
        traits: ``(N, D)``.
        folds: number of groups that the people are split into.
    """
    x = features.embeddings.double().numpy()
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    fold = np.unique(features.pids, return_inverse=True)[1] % folds
    predicted = np.empty_like(traits)
    for number in range(folds):
        train, test = fold != number, fold == number
        mean, centre = x[train].mean(0), traits[train].mean(0)
        rows = x[train] - mean
        gram = rows.T @ rows
        penalty = 0.01 * np.trace(gram) / len(gram)
        weights = np.linalg.solve(gram + penalty * np.eye(len(gram)), rows.T @ (traits[train] - centre))
        predicted[test] = (x[test] - mean) @ weights + centre
    return 1.0 - ((predicted - traits) ** 2).sum(0) / ((traits - traits.mean(0)) ** 2).sum(0)
