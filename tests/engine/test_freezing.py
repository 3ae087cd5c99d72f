"""What the user froze stays frozen while an engine opens and closes layers."""

import pytest
import torch
from torch import nn

from videoreid.engine import Engine, TrainSettings, open_all_layers, open_specified_layers
from videoreid.losses import SoftmaxCriterion
from videoreid.models.base import ReIDModel
from videoreid.optim import build_optimizer
from videoreid.types import ReIDOutput


class Staged(ReIDModel):
    """Two stages with batch norm, each nested once, and a classifier."""

    stages = ("first", "second")

    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8))
        self.second = nn.Sequential(nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8)), nn.Linear(8, 8))
        self.classifier = nn.Linear(8, 6)

    def forward_clips(self, frames):
        embedding = self.second(self.first(frames.mean((1, 3, 4))))
        return ReIDOutput(embedding, (self.classifier(embedding),), (embedding,))


def state_of(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def moved(module, before):
    return {name for name, value in module.state_dict().items() if not torch.equal(value, before[name])}


def train(model, world, epochs=3, **settings):
    engine = Engine(
        model,
        SoftmaxCriterion(),
        build_optimizer(model, "sgd", 0.1),
        settings=TrainSettings(**settings),
        device="cpu",
    )
    engine.fit(world.loader(), epochs, validate=lambda: model.eval() and {"mAP": 0.0}, progress=False)


@pytest.mark.parametrize("open_layers", [("classifier",), ("first", "classifier"), ("second",)])
@pytest.mark.parametrize("name", ["first", "second.0"])
def test_frozen_stages_stay_frozen_through_fixbase(world, name, open_layers):
    model = Staged()
    model.freeze([name])
    frozen = model.get_submodule(name)
    before, others = state_of(frozen), state_of(model)
    train(model, world, fixbase_epochs=1, open_layers=open_layers)
    assert moved(frozen, before) == set()  # weights, statistics, counters
    assert not frozen.training
    assert not any(parameter.requires_grad for parameter in frozen.parameters())
    changed = moved(model, others)
    assert {"classifier.weight", "second.1.weight"} <= changed  # opened after the first epoch
    assert all(p.requires_grad for n, p in model.named_parameters() if not n.startswith(f"{name}."))
    model.unfreeze()
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_parameters_closed_by_hand_stay_closed_through_fixbase(world):
    model = Staged()
    model.second[1].weight.requires_grad = False
    before = state_of(model)
    train(model, world, fixbase_epochs=1, open_layers=("second",))
    unmoved = set(before) - moved(model, before)
    assert "second.1.weight" in unmoved
    assert not model.second[1].weight.requires_grad
    assert "second.1.bias" not in unmoved


@pytest.mark.parametrize("settings", [{}, {"fixbase_epochs": 1, "open_layers": ("classifier",)}])
def test_layers_put_in_eval_mode_by_hand_keep_their_statistics(world, settings):
    model = Staged()
    model.first.eval().requires_grad_(False)
    before = state_of(model.first)
    train(model, world, **settings)
    assert moved(model.first, before) == set()
    model.first.requires_grad_(True)
    train(model.train(), world, epochs=1)
    assert moved(model.first, before) == set(before)


def test_closing_and_opening_leaves_the_choice_of_the_user(world):
    model = Staged()
    model.freeze(["first.1"])
    model.classifier.bias.requires_grad = False
    fixed = {"first.1.weight", "first.1.bias", "classifier.bias"}
    for names in ("first", ["second"], ["classifier", "first"]):
        open_specified_layers(model, names)
        expected = {
            n for n, _ in model.named_parameters() if n.split(".")[0] in names or n.split(".")[0] == names
        }
        assert {n for n, p in model.named_parameters() if p.requires_grad} == expected - fixed
        assert not model.first[1].training
    open_all_layers(model)
    assert {n for n, p in model.named_parameters() if not p.requires_grad} == fixed
    assert [n for n, m in model.named_modules() if not m.training] == ["first.1"]


def test_frozen_while_closed_stays_frozen_and_can_be_opened(world):
    model = Staged()
    open_specified_layers(model, "classifier")
    model.freeze(["first"])
    open_all_layers(model)
    assert not any(parameter.requires_grad for parameter in model.first.parameters())
    assert not model.first.training
    model.unfreeze(["first"])
    assert all(parameter.requires_grad for parameter in model.parameters())
