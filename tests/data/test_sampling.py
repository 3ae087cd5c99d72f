"""Every rule against its published index rule, written out by hand or by loops."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videoreid.data.sampling import SAMPLING, list_sampling_rules, sample_indices
from videoreid.errors import ConfigError, UnknownNameError

FEW = settings(max_examples=40, deadline=None)
LENGTHS = st.integers(1, 700)
FRAMES = st.integers(1, 16)
SEEDS = st.integers(0, 2**32)

EVERY_FRAME = ["all", "all_continuous", "all_strided", "all_strided_repeated", "dense"]
SORTED_CLIPS = [
    "all", "all_continuous", "all_strided", "all_strided_repeated",
    "evenly", "intelligent", "random", "random_crop", "random_interval",
    "restricted", "rrs_first", "shared_offset", "tricks_random",
]  # fmt: skip
ONE_CLIP = [
    "begin_crop", "begin_interval", "begin_narrow", "center_crop",
    "evenly", "intelligent", "random", "random_consecutive",
    "random_crop", "random_interval", "restricted", "rrs_first", "shared_offset", "tricks_random",
]  # fmt: skip
REACHES_LAST = [
    "intelligent", "random", "random_consecutive", "random_crop", "random_interval", "restricted", "shared_offset",
    "tricks_random",
]  # fmt: skip


def draw(rule: str, length: int, num_frames: int, seed: int = 0) -> np.ndarray:
    return sample_indices(rule, length, num_frames, np.random.default_rng(seed))


@pytest.mark.parametrize("rule", list_sampling_rules())
@FEW
@given(length=LENGTHS, num_frames=FRAMES, seed=SEEDS)
def test_indices_are_in_range_and_repeat_with_the_seed(
    rule: str, length: int, num_frames: int, seed: int
) -> None:
    indices = draw(rule, length, num_frames, seed)
    assert indices.dtype == np.int64
    assert indices.shape == (len(indices), length if rule == "all" else num_frames)
    assert len(indices) >= 1
    assert indices.min() >= 0
    assert indices.max() < length
    np.testing.assert_array_equal(indices, draw(rule, length, num_frames, seed))


@pytest.mark.parametrize("rule", SORTED_CLIPS)
@FEW
@given(length=LENGTHS, num_frames=FRAMES, seed=SEEDS)
def test_frames_of_a_clip_are_in_time_order(rule: str, length: int, num_frames: int, seed: int) -> None:
    assert (np.diff(draw(rule, length, num_frames, seed)) >= 0).all()


@pytest.mark.parametrize("rule", EVERY_FRAME)
@FEW
@given(length=LENGTHS, num_frames=FRAMES)
def test_rules_for_all_frames_cover_every_frame(rule: str, length: int, num_frames: int) -> None:
    indices = draw(rule, length, num_frames)
    assert set(indices.ravel().tolist()) == set(range(length))
    if rule != "all":
        assert len(indices) == math.ceil(length / num_frames)


@pytest.mark.parametrize("rule", ONE_CLIP)
@FEW
@given(length=LENGTHS, num_frames=FRAMES, seed=SEEDS)
def test_training_rules_and_single_views_give_one_clip(
    rule: str, length: int, num_frames: int, seed: int
) -> None:
    assert len(draw(rule, length, num_frames, seed)) == 1


@pytest.mark.parametrize("rule", REACHES_LAST)
@pytest.mark.parametrize("length", [3, 4, 5, 9, 33, 40])
def test_random_rules_reach_first_and_last_frame(rule: str, length: int) -> None:
    seen = {i for seed in range(600) for i in draw(rule, length, 4, seed).ravel().tolist()}
    assert {0, length - 1} <= seen


@pytest.mark.parametrize(
    ("rule", "length"),
    [("random_consecutive_published", 9), ("tricks_random_published", 9), ("random_interval_published", 9)],
)
def test_published_off_by_one_never_reaches_the_last_frame(rule: str, length: int) -> None:
    corrected = rule.removesuffix("_published")
    seen = {i for seed in range(600) for i in draw(rule, length, 4, seed).ravel().tolist()}
    assert max(seen) == length - 2
    assert (
        max(i for seed in range(600) for i in draw(corrected, length, 4, seed).ravel().tolist()) == length - 1
    )


@pytest.mark.parametrize(
    ("rule", "length", "num_frames", "expected"),
    [
        ("evenly", 10, 4, [[0, 2, 4, 6]]),
        ("evenly", 3, 5, [[0, 1, 2, 2, 2]]),
        ("rrs_first", 10, 4, [[0, 3, 6, 9]]),
        ("rrs_first", 9, 4, [[0, 3, 6, 8]]),
        ("rrs0", 2, 4, [[0, 1, 1, 1]]),
        ("begin_crop", 25, 4, [[0, 8, 16, 24]]),
        ("begin_crop", 24, 4, [[0, 4, 8, 12]]),
        ("begin_crop", 13, 4, [[0, 4, 8, 12]]),
        ("begin_crop", 12, 4, [[0, 2, 4, 6]]),
        ("begin_crop", 7, 4, [[0, 2, 4, 6]]),
        ("begin_crop", 6, 4, [[0, 1, 2, 3]]),
        ("begin_crop", 3, 4, [[0, 1, 2, 0]]),
        ("begin_interval", 57, 8, [[0, 8, 16, 24, 32, 40, 48, 56]]),
        ("begin_interval", 56, 8, [[0, 4, 8, 12, 16, 20, 24, 28]]),
        ("begin_interval", 28, 8, [[0, 2, 4, 6, 8, 10, 12, 14]]),
        ("begin_interval", 14, 8, [[0, 1, 2, 3, 4, 5, 6, 7]]),
        ("begin_interval", 5, 8, [[0, 1, 2, 3, 4, 0, 1, 2]]),
        ("begin_interval", 241, 16, [list(range(0, 241, 16))]),
        ("begin_interval", 240, 16, [list(range(0, 121, 8))]),
        ("begin_interval", 61, 16, [list(range(0, 61, 4))]),
        ("begin_interval", 60, 16, [list(range(0, 31, 2))]),
        ("begin_interval", 30, 16, [list(range(16))]),
        ("center_crop", 10, 4, [[3, 4, 5, 6]]),
        ("center_crop", 3, 4, [[0, 1, 2, 0]]),
        ("all_strided", 10, 4, [[0, 3, 6, 9], [1, 4, 7, 9], [2, 5, 8, 9]]),
        ("test_all_sampled", 8, 4, [[0, 2, 4, 6], [1, 3, 5, 7]]),
        ("all_continuous", 6, 4, [[0, 1, 2, 3], [4, 5, 5, 5]]),
        ("test_all_continuous", 3, 4, [[0, 1, 2, 2]]),
        ("all", 3, 7, [[0, 1, 2]]),
        ("ame_all", 11, 4, [[0, 1, 2, 3], [4, 5, 6, 7]]),
        ("ame_all", 3, 4, [[0, 1, 2, 0]]),
        ("dense", 10, 4, [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 8, 9]]),
        ("dense", 8, 4, [[0, 1, 2, 3], [4, 5, 6, 7]]),
        ("jg_dense", 1, 3, [[0, 0, 0]]),
        ("psta_dense", 11, 4, [[0, 2, 4, 6], [1, 3, 5, 7]]),
        ("psta_dense", 3, 4, [[0, 1, 2, 0]]),
        ("random_consecutive", 3, 4, [[0, 1, 2, 0]]),
        ("tricks_random", 3, 5, [[0, 1, 2, 2, 2]]),
        ("random", 4, 4, [[0, 1, 2, 3]]),
        ("random_crop", 4, 4, [[0, 1, 2, 3]]),
        ("restricted", 3, 3, [[0, 1, 2]]),
        ("shared_offset", 2, 4, [[0, 1, 1, 1]]),
        ("intelligent", 2, 4, [[0, 1, 1, 1]]),
    ],
)
def test_deterministic_cases_by_hand(
    rule: str, length: int, num_frames: int, expected: list[list[int]]
) -> None:
    assert draw(rule, length, num_frames).tolist() == expected


@FEW
@given(length=st.integers(32, 400), seed=SEEDS)
def test_random_crop_is_eight_apart_and_starts_anywhere_it_fits(length: int, seed: int) -> None:
    clip = draw("random_crop", length, 4, seed)[0]
    assert (np.diff(clip) == 8).all()
    starts = {int(draw("random_crop", 34, 4, s)[0, 0]) for s in range(300)}
    assert starts == set(range(34 - 24))


@FEW
@given(length=LENGTHS, num_frames=FRAMES, seed=SEEDS)
def test_restricted_takes_one_frame_of_every_chunk(length: int, num_frames: int, seed: int) -> None:
    padded = list(range(length))
    while len(padded) % num_frames:
        padded.append(length - 1)
    size = len(padded) // num_frames
    for rule in ("restricted", "shared_offset", "rrs_first"):
        clip = draw(rule, length, num_frames, seed)[0].tolist()
        for number, frame in enumerate(clip):
            assert frame in padded[number * size : (number + 1) * size]


@FEW
@given(length=st.integers(40, 400), seed=SEEDS)
def test_shared_offset_is_equally_spaced(length: int, seed: int) -> None:
    length -= length % 8  # without padding
    assert len(set(np.diff(draw("base", length, 8, seed)[0]).tolist())) == 1


@pytest.mark.parametrize(
    ("length", "stride"), [(8, 1), (15, 1), (16, 2), (31, 2), (32, 4), (63, 4), (64, 8), (75, 8)]
)
def test_random_interval_takes_one_frame_of_every_interval(length: int, stride: int) -> None:
    begins = set()
    for seed in range(400):
        clip = draw("random_interval", length, 8, seed)[0]
        low = max(0, int((clip - stride * np.arange(8) - stride + 1).max()))
        high = min(length - 8 * stride, int((clip - stride * np.arange(8)).min()))
        assert low <= high  # some start explains every frame
        begins.add(high)
    assert max(begins) == length - 8 * stride


@FEW
@given(length=LENGTHS, num_frames=FRAMES, seed=SEEDS)
def test_intelligent_takes_one_frame_of_every_segment(length: int, num_frames: int, seed: int) -> None:
    each = max(length // num_frames, 1)
    clip = draw("intelligent", length, num_frames, seed)[0].tolist()
    for i, frame in enumerate(clip[:-1]):
        assert min(i * each, length - 1) <= frame <= min((i + 1) * each - 1, length - 1)
    assert min((num_frames - 1) * each, length - 1) <= clip[-1] <= length - 1


def test_psta_dense_keeps_a_random_run_of_two_hundred_clips() -> None:
    starts = set()
    for seed in range(200):
        clips = draw("psta_dense", 8 * 203, 8, seed)
        assert len(clips) == 200
        assert (np.diff(clips[:, 0]) == 1).all()
        assert (np.diff(clips, axis=1) == 203).all()
        starts.add(int(clips[0, 0]))
    assert starts == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("length", "clips", "published"), [(100, 25, 25), (160, 40, 40), (161, 40, 41), (900, 40, 41)]
)
def test_tricks_dense_stops_at_forty_clips(length: int, clips: int, published: int) -> None:
    assert len(draw("tricks_dense", length, 4)) == clips
    assert len(draw("tricks_dense_published", length, 4)) == published
    np.testing.assert_array_equal(draw("tricks_dense", length, 4), draw("dense", length, 4)[:40])


def test_dense_subset_starts_where_forty_frames_are_left() -> None:
    for rule, latest in (("dense_subset", 5), ("dense_subset_published", 4)):
        clips = [draw(rule, 45, 4, seed) for seed in range(300)]
        assert {int(c[0, 0]) for c in clips} == set(range(latest + 1))
        for c in clips:
            assert set(c.ravel().tolist()) == set(range(int(c[0, 0]), 45))
    for rule, most in (("dense_subset", 40), ("dense_subset_published", 41)):
        assert max(len(draw(rule, 900, 4, seed)) for seed in range(30)) == most


def test_a_function_serves_as_a_rule() -> None:
    def last(length: int, num_frames: int, generator: np.random.Generator) -> np.ndarray:
        return np.full(num_frames, length - 1)

    assert sample_indices(last, 5, 2, np.random.default_rng(0)).tolist() == [[4, 4]]


@pytest.mark.parametrize(("length", "num_frames"), [(0, 4), (4, 0), (-1, 4)])
def test_nothing_to_take_is_an_error(length: int, num_frames: int) -> None:
    with pytest.raises(ConfigError, match="both must be 1 or more"):
        draw("evenly", length, num_frames)


def test_unknown_rule_gets_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'evenly'"):
        draw("evenli", 4, 4)


def test_every_published_name_is_known() -> None:
    published = {
        "random_crop",
        "rrs",
        "rrs0",
        "begin_crop",
        "test_all_sampled",
        "test_all_continuous",
        "evenly",
        "all",
    }
    assert published <= set(SAMPLING.names())


PUBLISHED = json.loads(Path(__file__).with_name("published_sampling.json").read_text())


@pytest.mark.parametrize(
    ("record", "rule", "num_frames"),
    [
        ("ap3d_test_4_frames", "begin_crop", 4),
        ("tclnet_test_4", "begin_crop", 4),
        ("bicnet_test_8", "begin_narrow", 8),
        ("sinet_test_sampled_4", "evenly", 4),
        ("sinet_test_sampled_8", "evenly", 8),
        ("sinet_test_all_frames_clips_of_4", "all_strided_repeated", 4),
        ("tfclip_rrs_test_8", "rrs_first", 8),
        ("tfclip_dense_8", "dense", 8),
    ],
)
def test_recorded_choices(record: str, rule: str, num_frames: int) -> None:
    assert len(PUBLISHED[record]) > 10
    for length, chosen in PUBLISHED[record].items():
        expected = np.array(chosen).reshape(-1, num_frames)
        np.testing.assert_array_equal(draw(rule, int(length), num_frames), expected, err_msg=length)
