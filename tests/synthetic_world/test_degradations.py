"""Named troubles: they do what they say, and leave every other draw of the world alone."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from videoreid.data.datasets.synthetic import synthetic, write_mars
from videoreid.errors import ConfigError
from videoreid.synthetic_world.degradations import Degradation, sample_degradation
from videoreid.synthetic_world.footage import film
from videoreid.synthetic_world.population import WorldOptions, make_population


@pytest.fixture(scope="module")
def population():
    return make_population(WorldOptions(identities=4, seed=2, frames=2, cameras=2))


def first(population, degradation=None, number=0):
    return next(film(population, replace(population.sightings[number], count=1), degradation))


def test_nothing_is_done_by_default(population) -> None:
    plain, same = first(population), first(population, Degradation())
    np.testing.assert_array_equal(plain.rgb, same.rgb)
    assert plain.truth == same.truth
    assert plain.truth.native_height == plain.rgb.shape[0]


@pytest.mark.parametrize("side", ["below", "left", "right"])
def test_more_obstacle_hides_more_and_its_labels_are_background(population, side) -> None:
    frames = [first(population, Degradation(occluder=share, side=side)) for share in (0.0, 0.3, 0.6, 0.9)]
    hidden = [frame.truth.occluded for frame in frames]
    assert hidden == sorted(hidden)
    assert hidden[-1] > 0.8
    seen = [np.count_nonzero(frame.labels) for frame in frames]
    assert seen == sorted(seen, reverse=True)
    assert {frame.truth.clothing_darkness for frame in frames} == {frames[0].truth.clothing_darkness}


def test_a_second_walker_is_seen_and_is_no_part_of_the_person(population) -> None:
    alone, near = first(population), first(population, Degradation(second_walker=1.0))
    assert near.truth.second_person > alone.truth.second_person + 0.1
    np.testing.assert_array_equal(alone.labels, near.labels)


def test_light_falls_and_the_clothes_stay_as_dark_as_they_are(population) -> None:
    plain, dim = first(population), first(population, Degradation(exposure=0.2))
    assert dim.rgb.mean() < 0.45 * plain.rgb.mean()
    assert dim.truth.exposure == pytest.approx(0.2 * plain.truth.exposure)
    assert dim.truth.clothing_darkness == plain.truth.clothing_darkness


def test_shrinking_keeps_the_stored_size(population) -> None:
    plain, coarse = first(population), first(population, Degradation(shrink=3.0))
    assert coarse.rgb.shape == plain.rgb.shape
    assert coarse.truth.native_height == round(plain.rgb.shape[0] / 3.0)


def test_knobs_touch_the_share_that_they_name() -> None:
    shares = {"occluders": 0.3, "second_walkers": 0.0, "low_resolution": 1.0, "low_light": 0.5}
    found = [sample_degradation(7, number, shares) for number in range(400)]
    assert found == [sample_degradation(7, number, shares) for number in range(400)]
    assert np.mean([one.occluder > 0 for one in found]) == pytest.approx(0.3, abs=0.07)
    assert all(one.second_walker == 0 for one in found)
    assert all(2.0 <= one.shrink <= 4.5 for one in found)
    assert np.mean([one.exposure < 1 for one in found]) == pytest.approx(0.5, abs=0.07)


def test_a_world_with_knobs_says_what_each_tracklet_got(tmp_path) -> None:
    options = {"identities": 4, "seed": 1, "frames": 2, "cameras": 2}
    plain = write_mars(tmp_path / "plain", **options)
    hard = write_mars(tmp_path / "hard", low_light=1.0, **options)
    assert not (plain / "info" / "tracks_truth.csv").exists()
    rows = list(csv.DictReader((hard / "info" / "tracks_truth.csv").open()))
    times = list(csv.DictReader((hard / "info" / "tracks_time.csv").open()))
    assert [(row["split"], row["row"]) for row in rows] == [(row["split"], row["row"]) for row in times]
    assert all(float(row["exposure"]) < 0.5 for row in rows)
    assert synthetic(hard, low_light=1.0, **options).query


def test_a_card_without_knobs_is_that_of_older_worlds(tmp_path) -> None:
    folder = write_mars(tmp_path / "world", identities=4, seed=1, frames=2, cameras=2)
    assert "low_light" not in (folder / "info" / "world.json").read_text()


@pytest.mark.parametrize(
    "values",
    [{"occluder": 1.0}, {"second_walker": -0.1}, {"side": "above"}, {"shrink": 0.5}, {"exposure": 0.0}],
)
def test_values_out_of_range_are_refused(values) -> None:
    with pytest.raises(ConfigError):
        Degradation(**values)


def test_a_share_above_one_is_refused() -> None:
    with pytest.raises(ConfigError, match="low_light must be a share"):
        WorldOptions(low_light=1.5)
