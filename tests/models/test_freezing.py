"""What the user froze stays frozen, whatever is opened and closed around it."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn

from videoreid.engine import Engine, TrainSettings, open_all_layers, open_specified_layers
from videoreid.errors import ConfigError
from videoreid.losses import SoftmaxCriterion
from videoreid.models import build_model
from videoreid.models.freezing import train_mode
from videoreid.optim import build_optimizer
from videoreid.types import Clip


class Toy(nn.Module):
    """A foreign network: it knows nothing of freezing."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
        self.head = nn.Linear(2, 2)
        self.scale = nn.Parameter(torch.ones(1))


def trained(model: nn.Module) -> set[str]:
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


def in_eval(model: nn.Module) -> set[str]:
    return {name for name, module in model.named_modules() if not module.training}


def by_hand(model: nn.Module, name: str) -> None:
    module = model.get_submodule(name)
    module.eval()
    for parameter in module.parameters():
        parameter.requires_grad = False


def test_open_and_close_without_anything_frozen() -> None:
    model = Toy().eval()
    everything = trained(model)
    open_specified_layers(model, "head")
    assert trained(model) == {"head.weight", "head.bias"}
    assert in_eval(model) == {"trunk", "trunk.0", "trunk.1"}
    open_specified_layers(model, ["trunk"])
    assert trained(model) == {name for name in everything if name.startswith("trunk")}
    assert in_eval(model) == {"head"}
    open_all_layers(model)
    assert trained(model) == everything
    assert in_eval(model) == set()


@pytest.mark.parametrize("opened", [["head"], ["trunk", "head"], ["trunk"]])
@pytest.mark.parametrize("whole_in_eval", [False, True])
def test_layers_frozen_by_hand_stay_frozen(opened: list[str], whole_in_eval: bool) -> None:
    model = Toy()
    by_hand(model, "trunk.1")
    model.train(not whole_in_eval)
    model.trunk[1].eval()
    before = trained(model)
    for _ in range(2):
        open_specified_layers(model, opened)
        assert not trained(model) & {"trunk.1.weight", "trunk.1.bias"}
        assert "trunk.1" in in_eval(model)
    for _ in range(2):
        open_all_layers(model)
        assert trained(model) == before
        assert in_eval(model) == {"trunk.1"}
    model.eval()  # what a validation by hand leaves
    open_all_layers(model)
    assert in_eval(model) == {"trunk.1"}


def test_fixed_weights_whose_statistics_move_go_on_moving() -> None:
    model = Toy()
    by_hand(model, "trunk.1")
    model.trunk[1].train()
    open_specified_layers(model, "head")
    open_all_layers(model)
    assert in_eval(model) == set()
    model.eval()
    train_mode(model)
    assert in_eval(model) == set(), "it was in train mode when it could be seen"
    assert not trained(model) & {"trunk.1.weight"}


def test_what_is_unfrozen_by_hand_wakes_up() -> None:
    model = Toy()
    by_hand(model, "trunk")
    open_all_layers(model)
    assert in_eval(model) == {"trunk", "trunk.0", "trunk.1"}
    for parameter in model.trunk.parameters():
        parameter.requires_grad = True
    open_all_layers(model)
    assert in_eval(model) == set()


def test_nothing_to_train_is_refused() -> None:
    model = Toy()
    by_hand(model, "head")
    with pytest.raises(ConfigError, match="nothing would train: all of head is frozen"):
        open_specified_layers(model, "head")
    with pytest.raises(ConfigError, match="has no layer tail; it has: trunk, head"):
        open_specified_layers(model, "tail")


WRAPPERS: dict[str, Callable[[nn.Module], nn.Module]] = {
    "plain": lambda model: model,
    "parallel": nn.DataParallel,
    "compiled": lambda model: torch.compile(model, backend="eager"),  # type: ignore[return-value]
}


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_frozen_stages_of_a_network(wrap: Callable[[nn.Module], nn.Module]) -> None:
    inner = build_model("osnet_x0_25", 3, neck=True)
    inner.freeze(["conv1", "conv2.0"])
    before = trained(inner)
    model = wrap(inner)
    open_specified_layers(model, ["conv2", "classifier"])
    assert trained(inner) == {name for name in before if name.startswith(("conv2", "classifier"))}
    assert not inner.conv2[0].training
    assert inner.conv2[1].training
    open_all_layers(copy.deepcopy(model) if model is inner else model)
    open_all_layers(model)
    assert trained(inner) == before
    assert "neck.bias" not in before
    assert {name.split(".")[0] for name in in_eval(inner)} == {"conv1", "conv2"}
    inner.unfreeze()
    open_all_layers(model)
    assert in_eval(inner) == set()


def test_freezing_while_others_rest() -> None:
    model = build_model("osnet_x0_25", 3)
    open_specified_layers(model, "classifier")
    model.freeze(["conv1"])
    open_all_layers(model)
    assert not trained(model) & {name for name, _ in model.named_parameters() if name.startswith("conv1")}
    assert not model.conv1.training


def test_weights_and_statistics_of_a_frozen_stage_through_a_run() -> None:
    torch.manual_seed(0)
    model = build_model("osnet_x0_25", 4)
    model.freeze(["conv1"])
    pids = torch.arange(8) % 4
    frames = torch.randint(0, 256, (8, 1, 3, 32, 16), dtype=torch.uint8)
    batches = [Clip(frames, pids, pids, pids.double(), torch.arange(8))]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    settings = TrainSettings(fixbase_epochs=1, open_layers=("classifier",))
    engine = Engine(model, SoftmaxCriterion(), build_optimizer(model), settings=settings, device="cpu")
    engine.fit(batches, 3, progress=False)
    moved = {
        name.split(".")[0]
        for name, value in model.state_dict().items()
        if not torch.equal(value, before[name])
    }
    assert moved == {"conv2", "conv3", "conv4", "conv5", "fc", "classifier"}
