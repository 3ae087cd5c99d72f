"""A worker that is killed ends training and extraction in one error, whoever wrote the loader."""

import os
import signal

import pytest
import torch
from torch.utils.data import get_worker_info

from tests.engine.small_world import Clips, Net, loader
from videoreid.engine import Engine, extract_features, train_one_epoch
from videoreid.errors import WorkerError
from videoreid.losses import SoftmaxCriterion

pytestmark = pytest.mark.skipif(os.name == "nt", reason="kills a process by a POSIX signal")


class Killed(Clips):
    """The third item kills its worker."""

    def __getitem__(self, item):
        if item == 2 and get_worker_info() is not None:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(item)


class Wrong(Clips):
    """The third item is a mistake of its author."""

    def __getitem__(self, item):
        if item == 2:
            raise RuntimeError("of the user's own")
        return super().__getitem__(item)


def extract(dataset, model=None):
    extract_features(model or Net(12), loader(dataset, 2, num_workers=2), progress=False)


def train(dataset, model=None):
    model = model or Net(12)
    engine = Engine(model, SoftmaxCriterion(), torch.optim.SGD(model.parameters(), 0.1), device="cpu")
    engine.fit(loader(dataset, 2, num_workers=2), 1, progress=False)


class Told(Net):
    """PyTorch's signal handler raises in the main thread, whatever line runs: here, in the forward pass."""

    def forward(self, frames):
        raise RuntimeError("DataLoader worker (pid 9380) is killed by signal: Killed. ")


def use_own_loop(dataset, model):
    train_one_epoch(
        model,
        SoftmaxCriterion(),
        torch.optim.SGD(model.parameters(), 0.1),
        loader(dataset, 2),
        progress=False,
    )


@pytest.mark.parametrize("use", [extract, train, use_own_loop])
def test_the_death_of_a_worker_is_named_wherever_it_is_told(use):
    with pytest.raises(WorkerError, match=r"a worker process of the loader has died \(.*Killed"):
        use(Clips(), Told(12))


@pytest.mark.parametrize("use", [extract, train])
def test_a_plain_loader_whose_worker_is_killed(use):
    with pytest.raises(
        WorkerError, match=r"a worker process of the loader has died \(.*[Kk]illed.*fewer workers"
    ):
        use(Killed())
    with pytest.raises(RuntimeError, match="of the user's own") as caught:
        use(Wrong())
    assert not isinstance(caught.value, WorkerError)
