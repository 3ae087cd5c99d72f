import pytest
from torch.utils.data import DataLoader, IterableDataset

from videoreid.data import train_loader
from videoreid.engine import LoaderInfo
from videoreid.errors import ConfigError
from videoreid.types import Tracklet


class Told:
    def __init__(self):
        self.epochs = []

    def set_epoch(self, epoch):
        self.epochs.append(epoch)

    def __iter__(self):
        return iter(range(4))

    def __len__(self):
        return 4


def test_a_loader_of_the_library_knows_everything():
    tracklets = [Tracklet(["a.jpg"] * 4, i // 4, 0) for i in range(16)]
    loader = train_loader(tracklets, batch_size=4, instances=2, num_frames=3, sampling="random")
    info = LoaderInfo.of(loader)
    assert list(info.tracklets) == tracklets
    assert (info.num_frames, info.sampling, info.count_batches()) == (3, "random", 2)
    info.set_epoch(5)
    assert loader.sampler.epoch == 5
    assert info.position() == {"epoch": 5, "seed": 0, "batches_done": 0}
    info.set_position({"epoch": 5, "seed": 0, "batches_done": 1})
    assert info.count_batches() == 1
    assert info.fetch_ahead is not None


def test_a_list_knows_its_length_alone():
    info = LoaderInfo.of([1, 2])
    assert info.count_batches() == 2
    assert info.position() is None
    assert (info.tracklets, info.num_frames, info.sampling, info.fetch_ahead) == (None, None, None, None)
    info.set_epoch(1)


def test_the_parts_of_a_plain_loader_are_told_of_epochs(world):
    sampler = Told()
    dataset = world.Clips()
    dataset.set_epoch = sampler.set_epoch
    LoaderInfo.of(DataLoader(dataset, sampler=sampler)).set_epoch(3)
    assert sampler.epochs == [3, 3]
    whole = Told()
    whole.sampler = sampler
    LoaderInfo.of(whole).set_epoch(4)  # the loader tells its parts itself
    assert (whole.epochs, sampler.epochs) == ([4], [3, 3])


def test_a_sampler_that_cannot_say_where_it_is(world):
    from videoreid.data import ClipDataset, ClipLoader

    dataset = ClipDataset([Tracklet(["a.jpg"], 0, 0)] * 3, num_frames=1, transform=None)
    assert LoaderInfo.of(ClipLoader(dataset, batch_size=1)).position() is None


def test_an_epoch_must_have_an_end(world):
    class Stream(IterableDataset):
        def __iter__(self):
            yield from range(3)

    for endless in (iter([1]), DataLoader(Stream())):
        with pytest.raises(ConfigError, match="has no length"):
            LoaderInfo.of(endless).count_batches()
    with pytest.raises(ConfigError, match="has no batch"):
        LoaderInfo.of([]).count_batches()
