"""A worker that is killed ends training and extraction in one error, whoever wrote the loader."""

import os
import signal

import pytest
import torch
from torch.utils.data import get_worker_info

from tests.engine.small_world import Clips, Net, loader
from videoreid.engine import Engine, extract_features
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


def extract(dataset):
    extract_features(Net(12), loader(dataset, 2, num_workers=2), progress=False)


def train(dataset):
    model = Net(12)
    engine = Engine(model, SoftmaxCriterion(), torch.optim.SGD(model.parameters(), 0.1), device="cpu")
    engine.fit(loader(dataset, 2, num_workers=2), 1, progress=False)


@pytest.mark.parametrize("use", [extract, train])
def test_a_plain_loader_whose_worker_is_killed(use):
    with pytest.raises(
        WorkerError, match=r"a worker process of the loader has died \(.*[Kk]illed.*fewer workers"
    ):
        use(Killed())
    with pytest.raises(RuntimeError, match="of the user's own") as caught:
        use(Wrong())
    assert not isinstance(caught.value, WorkerError)
