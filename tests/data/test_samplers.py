from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from videoreid.data.samplers import DomainSampler, PKSampler
from videoreid.errors import ConfigError
from videoreid.types import Tracklet

MARS = Path(__file__).parents[3] / "shared" / "data" / "mars_info"


def tracklets(identities: int = 20, each: int = 5) -> list[Tracklet]:
    return [Tracklet(("x",), pid, camid) for pid in range(identities) for camid in range(each)]


def batches(sampler: PKSampler) -> list[list[int]]:
    keys = list(sampler)
    size = sampler.batch_size
    assert len(keys) % size == 0
    return [[key.tracklet for key in keys[i : i + size]] for i in range(0, len(keys), size)]


def test_a_batch_is_p_identities_by_k_tracklets() -> None:
    found = batches(PKSampler(tracklets(), batch_size=12, instances=4))
    assert len(found) == 6  # 20 identities, 3 a batch
    for batch in found:
        assert list(Counter(i // 5 for i in batch).values()) == [4, 4, 4]


def test_epochs_differ_and_repeat() -> None:
    sampler = PKSampler(tracklets(), batch_size=12)
    first = list(sampler)
    assert list(sampler) == first
    assert {key.epoch for key in first} == {0}
    sampler.set_epoch(1)
    second = list(sampler)
    assert [key.tracklet for key in second] != [key.tracklet for key in first]
    assert {key.epoch for key in second} == {1}
    assert len({key.position for key in first}) == len(first)
    assert list(PKSampler(tracklets(), batch_size=12, seed=1)) != first


@pytest.mark.parametrize("grouping", ["permutation", "all_groups", "distinct", "camera_balanced"])
@pytest.mark.parametrize("world_size", [2, 3])
def test_processes_share_the_whole_batches_of_one_plan(grouping: str, world_size: int) -> None:
    everything = batches(PKSampler(tracklets(), batch_size=8, grouping=grouping))
    parts = [
        PKSampler(tracklets(), batch_size=8, grouping=grouping, rank=rank, world_size=world_size)
        for rank in range(world_size)
    ]
    shares = [batches(part) for part in parts]
    assert len({len(share) for share in shares}) == 1
    assert all(len(part) == 8 * len(share) for part, share in zip(parts, shares, strict=True))
    woven = [share[i] for i in range(len(shares[0])) for share in shares]
    assert woven == everything[: len(woven)]
    assert len(everything) - len(woven) < world_size
    positions = [key.position for part in parts for key in part]
    assert len(set(positions)) == len(positions)  # no draw happens on two processes


def test_resume_gives_exactly_the_rest_of_the_epoch() -> None:
    sampler = PKSampler(tracklets(), batch_size=12, seed=3)
    sampler.set_epoch(4)
    whole = list(sampler)
    state = sampler.state_dict(batches_done=2)
    again = PKSampler(tracklets(), batch_size=12, seed=0)
    again.load_state_dict(state)
    again.set_epoch(4)  # as a training loop does
    assert len(again) == len(whole) - 24
    assert list(again) == whole[24:]
    assert list(again) == whole  # the next pass is whole
    again.set_epoch(5)
    sampler.set_epoch(5)
    assert list(again) == list(sampler)


def test_resume_in_another_epoch_forgets_the_position() -> None:
    sampler = PKSampler(tracklets(), batch_size=12)
    sampler.load_state_dict({"epoch": 4, "seed": 0, "batches_done": 2})
    sampler.set_epoch(5)
    assert len(list(sampler)) == sampler.num_batches * 12


def test_domain_batches_come_from_all_sources() -> None:
    dataset = tracklets(24)
    domains = [tracklet.pid % 3 for tracklet in dataset]
    found = batches(DomainSampler(dataset, domains, batch_size=24, instances=4))
    assert len(found) == 4
    for batch in found:
        assert Counter(domains[i] for i in batch) == {0: 8, 1: 8, 2: 8}
    pairs = batches(DomainSampler(dataset, domains, domains_per_batch=2, batch_size=16, instances=4, seed=1))
    assert all(sorted(Counter(domains[i] for i in batch).values()) == [8, 8] for batch in pairs)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 10, "instances": 4}, "multiple of instances"),
        ({"batch_size": 2, "instances": 4}, "multiple of instances"),
        ({"batch_size": 84, "instances": 4}, "20 identities fill no batch of 21 .* lower batch_size to 80"),
        ({"batch_size": 48, "instances": 4, "world_size": 2, "rank": 0}, "lower batch_size to 40"),
    ],
)
def test_batches_that_cannot_be_filled_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        PKSampler(tracklets(), **options)


def test_domains_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ConfigError, match="shared equally"):
        DomainSampler(tracklets(), [t.pid % 3 for t in tracklets()], batch_size=32)
    with pytest.raises(ConfigError, match="100 tracklets but 2 domains"):
        DomainSampler(tracklets(), [0, 1], batch_size=32)


@pytest.mark.skipif(not MARS.is_dir(), reason="../shared/data/mars_info is not here")
def test_epoch_lengths_on_mars_are_the_published_ones() -> None:
    from scipy.io import loadmat

    table = loadmat(MARS / "tracks_train_info.mat")["track_train_info"]
    dataset = [Tracklet(("x",), int(pid), int(camid) - 1) for pid, camid in table[:, 2:].astype(np.int64)]
    lengths = {name: PKSampler(dataset, grouping=name).num_batches for name in ("vpreid", "psta", "base")}
    assert lengths == {"vpreid": 235, "psta": 78, "base": 78}
    groups = PKSampler(dataset, grouping="vpreid", batch_size=4)
    assert len(groups) == 7532
