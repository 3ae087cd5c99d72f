import os
import signal
import time

import numpy as np
import pytest
import torch
from torch.utils.data import RandomSampler, get_worker_info

from videoreid.data.clips import ClipDataset
from videoreid.data.loaders import ClipLoader, eval_loader, train_loader
from videoreid.data.samplers import PKSampler
from videoreid.data.transforms import ClipTransform, build_transform
from videoreid.errors import ConfigError, WorkerError
from videoreid.types import Clip

SMALL = build_transform("strong", (32, 16), train=True)


def all_batches(loader: ClipLoader, epoch: int = 0) -> list[Clip]:
    loader.set_epoch(epoch)
    return list(loader)


def same(one: list[Clip], other: list[Clip]) -> bool:
    return len(one) == len(other) and all(
        torch.equal(a.frames, b.frames) and torch.equal(a.index, b.index)
        for a, b in zip(one, other, strict=True)
    )


def test_training_batches(make_tracklets) -> None:
    loader = train_loader(make_tracklets(cameras=3), batch_size=6, num_frames=2, instances=3, transform=SMALL)
    batches = list(loader)
    assert len(loader) == len(batches) == 3
    for batch in batches:
        assert isinstance(batch, Clip)
        assert batch.frames.shape == (6, 2, 3, 32, 16)
        assert batch.frames.dtype == torch.uint8
        assert sorted(np.unique(batch.pid.numpy(), return_counts=True)[1].tolist()) == [3, 3]
        assert batch.time.dtype == torch.float64


def test_the_numbers_do_not_depend_on_the_workers(make_tracklets) -> None:
    tracklets = make_tracklets(cameras=3, length=12)

    def run(workers: int) -> list[Clip]:
        loader = train_loader(
            tracklets, batch_size=6, num_frames=2, instances=3, transform=SMALL, workers=workers, seed=5
        )
        return [*all_batches(loader, 0), *all_batches(loader, 1)]

    alone = run(0)
    assert same(alone, run(1))
    assert same(alone, run(2))
    assert not same(alone[:3], alone[3:])


@pytest.mark.parametrize("workers", [0, 2])
def test_resume_in_the_middle_of_an_epoch_is_exact(make_tracklets, workers: int) -> None:
    tracklets = make_tracklets(identities=12, length=12)

    def loader() -> ClipLoader:
        return train_loader(
            tracklets, batch_size=4, num_frames=2, instances=2, transform=SMALL, workers=workers
        )

    whole = all_batches(loader(), 3)
    interrupted = loader()
    interrupted.set_epoch(3)
    iterator = iter(interrupted)
    taken = [next(iterator), next(iterator)]
    state = interrupted.state_dict()
    assert state == {"epoch": 3, "seed": 0, "batches_done": 2}
    resumed = loader()
    resumed.load_state_dict(state)
    resumed.set_epoch(3)
    rest_iterator = iter(resumed)
    rest = [next(rest_iterator)]
    assert resumed.state_dict()["batches_done"] == 3
    rest += list(rest_iterator)
    assert same([*taken, *rest], whole)


class NotedReads(ClipDataset):
    """Writes down which epoch was read, in whichever process."""

    def __getitem__(self, item):  # type: ignore[no-untyped-def]
        with (self.notes / f"{item.epoch}").open("a") as file:
            file.write(".")
        return super().__getitem__(item)


def noted_loader(tracklets, notes, workers: int) -> ClipLoader:  # type: ignore[no-untyped-def]
    notes.mkdir(exist_ok=True)
    dataset = NotedReads(tracklets, num_frames=2, sampling="random_crop", transform=SMALL, seed=5)
    dataset.notes = notes
    sampler = PKSampler(tracklets, batch_size=6, instances=3, seed=5)
    return ClipLoader(dataset, batch_size=6, sampler=sampler, workers=workers)


def reads_of(notes, epoch: int) -> int:  # type: ignore[no-untyped-def]
    path = notes / f"{epoch}"
    return len(path.read_text()) if path.exists() else 0


def wait_for_reads(notes, epoch: int) -> None:  # type: ignore[no-untyped-def]
    end = time.monotonic() + 60
    while not reads_of(notes, epoch):
        assert time.monotonic() < end, f"nobody read ahead into epoch {epoch}"
        time.sleep(0.01)


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_fetching_ahead_changes_no_number(make_tracklets, tmp_path, workers: int) -> None:
    tracklets = make_tracklets(cameras=3, length=12)
    plain = noted_loader(tracklets, tmp_path / "plain", 0)
    expected = [all_batches(plain, epoch) for epoch in range(6)]
    loader = noted_loader(tracklets, tmp_path / "ahead", workers)
    loader.fetch_ahead(4)
    for epoch in (0, 1, 1, 2, 4, 3, 4, 5):  # in order, again, with a gap, back, and past the end
        assert same(all_batches(loader, epoch), expected[epoch]), epoch
    loader.set_epoch(2)
    assert same([next(iter(loader))], expected[2][:1])  # left early
    assert same(all_batches(loader, 3), expected[3])
    loader.load_state_dict({"epoch": 4, "seed": 5, "batches_done": 1})
    assert same(all_batches(loader, 4), expected[4][1:])
    loader.load_state_dict({"epoch": 5, "seed": 6, "batches_done": 0})  # the next epoch, of another plan
    other = list(loader)
    assert len(other) == len(expected[5])
    assert not same(other, expected[5])


