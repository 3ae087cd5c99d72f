import pytest
import torch
from torch import nn

from videoreid.errors import ConfigError, UnknownNameError
from videoreid.optim import OPTIMIZERS, build_optimizer


def network():
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimiser_lowers_a_loss_and_takes_torchreids_keywords(name):
    torch.manual_seed(0)
    model = network()
    optimizer = build_optimizer(
        model, optim=name, lr=0.01, weight_decay=5e-4, momentum=0.8, sgd_dampening=0, sgd_nesterov=True,
        rmsprop_alpha=0.9, adam_beta1=0.8, adam_beta2=0.95, staged_lr=False, new_layers="", base_lr_mult=0.1,
    )  # fmt: skip
    x, y = torch.randn(16, 3), torch.randint(2, (16,))
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    assert losses[-1] < losses[0]
    group = optimizer.param_groups[0]
    expected = {
        "adam": ("betas", (0.8, 0.95)), "adamw": ("betas", (0.8, 0.95)), "amsgrad": ("amsgrad", True),
        "radam": ("betas", (0.8, 0.95)), "rmsprop": ("alpha", 0.9), "sgd": ("nesterov", True),
    }  # fmt: skip
    key, value = expected[name]
    assert group[key] == value
    assert group.get("momentum", 0.8) == 0.8


def test_sgd_has_momentum_by_default_and_native_options_pass():
    assert build_optimizer(network(), "sgd").param_groups[0]["momentum"] == 0.9
    assert build_optimizer(network(), "sgd", momentum=0.0).param_groups[0]["momentum"] == 0.0
    assert build_optimizer(network(), "adam", betas=(0.5, 0.9)).param_groups[0]["betas"] == (0.5, 0.9)
    assert build_optimizer(network(), "adam").param_groups[0]["betas"] == (0.9, 0.999)


@pytest.mark.parametrize("name", ["adam", "adamw", "amsgrad"])
def test_fused_updates_are_the_default_and_equal_those_one_by_one(name):
    torch.manual_seed(0)
    x, y = torch.randn(16, 3, dtype=torch.float64), torch.randint(2, (16,))
    results = []
    for options in ({}, {"fused": False}):
        torch.manual_seed(
            1
        )  # no batch norm: the bias before one has a gradient of pure rounding, which Adam enlarges
        model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
        optimizer = build_optimizer(model, name, lr=0.05, weight_decay=0.01, **options)
        assert optimizer.param_groups[0]["fused"] is (options == {})
        for _ in range(20):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
        results.append(nn.utils.parameters_to_vector(model.parameters()).detach())
    assert torch.allclose(*results, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("options", [{"foreach": True}, {"capturable": False}, {"fused": False}])
def test_an_implementation_that_is_asked_for_is_taken(options):
    group = build_optimizer(network(), "adam", **options).param_groups[0]
    assert group["fused"] in (None, False)
    assert {name: group[name] for name in options} == options


def test_half_precision_weights_and_other_optimisers_are_not_fused():
    assert build_optimizer(network().half(), "adam").param_groups[0]["fused"] is None
    assert build_optimizer(network(), "sgd").param_groups[0]["fused"] is None


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_a_layer_may_get_its_first_gradient_later_than_others(name):
    model = network()
    optimizer = build_optimizer(model, name, lr=0.05)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    for frozen in (True, False, False):
        model[0].requires_grad_(not frozen)
        optimizer.zero_grad()
        model(torch.randn(4, 3)).square().sum().backward()
        optimizer.step()
    assert not any(torch.equal(a, b) for a, b in zip(model.parameters(), before, strict=True))


def test_staged_rates():
    model = network()
    optimizer = build_optimizer(model, lr=0.1, staged_lr=True, new_layers=["2"], base_lr_mult=0.05)
    old, new = optimizer.param_groups
    assert (old["lr"], new["lr"]) == (pytest.approx(0.005), 0.1)
    assert {id(p) for p in new["params"]} == {id(p) for p in model[2].parameters()}
    assert {id(p) for p in old["params"]} == {id(p) for p in [*model[0].parameters(), *model[1].parameters()]}


def test_staged_rates_look_through_a_parallel_wrapper():
    model = network()
    optimizer = build_optimizer(nn.DataParallel(model), staged_lr=True, new_layers="2")
    assert {id(p) for p in optimizer.param_groups[1]["params"]} == {id(p) for p in model[2].parameters()}


def test_norms_and_biases_without_decay():
    model = network()
    optimizer = build_optimizer(model, weight_decay=0.1, decay_norms=False)
    decay = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert len(decay) == 6
    for parameter in model.parameters():
        assert decay[id(parameter)] == (0.1 if parameter.ndim > 1 else 0.0)


def test_a_list_of_parameters_will_do():
    assert len(build_optimizer(network().parameters()).param_groups[0]["params"]) == 6


def test_errors():
    with pytest.raises(UnknownNameError, match="unknown optimiser 'adamm'"):
        build_optimizer(network(), "adamm")
    with pytest.raises(ConfigError, match="does not take an option"):
        build_optimizer(network(), "adam", lookahead=3)
    with pytest.raises(ConfigError, match="optimiser 'adam': Invalid learning rate: nan"):
        build_optimizer(network(), "adam", float("nan"))
    with pytest.raises(ConfigError, match="optimiser 'sgd': Invalid weight_decay"):
        build_optimizer(network(), "sgd", weight_decay=-1.0)
    with pytest.raises(ConfigError, match="got none"):
        build_optimizer(network(), staged_lr=True)
    with pytest.raises(ConfigError, match="got fc"):
        build_optimizer(network(), staged_lr=True, new_layers=["fc"])
    with pytest.raises(ConfigError, match="needs the model itself"):
        build_optimizer(network().parameters(), staged_lr=True, new_layers="2")
