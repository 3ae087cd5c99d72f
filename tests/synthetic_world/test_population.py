"""Who is where when: routes keep to the network, times to the transits, every query has an answer."""

from collections import defaultdict
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videoreid.errors import ConfigError
from videoreid.synthetic_world.draws import Draws
from videoreid.synthetic_world.network import FRAME_RATE, sample_network, sample_route
from videoreid.synthetic_world.people import look_alike, sample_person
from videoreid.synthetic_world.population import FRAME_STEP, Population, WorldOptions, make_population

WORLD = make_population(WorldOptions(identities=30, seed=2))


@given(seed=st.integers(0, 2**31), cameras=st.integers(2, 6))
@settings(max_examples=60, deadline=None)
def test_routes_follow_the_network_and_take_their_time(seed: int, cameras: int) -> None:
    network = sample_network(Draws(seed, 1), cameras)
    person = sample_person(Draws(seed, 2))
    visits = sample_route(Draws(seed, 3), network, person, duration=10_000)
    assert 3 <= len(visits) <= 5
    assert len({visit.camera for visit in visits}) >= 2
    for visit in visits:
        assert visit.start < visit.end
    for before, after in pairwise(visits):
        assert after.camera in network.neighbours[before.camera]
        assert after.heading_in == before.heading_out == network.heading(before.camera, after.camera)
        transit = (after.start - before.end) / FRAME_RATE
        usual = network.distance(before.camera, after.camera) / person.gait.speed
        # a tenth give or take, never beyond 3.5 deviations, and a pause of up to 25 s
        assert usual * (1 - 0.36) - 1 <= transit <= usual * (1 + 0.36) + 26


@given(cameras=st.integers(2, 6), seed=st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_neighbours_are_mutual(cameras: int, seed: int) -> None:
    network = sample_network(Draws(seed), cameras)
    for camera, near in enumerate(network.neighbours):
        assert camera not in near
        assert near
        assert all(camera in network.neighbours[other] for other in near)


def test_tracklets_lie_within_their_visits_and_do_not_overlap() -> None:
    by_visit = defaultdict(list)
    for sighting in WORLD.sightings:
        assert sighting.count >= 2
        assert sighting.end == sighting.start + FRAME_STEP * (sighting.count - 1)
        assert sighting.start >= sighting.visit.start
        if sighting.pid >= 0:
            by_visit[sighting.person, sighting.visit].append(sighting)
    broken = 0
    for pieces in by_visit.values():
        for first, second in pairwise(sorted(pieces, key=lambda piece: piece.start)):
            broken += 1
            assert first.end < second.start
            assert second.end <= second.visit.end
    assert broken > 5  # trackers do lose people in this world


def test_time_and_camera_are_informative() -> None:
    """The usual transit tells a true pair from a false one far better than chance."""
    inside = {True: [0, 0], False: [0, 0]}
    known = [s for s in WORLD.sightings if s.pid > 0]
    for first in known:
        for second in known:
            near = second.visit.camera in WORLD.network.neighbours[first.visit.camera]
            if near and second.start > first.start:
                gap = (second.visit.start - first.visit.end) / FRAME_RATE
                usual = WORLD.network.distance(first.visit.camera, second.visit.camera) / 1.35
                count = inside[first.pid == second.pid]
                count[0] += int(0.6 * usual < gap < 1.6 * usual)
                count[1] += 1
    true, false = (inside[same][0] / inside[same][1] for same in (True, False))
    assert true > 0.6
    assert true > 5 * false


@pytest.mark.parametrize("cameras", [2, 3, 6])
def test_every_query_has_a_match_in_another_camera_of_the_gallery(cameras: int) -> None:
    world = make_population(WorldOptions(identities=20, seed=cameras, cameras=cameras))
    queries = [s for s in world.sightings if s.split == "query"]
    gallery = [s for s in world.sightings if s.split == "gallery"]
    assert len({(s.pid, s.visit.camera) for s in queries}) == len(queries)
    for query in queries:
        assert any(s.pid == query.pid and s.visit.camera != query.visit.camera for s in gallery)
        # impostors: other people in the query's own camera
        assert any(s.pid != query.pid and s.visit.camera == query.visit.camera for s in gallery)
    train = {s.pid for s in world.sightings if s.split == "train"}
    test = {s.pid for s in queries}
    assert train == set(range(1, 13))
    assert test == set(range(13, 21))
    assert {s.pid for s in gallery} == test | {0, -1}


def test_a_seed_is_a_world() -> None:
    def story(world: Population) -> tuple:
        return world.people, world.network, world.sightings

    options = WorldOptions(identities=30, seed=2)
    assert story(make_population(options)) == story(WORLD)
    other = make_population(WorldOptions(identities=30, seed=4))
    assert other.people != WORLD.people
    assert other.network != WORLD.network


def test_a_look_alike_shares_colours_and_nothing_that_is_the_persons_own() -> None:
    other = sample_person(Draws(0, 1))
    double = look_alike(Draws(0, 2), other)
    for ours, theirs in zip(double.outfit.upper.base, other.outfit.upper.base, strict=True):
        assert abs(ours - theirs) <= 16
    assert double.body != other.body
    assert double.gait != other.gait


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"identities": 1}, "identities must be 2"),
        ({"identities": 10_000}, "identities must be 2"),
        ({"cameras": 1}, "cameras must be 2 to 6"),
        ({"cameras": 7}, "cameras must be 2 to 6"),
        ({"frames": 1}, "frames must be 2"),
        ({"train_share": 0.0}, "train_share"),
        ({"train_share": 1.0}, "train_share"),
        ({"difficulty": 2.0}, "difficulty"),
        ({"seed": -1}, "seed"),
    ],
)
def test_options_out_of_range_are_refused(option: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        WorldOptions(**option)


def test_both_splits_have_someone_however_small_the_world() -> None:
    for identities in (2, 3):
        for share in (0.01, 0.99):
            options = WorldOptions(identities=identities, train_share=share)
            assert 1 <= options.num_train < identities
