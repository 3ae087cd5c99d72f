"""Gradient checkpointing: the same step, running statistics included."""

import copy

import torch
from torch import nn

from videoreid.models.layers.recomputed import recomputed


def block() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv3d(3, 4, 1), nn.BatchNorm3d(4), nn.ReLU())


def test_gradients_and_statistics_are_those_of_the_plain_run() -> None:
    maps = torch.randn(2, 3, 2, 4, 4)
    plain, cheap = block(), block()
    plain(maps).square().sum().backward()
    recomputed(cheap, maps).square().sum().backward()
    for (name, expected), (_, found) in zip(plain.named_parameters(), cheap.named_parameters(), strict=True):
        assert torch.equal(expected.grad, found.grad), name
    for (name, expected), (_, found) in zip(
        plain.state_dict().items(), cheap.state_dict().items(), strict=True
    ):
        assert torch.equal(expected, found), name
    assert cheap[1].momentum == 0.1


def test_the_activations_are_not_kept() -> None:
    kept: list[int] = []
    cheap = block()
    maps = torch.randn(2, 3, 2, 4, 4, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x.numel()) or x, lambda x: x):  # type: ignore[func-returns-value]
        copy.deepcopy(cheap)(maps)
        plain = sum(kept)
        kept.clear()
        recomputed(cheap, maps)
    assert sum(kept) < plain / 2


def test_without_gradient_the_block_runs() -> None:
    module = block().eval()
    maps = torch.randn(2, 3, 2, 4, 4)
    with torch.no_grad():
        assert torch.equal(recomputed(module, maps), module(maps))
