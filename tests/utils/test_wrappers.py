"""Wrappers are looked through, networks are not."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from videoreid.utils.wrappers import plain_state_dict, unwrap_model, without_wrapper_names


def compiled(model: nn.Module) -> nn.Module:
    wrapped: nn.Module = torch.compile(model, backend="eager")  # type: ignore[assignment]
    return wrapped


class Fabric(nn.Module):
    """Holds what runs (itself a wrapper) and the original side by side, as Fabric does."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.forward_module = nn.DataParallel(model)
        self.original = model

    @property
    def module(self) -> nn.Module:
        return self.original


NESTINGS: list[tuple[Callable[[nn.Module], nn.Module], ...]] = [
    (),
    (nn.DataParallel,),
    (compiled,),
    (AveragedModel,),
    (Fabric,),
    (compiled, nn.DataParallel),
    (nn.DataParallel, compiled),
    (AveragedModel, compiled, nn.DataParallel),
    (nn.DataParallel, Fabric),
]


@pytest.mark.parametrize(
    "nesting", NESTINGS, ids=lambda nesting: " of ".join(w.__name__ for w in nesting) or "plain"
)
def test_any_nesting_comes_off(nesting: tuple[Callable[[nn.Module], nn.Module], ...]) -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    wrapped: nn.Module = model
    for wrap in reversed(nesting):
        wrapped = wrap(wrapped)
    inner = unwrap_model(wrapped)
    if AveragedModel not in nesting:  # an average is a copy
        assert inner is model
    assert type(inner) is nn.Sequential
    plain, expected = plain_state_dict(wrapped), model.state_dict()
    assert list(plain) == list(expected)
    assert all(torch.equal(plain[name], value) for name, value in expected.items())


class Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.module = nn.Linear(2, 2)
        self.head = nn.Linear(2, 2)


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.module = nn.Linear(2, 2)
        self.scale = nn.Parameter(torch.ones(1))


@pytest.mark.parametrize("network", [Pair(), Scaled(), nn.Linear(1, 1), nn.Sequential()])
def test_a_network_with_parts_of_its_own_is_no_wrapper(network: nn.Module) -> None:
    assert unwrap_model(network) is network


def test_names_inside_come_off_and_metadata_with_them() -> None:
    model = nn.Sequential(compiled(nn.Linear(2, 3)), nn.Linear(3, 1))
    assert "0._orig_mod.weight" in model.state_dict()
    plain = without_wrapper_names(model.state_dict())
    assert list(plain) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert set(plain._metadata) == {"", "0", "1"}  # type: ignore[attr-defined]
