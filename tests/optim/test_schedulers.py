import json
import math
from pathlib import Path

import pytest
import torch

from videoreid.errors import ConfigError, UnknownNameError
from videoreid.optim import build_lr_scheduler, build_optimizer

BAG_OF_TRICKS = {"lr_scheduler": "multi_step", "stepsize": [40, 70], "warmup": "linear"}


def rates(epochs, lr=1.0, **options):
    optimizer = build_optimizer([torch.nn.Parameter(torch.zeros(1))], "sgd", lr)
    scheduler = build_lr_scheduler(optimizer, **options)
    values = []
    for _ in range(epochs):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return values


def test_the_published_rates_of_the_bag_of_tricks():
    values = rates(80, 3.5e-4, gamma=0.3282654557691594, **BAG_OF_TRICKS)
    assert values[0] == pytest.approx(3.5e-6)
    assert values[5] == pytest.approx(1.7675e-4)
    assert values[10:40] == pytest.approx([3.5e-4] * 30)
    assert values[40:70] == pytest.approx([1.149e-4] * 30, rel=1e-3)
    assert values[70:] == pytest.approx([3.7715e-5] * 10, rel=1e-4)


def test_psta_counts_several_milestones():
    values = rates(
        320, lr_scheduler="multi_step", stepsize=[70, 140, 210, 310, 410], gamma=0.3, warmup="linear"
    )
    assert values[0] == pytest.approx(0.01)
    assert values[69:71] == pytest.approx([1.0, 0.3])
    assert values[310] == pytest.approx(0.3**4)


def test_single_step_repeats_and_takes_the_last_of_a_list():
    expected = [0.1 ** (epoch // 20) for epoch in range(60)]
    assert rates(60, lr_scheduler="single_step", stepsize=20) == pytest.approx(expected)
    assert rates(60, lr_scheduler="single_step", stepsize=[5, 20]) == pytest.approx(expected)


def test_single_and_multi_step_equal_torchs():
    optimizer = build_optimizer([torch.nn.Parameter(torch.zeros(1))], "sgd", 1.0)
    torchs = torch.optim.lr_scheduler.MultiStepLR(optimizer, [3, 5], 0.5)
    values = []
    for _ in range(8):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        torchs.step()
    assert rates(8, lr_scheduler="multi_step", stepsize=[5, 3], gamma=0.5) == pytest.approx(values)


def test_cosine_ends_at_zero_and_stays():
    values = rates(13, lr_scheduler="cosine", max_epoch=10)
    assert values[:10] == pytest.approx([0.5 * (1 + math.cos(math.pi * e / 10)) for e in range(10)])
    assert values[10:] == pytest.approx([0.0] * 3, abs=1e-12)


def test_warmups():
    assert rates(6, lr_scheduler="constant", warmup="linear", warmup_epochs=4) == pytest.approx(
        [0.01, 0.2575, 0.505, 0.7525, 1, 1]
    )
    exponential = rates(
        6, lr_scheduler="constant", warmup="exponential", warmup_epochs=4, warmup_factor=0.0001
    )
    assert exponential == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1, 1])
    assert rates(3, lr_scheduler="constant", warmup="linear", warmup_epochs=0) == [1, 1, 1]


def test_the_state_resumes():
    optimizer = build_optimizer([torch.nn.Parameter(torch.zeros(1))], "sgd", 1.0)
    scheduler = build_lr_scheduler(optimizer, "multi_step", [2, 4], 0.5)
    for _ in range(3):
        optimizer.step()
        scheduler.step()
    again = build_optimizer([torch.nn.Parameter(torch.zeros(1))], "sgd", 1.0)
    resumed = build_lr_scheduler(again, "multi_step", [2, 4], 0.5)
    again.load_state_dict(optimizer.state_dict())
    resumed.load_state_dict(scheduler.state_dict())
    again.step()
    resumed.step()
    assert again.param_groups[0]["lr"] == pytest.approx(0.25)


def test_errors():
    optimizer = build_optimizer([torch.nn.Parameter(torch.zeros(1))])
    with pytest.raises(UnknownNameError, match="unknown lr_scheduler 'poly'"):
        build_lr_scheduler(optimizer, "poly")
    with pytest.raises(UnknownNameError, match="unknown warmup 'slow'"):
        build_lr_scheduler(optimizer, warmup="slow")
    with pytest.raises(ConfigError, match="list of epochs"):
        build_lr_scheduler(optimizer, "multi_step", 5)
    for options in (
        {"stepsize": 0},
        {"stepsize": []},
        {"max_epoch": 0},
        {"warmup_factor": 0.0},
        {"warmup_epochs": -1},
    ):
        with pytest.raises(ConfigError, match="must be"):
            build_lr_scheduler(optimizer, **options)


PUBLISHED = json.loads(Path(__file__).with_name("published_rates.json").read_text())


@pytest.mark.parametrize(
    ("name", "lr", "options"),
    [
        (
            "transreid_lr_epochs_1_to_120",
            0.008,
            {"lr_scheduler": "cosine_floor", "gamma": 0.002, "max_epoch": 120, "warmup": "linear"}
            | {"warmup_epochs": 5, "warmup_factor": 0.01, "first_epoch": 1},
        ),
        (
            "clipreid_vit_stage1_lr_epochs_1_to_120",
            3.5e-4,
            {"lr_scheduler": "cosine_floor", "gamma": 1e-6 / 3.5e-4, "max_epoch": 120, "warmup": "linear"}
            | {"warmup_epochs": 5, "warmup_factor": 1e-5 / 3.5e-4, "first_epoch": 1},
        ),
        (
            "clipreid_vit_stage2_lr_epochs_1_to_60_step_before_epoch",
            5e-6,
            {"lr_scheduler": "multi_step", "stepsize": [30, 50], "warmup": "linear", "warmup_factor": 0.1}
            | {"first_epoch": 1},
        ),
        (
            "tfclip_lr_epochs_1_to_80_step_after_epoch",
            5e-6,
            {
                "lr_scheduler": "multi_step",
                "stepsize": [30, 50, 70],
                "warmup": "linear",
                "warmup_factor": 0.1,
            },
        ),
    ],
)
def test_published_schedules(name, lr, options):
    assert rates(len(PUBLISHED[name]), lr, **options) == pytest.approx(PUBLISHED[name], rel=1e-6)


def test_the_cosine_keeps_its_floor_after_the_end():
    values = rates(15, lr_scheduler="cosine_floor", gamma=0.25, max_epoch=10)
    assert values[0] == 1.0
    assert values[5] == pytest.approx(0.625)
    assert values[10:] == pytest.approx([0.25] * 5)
    with pytest.raises(ConfigError, match="gamma must be in"):
        rates(1, lr_scheduler="cosine_floor", gamma=2.0)
    with pytest.raises(ConfigError, match="first_epoch 0 or more"):
        rates(1, first_epoch=-1)
