"""torchreid's samplers: what a batch holds, how often, and in which order."""

from collections import Counter

import pytest
from torch.utils.data import DataLoader

from videoreid.errors import ConfigError
from videoreid.torchreid.data.sampler import (
    AVAI_SAMPLERS,
    RandomDatasetSampler,
    RandomDomainSampler,
    RandomIdentitySampler,
    build_train_sampler,
)
from videoreid.types import Tracklet

# eight people with six images each, in three cameras, from two datasets
SOURCE = [(f"{pid}_{n}.jpg", pid, n % 3, pid % 2) for pid in range(8) for n in range(6)]


def batches(sampler, size):
    positions = list(sampler)
    assert len(positions) % size == 0
    return [positions[start : start + size] for start in range(0, len(positions), size)]


def values(batch, field):
    return Counter(SOURCE[position][field] for position in batch)


def test_every_batch_has_p_people_with_k_images():
    sampler = RandomIdentitySampler(SOURCE, 6, 2)
    assert (sampler.num_instances, sampler.num_pids_per_batch) == (2, 3)
    first = batches(sampler, 6)
    assert 6 * len(first) == len(sampler) >= 42  # ends where fewer than three people have images left
    assert all(sorted(values(batch, 1).values()) == [2, 2, 2] for batch in first)
    used = Counter(position for batch in first for position in batch)
    assert set(used.values()) == {1}, "no image comes twice in a pass"
    second = batches(sampler, 6)
    assert second != first, "the next pass is drawn again"
    assert batches(RandomIdentitySampler(SOURCE, 6, 2), 6) == first
    assert batches(RandomIdentitySampler(SOURCE, 6, 2, seed=1), 6) != first


def test_a_person_with_few_images_is_drawn_with_replacement():
    source = [("a.jpg", 0, 0), ("b.jpg", 1, 0), ("c.jpg", 1, 1), ("d.jpg", 1, 1), ("e.jpg", 1, 1)]
    (batch,) = batches(RandomIdentitySampler(source, 8, 4), 8)
    assert Counter(batch)[0] == 4
    assert {position for position in batch if position} == {1, 2, 3, 4}


def test_it_drives_a_plain_loader():
    labels = [entry[1] for entry in SOURCE]
    loader = DataLoader(labels, batch_size=6, sampler=RandomIdentitySampler(SOURCE, 6, 2), drop_last=True)
    assert len(loader) == 7
    assert all(sorted(Counter(batch.tolist()).values()) == [2, 2, 2] for batch in loader)


def test_equal_parts_of_cameras():
    for batch in batches(RandomDomainSampler(SOURCE, 6, 2), 6):
        assert sorted(values(batch, 2).values()) == [3, 3]
    for count in (None, 0, -1):
        assert all(
            values(batch, 2) == {0: 2, 1: 2, 2: 2}
            for batch in batches(RandomDomainSampler(SOURCE, 6, count), 6)
        )


def test_equal_parts_of_datasets():
    found = batches(RandomDatasetSampler(SOURCE, 6, 2), 6)
    assert len(found) == 8
    assert all(values(batch, 3) == {0: 3, 1: 3} for batch in found)
    assert {frozenset(values(batch, 3)) for batch in batches(RandomDatasetSampler(SOURCE, 6, 1), 6)} == {
        frozenset({0}),
        frozenset({1}),
    }


@pytest.mark.parametrize("name", AVAI_SAMPLERS)
def test_by_name(name):
    sampler = build_train_sampler(SOURCE, name, batch_size=6, num_instances=2, num_cams=3, num_datasets=2)
    found = sorted(sampler)
    assert found == sorted(set(found))
    assert set(range(48)) >= set(found)
    assert len(found) >= 42 if name == "RandomIdentitySampler" else len(found) == 48
    if name in ("RandomSampler", "SequentialSampler"):
        assert type(sampler).__name__ == name
    if name == "SequentialSampler":
        assert list(sampler) == list(range(48))


def test_tracklets_are_entries_too():
    tracklets = [Tracklet((path,), pid, camid) for path, pid, camid, _ in SOURCE]
    assert list(RandomIdentitySampler(tracklets, 6, 2)) == list(RandomIdentitySampler(SOURCE, 6, 2))


def test_errors():
    with pytest.raises(
        ConfigError, match="unknown train_sampler 'PKSampler'; choose from RandomIdentitySampler"
    ):
        build_train_sampler(SOURCE, "PKSampler")
    with pytest.raises(ConfigError, match="make batch_size a multiple of instances"):
        RandomIdentitySampler(SOURCE, 5, 2)
    with pytest.raises(ConfigError, match="cannot be shared equally"):
        RandomDomainSampler(SOURCE, 5, 2)
    with pytest.raises(
        ConfigError, match=r"needs entries \(path, pid, camid, dsetid\), got \('a.jpg', 0, 0\)"
    ):
        RandomDatasetSampler([("a.jpg", 0, 0)], 1, 1)
