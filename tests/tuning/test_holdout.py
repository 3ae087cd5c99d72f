import numpy as np
import pytest

from videoreid.errors import ConfigError
from videoreid.tuning import hold_out_identities
from videoreid.types import Tracklet


def training_set(people=20):
    """Person p is seen by 1 + p % 3 cameras, twice by each."""
    return [
        Tracklet([f"{p}_{camera}_{part}.jpg"], p, camera, float(part), part + 0.5)
        for p in range(people)
        for camera in range(1 + p % 3)
        for part in range(2)
    ]


def test_people_are_apart_and_labels_are_dense():
    train = training_set()
    splits = hold_out_identities(train, share=0.25, distractors=0.0, seed=3)
    held_out = {t.pid for t in (*splits.query, *splits.gallery)}
    assert {t.pid for t in splits.gallery} <= held_out
    kept = {t.frames[0].split("_")[0] for t in splits.train}
    assert not kept & {str(pid) for pid in held_out}
    assert {t.pid for t in splits.train} == set(range(15))
    assert len(kept) == 15
    order = sorted({(int(t.frames[0].split("_")[0]), t.pid) for t in splits.train})
    assert [pid for _, pid in order] == sorted(pid for _, pid in order)  # the order of the labels stays


def test_the_camera_seen_last_is_searched_and_the_others_ask_joined():
    splits = hold_out_identities(training_set(), choice=[5], distractors=0.0)
    assert [(t.camid, tuple(t.frames)) for t in splits.gallery] == [(2, ("5_2_0.jpg",)), (2, ("5_2_1.jpg",))]
    assert [(t.camid, tuple(t.frames)) for t in splits.query] == [
        (0, ("5_0_0.jpg", "5_0_1.jpg")),
        (1, ("5_1_0.jpg", "5_1_1.jpg")),
    ]
    assert (splits.query[0].time, splits.query[0].end_time) == (0.0, 1.5)


def test_distractors_join_the_gallery_and_stay_in_training():
    train = training_set(200)
    splits = hold_out_identities(train, distractors=0.25, seed=1)
    held_out = {t.pid for t in splits.query}
    joined = [t for t in splits.gallery if t.pid not in held_out]
    assert 0.18 < len(joined) / len(splits.train) < 0.32
    names = {t.frames[0] for t in splits.train}
    assert all(t.frames[0] in names for t in joined)


def test_most_cameras_takes_the_people_of_most_cameras():
    splits = hold_out_identities(training_set(), share=0.3, choice="most_cameras", distractors=0.0)
    assert {t.pid % 3 for t in splits.query} == {2}
    assert len({t.pid for t in splits.query}) == 6


def test_one_seed_one_choice():
    def people(seed):
        return {t.pid for t in hold_out_identities(training_set(60), seed=seed, distractors=0.0).query}

    assert people(0) == people(0)
    assert people(0) != people(1)


def test_every_query_of_several_cameras_has_a_match():
    splits = hold_out_identities(training_set(60), share=0.5)
    for query in splits.query:
        assert any(t.pid == query.pid and t.camid != query.camid for t in splits.gallery)


def test_errors():
    train = training_set()
    for share in (0.0, 1.0):
        with pytest.raises(ConfigError, match="leaves one side empty"):
            hold_out_identities(train, share=share)
    with pytest.raises(ConfigError, match="unknown choice 'clever'"):
        hold_out_identities(train, choice="clever")
    with pytest.raises(ConfigError, match=r"\[99\] are no pids"):
        hold_out_identities(train, choice=[1, 99])
    with pytest.raises(ConfigError, match="no query has a match"):
        hold_out_identities(train, choice=[0, 3])  # seen by one camera
    assert np.isfinite([t.time for t in hold_out_identities(train, choice=[1, 2]).query]).all()


def test_intelligent_holds_out_the_published_identities_of_mars():
    train = [Tracklet([f"{pid}_{camid}.jpg"], pid, camid) for pid in range(625) for camid in range(2)]
    splits = hold_out_identities(train, choice="intelligent", distractors=0.0)
    assert sorted({tracklet.pid for tracklet in splits.query}) == [
        31, 40, 41, 45, 50, 52, 75, 90, 91, 129, 149, 209, 283, 287, 296, 297, 304, 305, 353, 371, 393, 404, 408, 426,
        465, 483, 504, 513, 539, 552, 600, 613,
    ]  # fmt: skip
    assert splits.num_train_pids == 625 - 32
    with pytest.raises(
        ConfigError, match=r"training labels of MARS.*this training set has 624.*'most_cameras'"
    ):
        hold_out_identities(train[:-2], choice="intelligent")
