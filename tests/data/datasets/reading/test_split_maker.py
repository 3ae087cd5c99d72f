import pytest
from hypothesis import given
from hypothesis import strategies as st

from videoreid.data.datasets import make_splits
from videoreid.errors import ConfigError, DatasetError
from videoreid.types import Splits, Tracklet


def make(people: dict[int, list[int]]) -> list[Tracklet]:
    """Return tracklets of people from the cameras of each of their tracklets."""
    return [
        Tracklet([f"p{pid}_t{number}_c{camera}.jpg"], pid, camera)
        for pid, cameras in people.items()
        for number, camera in enumerate(cameras)
    ]


def original_pid(tracklet: Tracklet) -> int:
    return int(tracklet.frames[0].split("_")[0][1:])


def check_disjoint(splits: Splits) -> None:
    trained = {original_pid(t) for t in splits.train}
    tested = {t.pid for t in (*splits.query, *splits.gallery)}
    assert not trained & tested
    assert {t.pid for t in splits.train} == set(range(len(trained)))


worlds = st.dictionaries(
    st.integers(1, 30), st.lists(st.integers(0, 3), min_size=1, max_size=6), min_size=2, max_size=12
)


@given(worlds, st.floats(0.1, 0.9), st.integers(0, 5))
def test_splits_are_disjoint_complete_and_answerable(
    people: dict[int, list[int]], share: float, seed: int
) -> None:
    tracklets = make(people)
    try:
        splits = make_splits(tracklets, test_share=share, seed=seed)
    except DatasetError as error:
        assert "can be a query" in str(error)
        return
    check_disjoint(splits)
    everything = [t.frames[0] for part in (splits.train, splits.query, splits.gallery) for t in part]
    assert sorted(everything) == sorted(t.frames[0] for t in tracklets)
    asked = [(t.pid, t.camid) for t in splits.query]
    assert len(set(asked)) == len(asked)  # one per person and camera
    for query in splits.query:
        assert any(t.pid == query.pid and t.camid != query.camid for t in splits.gallery)


@given(worlds, st.integers(0, 3))
def test_without_cameras_every_query_has_a_match(people: dict[int, list[int]], seed: int) -> None:
    tracklets = make({pid: [-1] * (len(cameras) + 1) for pid, cameras in people.items()})
    splits = make_splits(tracklets, seed=seed)
    assert splits.protocol == "no_cameras"
    for query in splits.query:
        assert any(t.pid == query.pid for t in splits.gallery)


def test_the_seed_names_the_draw_and_the_order_does_not_matter() -> None:
    tracklets = make({pid: [0, 1, 2, 2] for pid in range(1, 21)})
    tested = [frozenset(t.pid for t in make_splits(tracklets, seed=seed).query) for seed in (0, 0, 1)]
    assert tested[0] == tested[1] != tested[2]
    backwards = make_splits(tracklets[::-1], seed=0)
    assert frozenset(t.pid for t in backwards.query) == tested[0]
    assert make_splits(tracklets, seed=4) == make_splits(tracklets, seed=4)


def test_one_query_camera_as_in_prid() -> None:
    tracklets = make({pid: [0, 1] for pid in range(1, 9)})
    splits = make_splits(tracklets, query_camera=0, test_share=0.25)
    assert splits.num_train_pids == 6
    assert [t.camid for t in splits.query] == [0, 0]
    assert [t.camid for t in splits.gallery] == [1, 1]
    assert [t.pid for t in splits.query] == [t.pid for t in splits.gallery]


def test_junk_and_distractors_are_searched_and_never_learned() -> None:
    splits = make_splits(make({-1: [0, 1], 0: [0], 1: [0, 1, 1], 2: [0, 1, 1]}))
    assert {t.pid for t in splits.gallery} >= {-1, 0}
    assert {original_pid(t) for t in splits.train} <= {1, 2}
    assert all(t.pid > 0 for t in splits.query)


def test_both_sides_keep_a_person() -> None:
    tracklets = make({1: [0, 1, 1], 2: [0, 1, 1]})
    for share in (0.01, 0.99):
        splits = make_splits(tracklets, test_share=share)
        assert splits.num_train_pids == 1
        assert len({t.pid for t in splits.query}) == 1


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0, float("nan")])
def test_a_share_outside_0_1_is_refused(share: float) -> None:
    with pytest.raises(ConfigError, match="between 0 and 1"):
        make_splits(make({1: [0, 1], 2: [0, 1]}), test_share=share)


@pytest.mark.parametrize(
    ("people", "message"),
    [
        ({1: [0, 1]}, "1 people cannot be divided"),
        ({}, "0 people cannot be divided"),
        ({0: [0, 1], -1: [0], 3: [0]}, "1 people cannot be divided"),
        ({1: [0, -1], 2: [0]}, "some tracklets have a camera and some"),
        ({1: [0, 0], 2: [1, 1]}, "none of the 1 test people can be a query"),
    ],
)
def test_people_that_cannot_be_divided_are_refused(people: dict[int, list[int]], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        make_splits(make(people))