def test_workers_read_over_the_end_of_an_epoch_up_to_the_last(make_tracklets, tmp_path) -> None:
    tracklets = make_tracklets(cameras=3, length=12)
    for ahead in (False, True):
        notes = tmp_path / str(ahead)
        loader = noted_loader(tracklets, notes, 1)
        if ahead:
            loader.fetch_ahead(1)
        clips = sum(len(batch.pid) for batch in all_batches(loader, 0))
        assert loader.state_dict() == {"epoch": 0, "seed": 5, "batches_done": 3}
        if ahead:
            wait_for_reads(notes, 1)
            assert reads_of(notes, 1) > 0
            all_batches(loader, 1)
        del loader  # ends the worker, so that nothing more can be read
        assert reads_of(notes, 0) == clips
        assert reads_of(notes, 1) == (clips if ahead else 0)
        assert reads_of(notes, 2) == 0


def test_starting_workers_leaves_the_global_generator_alone(make_tracklets) -> None:
    loader = train_loader(make_tracklets(), batch_size=4, num_frames=2, instances=2, transform=SMALL)
    before = torch.get_rng_state()
    next(iter(loader))
    assert torch.equal(torch.get_rng_state(), before)


def test_evaluation_gives_every_clip_once_in_order(make_tracklets) -> None:
    tracklets = make_tracklets(identities=3, length=5)
    loader = eval_loader(
        tracklets, batch_size=4, num_frames=2, sampling="all_strided", transform=build_transform(train=False)
    )
    batches = list(loader)
    index = torch.cat([batch.index for batch in batches]).tolist()
    assert index == [i for i in range(6) for _ in range(3)]
    assert loader.dataset.tracklets == tracklets
    assert batches[0].frames.shape == (4, 2, 3, 256, 128)
    assert torch.cat([batch.pid for batch in batches]).tolist() == [tracklets[i].pid for i in index]


def test_evaluation_is_the_same_with_workers(make_tracklets) -> None:
    tracklets = make_tracklets(identities=3)
    assert same(
        list(eval_loader(tracklets, batch_size=2)), list(eval_loader(tracklets, batch_size=2, workers=2))
    )


def test_presets_by_name(make_tracklets) -> None:
    tracklets = make_tracklets(identities=2)
    (batch,) = list(train_loader(tracklets, batch_size=4, num_frames=2, instances=2, transform="tricks"))
    assert batch.frames.shape == (4, 2, 3, 224, 112)
    assert next(iter(eval_loader(tracklets, transform="jg"))).frames.shape[-2:] == (224, 112)


def test_clips_of_unequal_length_go_alone(make_tracklets) -> None:
    long, short = (
        make_tracklets(identities=1, cameras=1, length=6)[0],
        make_tracklets(identities=1, cameras=1)[0],
    )
    with pytest.raises(ConfigError, match="do not stack into batches of 32"):
        eval_loader([long, short], sampling="all")
    lengths = [batch.frames.shape[1] for batch in eval_loader([long, short], sampling="all", batch_size=1)]
    assert lengths == [6, 5]


def test_only_planned_batches_can_be_resumed(make_tracklets) -> None:
    dataset = ClipDataset(make_tracklets())
    loader = ClipLoader(dataset, sampler=RandomSampler(dataset))
    assert sum(len(batch.pid) for batch in loader) == len(dataset)
    with pytest.raises(ConfigError, match="RandomSampler"):
        loader.state_dict()


def test_a_batch_size_that_is_not_the_samplers_is_refused(make_tracklets) -> None:
    tracklets = make_tracklets()
    with pytest.raises(ConfigError, match="batches of 4, the loader of 8"):
        ClipLoader(
            ClipDataset(tracklets), batch_size=8, sampler=PKSampler(tracklets, batch_size=4, instances=2)
        )


class Fatal(ClipTransform):
    """A transform that kills the worker it runs in, or raises."""

    def __init__(self, how: str) -> None:
        super().__init__([])
        self.how = how

    def __call__(self, frames, *args, **kwargs):
        if self.how == "raise":
            raise RuntimeError("of the user's own")
        if get_worker_info() is not None:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(frames, *args, **kwargs)


@pytest.mark.skipif(os.name == "nt", reason="kills a process by a POSIX signal")
@pytest.mark.parametrize("training", [False, True])
def test_a_worker_that_dies_is_an_error_of_the_library(make_tracklets, training: bool) -> None:
    tracklets = make_tracklets(identities=4, cameras=2, length=4)

    def read(how: str) -> None:
        options = {"num_frames": 2, "transform": Fatal(how), "workers": 2}
        if training:
            loader = train_loader(tracklets, batch_size=4, instances=2, **options)
        else:
            loader = eval_loader(tracklets, batch_size=4, **options)
        for _ in loader:
            pass

    with pytest.raises(WorkerError, match=r"a worker process of the loader has died \(.*fewer workers"):
        read("die")
    with pytest.raises(RuntimeError, match="of the user's own"):
        read("raise")
