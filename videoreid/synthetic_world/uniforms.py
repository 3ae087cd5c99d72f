"""People in uniforms, larger differences between gaits, and obstacles in single frames."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from videoreid.synthetic_world.degradations import Degradation
from videoreid.synthetic_world.draws import Draws
from videoreid.synthetic_world.people import Gait, Outfit, Person, sample_person

__all__ = ["PRESETS", "clothes_of", "dress_alike", "frame_obstacles", "widen_gait"]

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "uniforms": {"frames": 16, "outfits": 6, "gait_spread": 1.5, "frame_occluders": 0.5},
}
"""Named sets of options of a world."""

_OUTFITS, _FRAMES = 60, 61  # streams of random numbers, other than those of tracklets and of films
_ORDINARY = Gait(cadence=0.93, speed=1.35, leg_swing=0.40, arm_swing=0.36, lean=0.03, elbow=0.28)
_LEAST = Gait(cadence=0.5, speed=0.6, leg_swing=0.12, arm_swing=0.06, lean=-0.2, elbow=0.05)


def dress_alike(people: list[Person], seed: int, outfits: int) -> list[Person]:
    """Dress people in a few outfits, assigned in turn.

    An outfit fixes clothes, shoes, hat, small accessories, skin, hair and beard; body proportions, gait and bag are
    kept.

    Args:
        people: as drawn.
        seed: seed of the world.
        outfits: number of outfits; 0 returns the people unchanged.
    """
    models = [sample_person(Draws(seed, _OUTFITS, number)) for number in range(outfits)]
    if not models:
        return people
    return [_in_clothes_of(person, models[index % outfits]) for index, person in enumerate(people)]


def clothes_of(person: Person) -> Outfit:
    """Return the outfit of a person without the bag; it is equal for all people in one uniform."""
    return replace(person.outfit, bag=None, bag_colour=(0, 0, 0))


def widen_gait(gait: Gait, factor: float) -> Gait:
    """Multiply the difference of a gait from the average gait by ``factor``; values are limited to those of a walk."""
    if factor == 1.0:
        return gait
    values = {}
    for name in Gait.__dataclass_fields__:
        ordinary = getattr(_ORDINARY, name)
        values[name] = max(getattr(_LEAST, name), ordinary + factor * (getattr(gait, name) - ordinary))
    return Gait(**values)


def frame_obstacles(seed: int, number: int, count: int, share: float) -> list[Degradation]:
    """Draw the obstacle of each frame of a tracklet, independently of the other frames.

    Args:
        seed: seed of the world.
        number: number of the sighting.
        count: number of its frames F.
        share: probability that a frame has an obstacle, 0..1.

    Returns:
        F records; each covers 25 to 65 % of the person, or nothing.
    """
    if share <= 0.0:
        return [Degradation()] * count
    found = []
    for index in range(count):
        draws = Draws(seed, _FRAMES, number, index)
        touched, strength = draws.chance(share), draws.uniform(0.25, 0.65)
        side = draws.pick(("below", "left", "right"))
        found.append(Degradation(occluder=strength if touched else 0.0, side=side))
    return found


def _in_clothes_of(person: Person, model: Person) -> Person:
    look = model.body
    body = replace(person.body, skin=look.skin, hair=look.hair, hair_style=look.hair_style, beard=look.beard)
    outfit = replace(model.outfit, bag=person.outfit.bag, bag_colour=person.outfit.bag_colour)
    return Person(body, outfit, person.gait)
