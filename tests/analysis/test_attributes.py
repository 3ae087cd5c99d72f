"""Attributes of crops against what the synthetic world knows, at a small size; docs/error_analysis.md has the rest."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from videoreid.analysis import (
    ATTRIBUTES,
    ParsedFolderLabels,
    frame_attributes,
    motion_blur,
    tracklet_attributes,
)
from videoreid.analysis.figure_ground import barrier_distance
from videoreid.errors import ConfigError, DatasetError, FrameError
from videoreid.parsing import LABEL_TABLES, LabelTable, write_label_map
from videoreid.synthetic_world.degradations import Degradation
from videoreid.synthetic_world.footage import film
from videoreid.synthetic_world.population import WorldOptions, make_population
from videoreid.types import Tracklet

LIP = LABEL_TABLES["lip20"]
LEVELS = {
    "occlusion": [Degradation(occluder=share, side="left") for share in (0.0, 0.3, 0.6)],
    "people": [Degradation(second_walker=near) for near in (0.0, 0.5, 1.0)],
    "light": [Degradation(exposure=factor) for factor in (1.0, 0.4, 0.15)],
    "resolution": [Degradation(shrink=factor) for factor in (1.0, 2.0, 4.0)],
}
TRUTH = {
    "occlusion": "occluded",
    "people": "second_person",
    "light": "exposure",
    "resolution": "native_height",
    "clothing_darkness": "clothing_darkness",
}


@pytest.fixture(scope="module")
def shots():
    """Ten people at three levels of every trouble: frames and attributes by trouble."""
    population = make_population(WorldOptions(identities=10, seed=40, frames=2))
    seen = [replace(one, count=1) for one in population.sightings if one.pid > 0][::3][:10]
    frames = {
        name: [next(film(population, one, level)) for level in levels for one in seen]
        for name, levels in LEVELS.items()
    }
    return frames, {name: frame_attributes([f.rgb for f in some]) for name, some in frames.items()}


def agreement(shots, trouble: str, attribute: str, truth: str | None = None) -> float:
    frames, measured = shots
    real = np.array([getattr(frame.truth, TRUTH[truth or attribute]) for frame in frames[trouble]])
    return float(spearmanr(measured[trouble][attribute], real, nan_policy="omit")[0])


@pytest.mark.parametrize("attribute", ["occlusion", "people", "light", "resolution"])
def test_a_proxy_agrees_with_the_truth_of_its_trouble(shots, attribute) -> None:
    assert agreement(shots, attribute, attribute) > 0.8


def test_more_of_a_trouble_measures_as_more_of_it(shots) -> None:
    for attribute, rising in (("occlusion", 1), ("light", -1), ("resolution", -1)):
        levels = np.median(shots[1][attribute][attribute].reshape(3, -1), axis=1)
        assert (rising * np.diff(levels) > 0).all(), attribute
    alone, aside, near = np.median(shots[1]["people"]["people"].reshape(3, -1), axis=1)
    assert alone < 0.1 < min(aside, near)  # whoever comes nearer is hidden by the person more


def test_dark_clothes_are_told_from_dark_scenes(shots) -> None:
    assert agreement(shots, "light", "clothing_darkness") > 0.7
    assert abs(agreement(shots, "light", "clothing_darkness", "light")) < 0.4
    assert abs(agreement(shots, "light", "light", "clothing_darkness")) < 0.3


def test_the_factor_of_scaling_is_recovered_within_a_fifth(shots) -> None:
    measured = shots[1]["resolution"]["resolution"].reshape(3, -1)
    found = np.median(measured[:1] / measured, axis=1)
    assert found[1] == pytest.approx(2.0, rel=0.2)
    assert found[2] == pytest.approx(4.0, rel=0.25)  # bicubic and bilinear, cameras with and without blur


def test_every_form_of_the_same_images_measures_alike() -> None:
    generator = np.random.default_rng(1)
    array = cv2.GaussianBlur(generator.integers(0, 256, (64, 32, 9), dtype=np.uint8), (0, 0), 2.0)
    array = np.ascontiguousarray(array.reshape(64, 32, 3, 3).transpose(2, 0, 1, 3))
    first = frame_attributes(array)
    assert tuple(first) == ATTRIBUTES
    for other in (list(array), torch.from_numpy(array).permute(0, 3, 1, 2)):
        second = frame_attributes(other)
        for name in ATTRIBUTES:
            assert second[name].dtype == np.float64
            np.testing.assert_array_equal(second[name], first[name])
    mixed = frame_attributes([array[0], np.zeros((90, 40, 3), np.uint8)])
    assert mixed["light"][0] == first["light"][0]


def test_no_image_gives_empty_arrays() -> None:
    assert {name: values.shape for name, values in frame_attributes([]).items()} == dict.fromkeys(
        ATTRIBUTES, (0,)
    )


def test_a_flat_picture_says_its_light_and_nothing_else() -> None:
    found = frame_attributes(np.full((1, 64, 32, 3), 51, np.uint8))
    assert found["light"][0] == pytest.approx(0.2)
    assert all(np.isnan(found[name][0]) for name in ATTRIBUTES if name != "light")


def test_a_tiny_crop_has_its_size_and_no_shape() -> None:
    crop = np.random.default_rng(0).integers(0, 256, (9, 4, 3), dtype=np.uint8)
    found = frame_attributes([crop])
    assert found["resolution"][0] == 9.0
    assert np.isnan([found[name][0] for name in ("occlusion", "people", "clothing_darkness")]).all()
    assert np.isnan(motion_blur([crop])[0])


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 3, 64, 32), np.uint8), "must be \\(N, H, W, 3\\)"),
        (np.zeros((2, 64, 32, 3), np.float32), "image 0 must be"),
        (torch.zeros(2, 64, 32, 3, dtype=torch.uint8), "must be \\(N, 3, H, W\\)"),
        ([np.zeros((64, 32), np.uint8)], "image 0 must be"),
        ([np.zeros((0, 32, 3), np.uint8)], "with pixels in it"),
    ],
)
def test_images_of_another_form_are_refused(images, message) -> None:
    with pytest.raises(ConfigError, match=message):
        frame_attributes(images)


def test_motion_widens_the_edges_across_it() -> None:
    sharp = np.zeros((128, 64, 3), np.uint8)
    sharp[30:100, 15:50] = 220
    sharp[50:70, 25:40] = 90
    moved = cv2.blur(sharp, (7, 1))
    still, motion = motion_blur([cv2.GaussianBlur(sharp, (0, 0), 0.8), moved])
    assert motion > still + 0.3


def test_part_labels_give_what_is_hidden_and_a_second_person() -> None:
    whole = np.zeros((64, 32), np.uint8)
    whole[4:12, 12:20], whole[12:32, 9:23], whole[32:56, 10:22], whole[56:62, 10:22] = 13, 5, 9, 18
    hidden = whole.copy()
    hidden[32:] = 0
    company = whole.copy()
    company[10:16, 26:31], company[16:50, 25:32] = 13, 5
    image = np.full((64, 32, 3), 150, np.uint8)
    image[whole > 0] = 40
    found = frame_attributes([image] * 4, label_maps=[whole, whole, hidden, company], table=LIP)
    np.testing.assert_allclose(found["occlusion"][:2], 0.0, atol=1e-9)
    # two of four parts are gone, and 28 of 58 rows are left
    assert found["occlusion"][2] == pytest.approx(1 - 0.5 * (0.5 + 28 / 58), abs=1e-6)
    assert found["people"][:2].tolist() == [0.0, 0.0]
    second, first = 6 * 5 + 34 * 7, np.count_nonzero(whole)
    assert found["people"][3] == pytest.approx(max(second / first, 30 / 64), abs=1e-6)
    assert found["clothing_darkness"][0] > 0.7


def test_nobody_in_the_labels_is_hidden_and_unknown() -> None:
    image = np.random.default_rng(0).integers(0, 256, (64, 32, 3), dtype=np.uint8)
    person = np.zeros((64, 32), np.uint8)
    person[10:50, 10:20] = 5
    found = frame_attributes([image, image], label_maps=[np.zeros((64, 32), np.uint8), person], table=LIP)
    assert found["occlusion"][0] == 1.0
    assert np.isnan(found["people"][0])
    assert np.isnan(found["clothing_darkness"][0])


def test_a_table_of_ones_own_takes_every_class_as_a_part() -> None:
    table = LabelTable("dressed", ("background", "skin", "cloth"), sources=(0, 2, 1, 255))
    labels = np.zeros((64, 32), np.uint8)
    labels[5:15, 10:20], labels[15:60, 8:24] = 1, 2
    image = np.random.default_rng(0).integers(0, 256, (64, 32, 3), dtype=np.uint8)
    assert frame_attributes([image], label_maps=[labels], table=table)["occlusion"][0] == pytest.approx(0.0)


def test_labels_need_their_table_and_one_map_a_picture() -> None:
    image = np.zeros((64, 32, 3), np.uint8)
    for maps, table in (([np.zeros((4, 4), np.uint8)], None), ([], LIP)):
        with pytest.raises(ConfigError, match="label maps need their table"):
            frame_attributes([image], label_maps=maps, table=table)


def test_a_barrier_is_what_a_path_must_climb() -> None:
    values = np.zeros((1, 5, 5), np.float32)
    values[0, 1:4, 1:4] = 0.7
    values[0, 2, 2] = 0.2
    seeds = np.ones((5, 5), bool)
    seeds[1:4, 1:4] = False
    found = barrier_distance(values, seeds)[0]
    np.testing.assert_allclose(found[seeds], 0.0)
    np.testing.assert_allclose(found[1:4, 1:4], 0.7)


def test_tracklets_take_medians_and_count_what_is_missing() -> None:
    images = {f"{n}": np.full((64, 32, 3), 20 * n, np.uint8) for n in (1, 2, 9)}

    def read(keys):
        if "gone" in keys:
            raise FrameError("gone")
        return [images[key] for key in keys]

    found = tracklet_attributes(
        [Tracklet(["1", "2", "9"], 1, 0), Tracklet(["1", "gone", "9"], 1, 0), Tracklet(["gone"], 2, 0)],
        read_frames=read,
    )
    np.testing.assert_allclose(found.values["light"], [40 / 255, 100 / 255, np.nan])
    assert found.frames.tolist() == [3, 2, 0]
    assert found.missing.tolist() == [0, 1, 1]
    assert found.values["length"].tolist() == [3, 3, 1]


def test_a_box_that_jumps_is_told_from_one_that_follows() -> None:
    generator = np.random.default_rng(0)
    scene = cv2.GaussianBlur(generator.integers(0, 256, (140, 80, 3), dtype=np.uint8), (0, 0), 3.0)
    scene = cv2.normalize(scene, None, 0, 255, cv2.NORM_MINMAX)
    still = {f"{n}": scene[5:133, 8:72] for n in range(4)}
    jumps = {f"{n}": scene[5 + 6 * (n % 2) : 133 + 6 * (n % 2), 8:72] for n in range(4)}
    track = Tracklet([f"{n}" for n in range(4)], 1, 0)
    one, two = (
        tracklet_attributes([track], read_frames=lambda keys, s=source: [s[k] for k in keys]).values[
            "jitter"
        ][0]
        for source in (still, jumps)
    )
    assert one == pytest.approx(0.0, abs=0.002)
    assert two == pytest.approx(6 / 128, rel=0.15)


def test_fewer_than_one_frame_is_refused() -> None:
    with pytest.raises(ConfigError, match="frames must be 1 or more"):
        tracklet_attributes([], read_frames=lambda keys: [], frames=0)


def test_parts_are_judged_by_all_tracklets_not_by_their_own(tmp_path) -> None:
    person = np.zeros((64, 32), np.uint8)
    person[4:12, 12:20], person[12:32, 9:23], person[32:60, 10:22] = 13, 5, 9
    half = person.copy()
    half[32:] = 0
    (tmp_path / "parsing.json").write_text('{"table": "lip20"}')
    for row, labels in enumerate([person, person, half]):
        for place in range(2):
            write_label_map(tmp_path / "labels" / "query" / f"{row:06d}" / f"{place:04d}.png", labels)
    image = np.full((64, 32, 3), 150, np.uint8)
    image[person > 0] = 40
    tracks = [Tracklet(["a", "b"], row, 0) for row in range(3)]
    found = tracklet_attributes(
        tracks,
        read_frames=lambda keys: [image] * len(keys),
        labels=(ParsedFolderLabels(tmp_path), [("query", row) for row in range(3)]),
    ).values["occlusion"]
    np.testing.assert_allclose(found[:2], 0.0, atol=1e-9)
    assert found[2] == pytest.approx(1 - 0.5 * (2 / 3 + 28 / 56), abs=1e-6)
    with pytest.raises(DatasetError, match=r"0000\.png"):
        tracklet_attributes(
            tracks[:1],
            read_frames=lambda keys: [image] * len(keys),
            labels=(ParsedFolderLabels(tmp_path), [("query", 9)]),
        )
