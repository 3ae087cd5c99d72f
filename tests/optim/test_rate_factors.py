"""Learning rates by name and by depth."""

import pytest
import torch
from torch import nn

from videoreid.errors import ConfigError
from videoreid.models import build_model
from videoreid.optim import build_optimizer, depth_factors, name_factors


class Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.positions = nn.Parameter(torch.zeros(1, 3))
        self.patches = nn.Linear(2, 3)
        self.blocks = nn.ModuleList(nn.Linear(3, 3) for _ in range(12))
        self.norm = nn.LayerNorm(3)
        self.classifiers = nn.ModuleList(nn.Linear(3, 5) for _ in range(2))


def rates(model: nn.Module, **options: object) -> dict[str, float]:
    optimizer = build_optimizer(model, lr=1.0, **options)  # type: ignore[arg-type]
    of = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    assert len(of) == len(list(model.parameters())), "every parameter is trained once"
    return {name: of[id(p)] for name, p in model.named_parameters()}


def test_the_first_expression_counts() -> None:
    found = rates(Transformer(), multipliers={r"^classifiers": 10.0, r"bias$": 2.0})
    assert found["classifiers.0.bias"] == 10.0
    assert found["patches.bias"] == 2.0
    assert found["patches.weight"] == 1.0


def test_depth_of_a_transformer() -> None:
    found = rates(Transformer(), layer_decay=0.5)
    assert found["positions"] == found["patches.weight"] == pytest.approx(0.5**13)
    assert found["blocks.0.weight"] == pytest.approx(0.5**12)
    assert found["blocks.11.bias"] == 0.5
    assert found["norm.weight"] == found["classifiers.0.weight"] == found["classifiers.1.bias"] == 1.0


def test_depth_of_a_resnet() -> None:
    found = rates(build_model("ap3d_resnet50", 5, backbone="resnet18"), layer_decay=0.9)
    assert found["backbone.conv1.weight"] == found["backbone.bn1.bias"] == pytest.approx(0.9**9)
    assert found["backbone.layer1.0.conv1.weight"] == pytest.approx(0.9**8)
    assert found["backbone.layer4.1.bn2.weight"] == pytest.approx(0.9)
    assert found["neck.weight"] == found["classifier.bias"] == 1.0


def test_both_multiply_and_keep_norms_without_decay() -> None:
    model = Transformer()
    found = rates(model, layer_decay=0.5, multipliers={r"blocks\.11\.bias": 4.0}, decay_norms=False)
    assert found["blocks.11.bias"] == 2.0
    optimizer = build_optimizer(model, weight_decay=0.1, layer_decay=0.5, decay_norms=False)
    for group in optimizer.param_groups:
        assert {p.ndim > 1 for p in group["params"]} == {group["weight_decay"] > 0}


def test_staged_rates_are_multiplied() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    found = rates(model, staged_lr=True, new_layers="1", base_lr_mult=0.1, multipliers={r"bias$": 2.0})
    assert list(found.values()) == pytest.approx([0.1, 0.2, 1.0, 2.0])


def test_a_parallel_wrapper_is_looked_through() -> None:
    model = Transformer()
    assert depth_factors(nn.DataParallel(model), 0.5) == depth_factors(model, 0.5)
    assert name_factors(nn.DataParallel(model), {"^norm": 3.0}) == name_factors(model, {"^norm": 3.0})


def test_mistakes_are_explained() -> None:
    model = Transformer()
    with pytest.raises(ConfigError, match=r"'SAT' matches no parameter; the first names are positions"):
        build_optimizer(model, multipliers={"SAT": 10.0})
    with pytest.raises(ConfigError, match="not a regular expression"):
        build_optimizer(model, multipliers={"(": 10.0})
    with pytest.raises(ConfigError, match="0 or more"):
        build_optimizer(model, multipliers={"norm": -1.0})
    with pytest.raises(ConfigError, match=r"in \(0, 1\]"):
        build_optimizer(model, layer_decay=1.5)
    with pytest.raises(ConfigError, match="multipliers needs the model itself"):
        build_optimizer(model.parameters(), multipliers={"norm": 2.0})
