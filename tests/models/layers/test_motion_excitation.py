"""Motion excitation against loops over frames."""

import pytest
import torch

from videoreid.models.layers.motion_excitation import (
    MotionExcitation,
    RangeMotionExcitation,
    frame_difference,
)


@pytest.mark.parametrize("length", [1, 2, 3, 5])
@pytest.mark.parametrize("gap", [1, 2, 3, -1, -2, -3])
def test_difference_by_loops(gap: int, length: int) -> None:
    moved, still = torch.rand(2, length, 3, 2, 2), torch.rand(2, length, 3, 2, 2)
    expected = torch.zeros_like(moved)
    for t in range(length):
        if 0 <= t + gap < length:
            expected[:, t] = moved[:, t + gap] - still[:, t]
    assert torch.equal(frame_difference(moved, still, gap), expected)


def slow_gates(module: MotionExcitation | RangeMotionExcitation, difference: torch.Tensor) -> torch.Tensor:
    return torch.sigmoid(module.expand_bn(module.expand(difference[:, :, None, None]))) - 0.5


@pytest.mark.parametrize("learned", [False, True])
@pytest.mark.parametrize("length", [1, 3, 4])
def test_motion_excitation_by_loops(length: int, learned: bool) -> None:
    torch.manual_seed(0)
    module = MotionExcitation(64, learned_pooling=learned).eval()
    torch.nn.init.uniform_(module.expand_bn.running_mean, -0.1, 0.1)
    maps = torch.randn(2 * length, 64, 3, 2)
    answer = module(maps, length)
    still = module.squeeze_bn(module.squeeze(maps))
    moved = module.shift(still)
    for clip in range(2):
        for t in range(length):
            here = clip * length + t
            difference = moved[here + 1] - still[here] if t + 1 < length else torch.zeros_like(still[here])
            positive = (difference.clamp(min=1e-6) ** 3).mean((1, 2)) ** (1 / 3)
            pooled = positive if learned else difference.mean((1, 2))
            gate = slow_gates(module, pooled[None])[0]
            assert torch.allclose(answer[here], maps[here] * (1 + gate), atol=1e-4)


@pytest.mark.parametrize("length", [2, 5])
def test_range_excitation_by_loops(length: int) -> None:
    torch.manual_seed(0)
    module = RangeMotionExcitation(64).eval()
    torch.nn.init.uniform_(module.expand_bn.running_mean, -0.1, 0.1)
    for i, weight in enumerate(module.weights):
        torch.nn.init.constant_(weight, 0.1 * (i + 1))
    maps = torch.randn(length, 64, 3, 2)
    answer = module(maps, length)
    still = module.squeeze_bn(module.squeeze(maps))
    moved = module.shift(still)
    for t in range(length):
        gate = torch.zeros(64, 1, 1)
        for gap in (1, 2, 3):
            for other in (t + gap, t - gap):
                seen = moved[other] - still[t] if 0 <= other < length else torch.zeros_like(still[t])
                gate = gate + 0.1 * gap * slow_gates(module, seen.mean((1, 2))[None])[0]
        assert torch.allclose(answer[t], maps[t] * (1 + gate), atol=1e-5)


def test_small_networks_keep_one_motion_channel() -> None:
    assert MotionExcitation(16)(torch.rand(4, 16, 2, 2), 2).shape == (4, 16, 2, 2)
