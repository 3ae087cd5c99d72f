"""People in uniforms: few outfits, gaits of their own, obstacles frame by frame, and older worlds as they were."""

import hashlib
import json
from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pytest

from videoreid.data.datasets.synthetic import synthetic, write_mars
from videoreid.errors import ConfigError
from videoreid.synthetic_world.footage import film, path_of
from videoreid.synthetic_world.people import Gait
from videoreid.synthetic_world.population import FRAME_STEP, WorldOptions, make_population
from videoreid.synthetic_world.uniforms import PRESETS, clothes_of, dress_alike, frame_obstacles, widen_gait

UNIFORMS = make_population(WorldOptions(identities=30, seed=3, **PRESETS["uniforms"]))
PLAIN = make_population(WorldOptions(identities=30, seed=3))


def test_six_outfits_are_shared_by_everybody_in_both_splits() -> None:
    people = UNIFORMS.people
    assert len(people) == 36  # with six passers-by
    assert len({clothes_of(person) for person in people}) == 6
    train, test = people[:18], people[18:30]
    assert {clothes_of(person) for person in train} == {clothes_of(person) for person in test}
    looks = {(p.body.skin, p.body.hair, p.body.hair_style, p.body.beard, clothes_of(p)) for p in people}
    assert len(looks) == 6
    assert len({clothes_of(person) for person in PLAIN.people}) == 36


def test_proportions_gait_and_bags_stay_a_persons_own() -> None:
    people = dress_alike(list(PLAIN.people), seed=3, outfits=2)
    for dressed, own in zip(people, PLAIN.people, strict=True):
        assert dressed.gait == own.gait
        assert (dressed.outfit.bag, dressed.outfit.bag_colour) == (own.outfit.bag, own.outfit.bag_colour)
        look = {name: getattr(own.body, name) for name in ("skin", "hair", "hair_style", "beard")}
        assert replace(dressed.body, **look) == own.body
    assert dress_alike(list(PLAIN.people), seed=3, outfits=0) == list(PLAIN.people)


def test_a_wider_gait_is_as_many_times_from_the_ordinary_one() -> None:
    gait = Gait(cadence=1.03, speed=1.15, leg_swing=0.42, arm_swing=0.10, lean=0.05, elbow=0.48)
    wide = Gait(cadence=1.13, speed=0.95, leg_swing=0.44, arm_swing=0.06, lean=0.07, elbow=0.68)
    np.testing.assert_allclose(astuple(widen_gait(gait, 2.0)), astuple(wide), atol=1e-12)
    assert widen_gait(gait, 1.0) is gait
    spread = {name: np.std([astuple(p.gait)[0] for p in world.people]) for name, world in
              (("plain", PLAIN), ("wide", UNIFORMS))}  # fmt: skip
    assert spread["wide"] == pytest.approx(1.5 * spread["plain"], rel=1e-6)


def test_obstacles_are_drawn_frame_by_frame() -> None:
    rows = [[one.occluder for one in frame_obstacles(3, number, 16, 0.5)] for number in range(60)]
    hidden = np.array(rows) > 0
    assert hidden.mean() == pytest.approx(0.5, abs=0.05)
    assert not hidden.all(1).any()
    assert hidden.any(1).all()
    assert abs(np.corrcoef(hidden[:, :-1].ravel(), hidden[:, 1:].ravel())[0, 1]) < 0.08, (
        "no frame hints at the next"
    )
    shares = np.array(rows)[hidden]
    assert 0.25 <= shares.min() < 0.30
    assert 0.60 < shares.max() <= 0.65
    assert {one.side for one in frame_obstacles(3, 0, 16, 0.5)} == {"below", "left", "right"}
    assert frame_obstacles(3, 7, 16, 0.5) == frame_obstacles(3, 7, 16, 0.5)
    assert not any(one.occluder for one in frame_obstacles(3, 7, 16, 0.0))


def test_what_is_hidden_differs_from_frame_to_frame() -> None:
    sighting = replace(next(s for s in UNIFORMS.sightings if s.pid > 0), count=8)
    obstacles = frame_obstacles(3, sighting.number, 8, 0.5)
    free = replace(UNIFORMS, options=replace(UNIFORMS.options, frame_occluders=0.0))
    frames, others = list(film(UNIFORMS, sighting)), list(film(free, sighting))
    for frame, other, obstacle in zip(frames, others, obstacles, strict=True):
        more = frame.truth.occluded - other.truth.occluded
        assert (more > 0.05) == (obstacle.occluder > 0)
        if not obstacle.occluder:
            np.testing.assert_array_equal(frame.rgb, other.rgb)
    assert 0 < sum(obstacle.occluder > 0 for obstacle in obstacles) < 8


def test_the_path_of_a_walk_has_the_persons_steps() -> None:
    for sighting in UNIFORMS.sightings[:5]:
        path = path_of(UNIFORMS, sighting)
        cadence = UNIFORMS.people[sighting.person].gait.cadence
        np.testing.assert_allclose(np.diff(path.phase), 2 * np.pi * cadence * FRAME_STEP / 25)
        assert len(path.yaw) == sighting.count


def test_worlds_without_uniforms_are_what_they_were(tmp_path: Path) -> None:
    world = make_population(WorldOptions(identities=12, seed=5, frames=3))
    assert hashlib.sha256(repr(world.people).encode()).hexdigest()[:16] == "c2347c9bc326cdfc"
    folder = write_mars(tmp_path / "plain", identities=4, seed=1, frames=2, cameras=2)
    card = json.loads((folder / "info" / "world.json").read_text())
    assert not {"outfits", "gait_spread", "frame_occluders", "preset"} & set(card)
    assert not (folder / "info" / "tracks_truth.csv").exists()


def test_the_preset_is_a_world_of_its_own(tmp_path: Path) -> None:
    options = {"identities": 4, "seed": 1, "frames": 2, "cameras": 2}
    splits = synthetic(tmp_path, preset="uniforms", **options)
    (folder,) = tmp_path.iterdir()
    card = json.loads((folder / "info" / "world.json").read_text())
    assert {name: card[name] for name in ("outfits", "gait_spread", "frame_occluders", "frames")} == {
        "outfits": 6, "gait_spread": 1.5, "frame_occluders": 0.5, "frames": 2
    }  # fmt: skip
    assert "outfits6" in folder.name
    assert (folder / "info" / "tracks_truth.csv").exists()
    assert splits.query
    again = synthetic(tmp_path, outfits=6, gait_spread=1.5, frame_occluders=0.5, **options)
    assert again == splits


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "uniform"}, "no preset 'uniform'; there is uniforms"),
        ({"outfits": 100}, "outfits must be 0"),
        ({"gait_spread": 2.5}, "gait_spread must be 0 to 2"),
        ({"frame_occluders": 1.5}, "frame_occluders must be a share of the frames"),
    ],
)
def test_options_out_of_range_are_refused(options: dict, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        write_mars(tmp_path / "world", **options)
