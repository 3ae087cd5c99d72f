from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videoreid.data.groupings import GROUPINGS, domain_batches
from videoreid.errors import UnknownNameError

FEW = settings(max_examples=40, deadline=None)
PIDS = st.lists(st.integers(0, 7), min_size=1, max_size=60)
INSTANCES = st.integers(1, 5)


def group(name: str, pids: list[int], instances: int, *, identities: int = 1, seed: int = 0) -> np.ndarray:
    camids = np.arange(len(pids)) % 3
    return GROUPINGS[name](np.array(pids), camids, instances, identities, np.random.default_rng(seed))


@pytest.mark.parametrize("name", GROUPINGS.names())
@FEW
@given(pids=PIDS, instances=INSTANCES)
def test_a_group_holds_one_identity(name: str, pids: list[int], instances: int) -> None:
    groups = group(name, pids, instances)
    assert groups.shape == (len(groups), instances)
    assert len(groups)
    assert all(len({pids[i] for i in row}) == 1 for row in groups)


@pytest.mark.parametrize("name", ["permutation", "replacement", "camera_balanced"])
@FEW
@given(pids=PIDS, instances=INSTANCES)
def test_every_identity_comes_once_an_epoch(name: str, pids: list[int], instances: int) -> None:
    groups = group(name, pids, instances)
    assert sorted(pids[row[0]] for row in groups) == sorted(set(pids))


@pytest.mark.parametrize("name", ["permutation", "camera_balanced"])
@FEW
@given(pids=PIDS, instances=INSTANCES)
def test_no_tracklet_is_repeated_where_there_are_enough(name: str, pids: list[int], instances: int) -> None:
    for row in group(name, pids, instances):
        available = pids.count(pids[row[0]])
        assert available < instances or len(set(row.tolist())) == instances


def test_replacement_may_repeat_a_tracklet() -> None:
    rows = [group("replacement", [0] * 6, 4, seed=seed)[0] for seed in range(50)]
    assert any(len(set(row.tolist())) < 4 for row in rows)


@FEW
@given(pids=PIDS, instances=INSTANCES)
def test_all_groups_use_every_tracklet_but_the_remainder(pids: list[int], instances: int) -> None:
    groups = group("all_groups", pids, instances)
    expected = sum(max(n, instances) // instances for n in Counter(pids).values())
    assert len(groups) == expected
    for pid, count in Counter(pids).items():
        used = [int(i) for row in groups if pids[row[0]] == pid for i in row]
        if count >= instances:
            assert len(set(used)) == len(used) == count - count % instances


@FEW
@given(pids=PIDS, instances=INSTANCES, identities=st.integers(1, 4))
def test_distinct_batches_hold_different_identities(pids: list[int], instances: int, identities: int) -> None:
    groups = group("distinct", pids, instances, identities=identities)
    assert len(groups) % identities == 0
    for batch in groups.reshape(-1, identities, instances):
        assert len({pids[row[0]] for row in batch}) == identities
    assert (len(set(pids)) < identities) == (len(groups) == 0)
    if identities == 1:
        assert len(groups) == sum(max(n, instances) // instances for n in Counter(pids).values())


@FEW
@given(pids=PIDS, instances=st.integers(2, 5), seed=st.integers(0, 99))
def test_camera_balance_uses_as_many_cameras_as_it_can(pids: list[int], instances: int, seed: int) -> None:
    camids = np.random.default_rng(seed).integers(0, 4, len(pids))
    rows = GROUPINGS["camera_balanced"](np.array(pids), camids, instances, 1, np.random.default_rng(seed))
    for row in rows:
        cameras = {int(camids[i]) for i in range(len(pids)) if pids[i] == pids[row[0]]}
        assert len({int(camids[i]) for i in row}) == min(len(cameras), instances)


def test_groups_are_a_matter_of_chance() -> None:
    pids = [i // 6 for i in range(60)]
    for name in GROUPINGS.names():
        assert group(name, pids, 4, seed=1).tolist() == group(name, pids, 4, seed=1).tolist()
        assert group(name, pids, 4, seed=1).tolist() != group(name, pids, 4, seed=2).tolist()


def test_domain_batches_share_equally_and_never_repeat() -> None:
    domains = np.array([0] * 10 + [1] * 6 + [2] * 4)
    batches = domain_batches(domains, 2, 2, np.random.default_rng(0))
    assert len(batches) >= 4
    used = batches.ravel().tolist()
    assert len(set(used)) == len(used)
    for batch in batches:
        assert sorted(Counter(domains[batch].tolist()).values()) == [2, 2]


def test_an_unknown_grouping_gets_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match="permutation"):
        GROUPINGS["permutations"]
