"""Convolutions over time against the recorded figures of the published ones, and what they are at the start."""

import pytest
import torch
from torch import nn

from tests.models.layers.published_blocks import assert_block_agrees
from videoreid.errors import ConfigError
from videoreid.models.layers.appearance_preserving import AppearancePreserving
from videoreid.models.layers.temporal_convs import TEMPORAL_CONV_KEY_RULES, check_kind, temporal_conv

KINDS = ["i3d", "p3da", "p3db", "p3dc", "api3d", "app3da", "app3db", "app3dc"]


def spatial() -> nn.Conv3d:
    return nn.Conv3d(64, 64, (1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1), bias=False)


@pytest.mark.parametrize("kind", KINDS)
def test_agrees_with_the_published_block(kind: str) -> None:
    assert_block_agrees(f"block_{kind}", temporal_conv(kind, spatial()), TEMPORAL_CONV_KEY_RULES)


def test_frames_by_themselves() -> None:
    conv = spatial()
    assert temporal_conv("c2d", conv) is conv
    assert_block_agrees("block_c2d", conv, [("conv3d.", "")])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", [1, 2, 5])
def test_starts_as_the_image_convolution(kind: str, length: int) -> None:
    torch.manual_seed(0)
    conv = spatial()
    maps = torch.randn(2, 64, length, 8, 4)
    expected = conv(maps)
    assert torch.allclose(temporal_conv(kind, conv)(maps), expected, atol=1e-5)


@pytest.mark.parametrize("length", [1, 2, 4])
def test_triples_by_loops(length: int) -> None:
    torch.manual_seed(0)
    module = AppearancePreserving(32)
    maps = torch.randn(2, 32, length, 3, 2)
    answer = module(maps)
    assert answer.shape == (2, 32, 3 * length, 3, 2)
    similar = nn.functional.normalize(module.semantic(maps), dim=1)
    for clip in range(2):
        for t in range(length):
            assert torch.equal(answer[clip, :, 3 * t + 1], maps[clip, :, t])
            for slot, other in ((0, t - 1), (2, t + 1)):
                seen = answer[clip, :, 3 * t + slot]
                if not 0 <= other < length:
                    assert not seen.any()
                    continue
                affinity = 4 * similar[clip, :, t].flatten(1).T @ similar[clip, :, other].flatten(1)
                registered = (affinity.softmax(1) @ maps[clip, :, other].flatten(1).T).T.view(32, 3, 2)
                product = module.central(maps[clip, :, t : t + 1]) * module.neighbour(registered[:, None])
                gate = torch.sigmoid(module.gate(product))[:, 0]
                assert torch.allclose(seen, registered * gate, atol=1e-5)


def test_the_gate_trains_only_its_own_maps() -> None:
    torch.manual_seed(0)
    module = AppearancePreserving(32)
    maps = torch.randn(1, 32, 3, 3, 2, requires_grad=True)
    module._agreement(maps, maps).sum().backward()
    assert maps.grad is None
    assert module.semantic.weight.grad is None
    assert all(conv.weight.grad.any() for conv in (module.central, module.neighbour, module.gate))


def test_without_the_gate() -> None:
    assert_block_agrees(
        "apm_no_contrast", AppearancePreserving(64, gated=False), [("semantic_mapping.", "semantic.")]
    )
    rules = [
        (theirs.removeprefix("APM."), mine.removeprefix("apm.")) for theirs, mine in TEMPORAL_CONV_KEY_RULES
    ]
    assert_block_agrees("apm", AppearancePreserving(64), rules)


def test_unknown_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match="app3dc"):
        check_kind("p4d")
