"""The salient-to-broad module."""

import pytest
import torch

from tests.models.layers.published_blocks import assert_block_agrees
from videoreid.errors import ConfigError
from videoreid.models.layers.salient_broad import SALIENT_BROAD_KEY_RULES, SalientToBroad


@pytest.mark.parametrize(("record", "split"), [("split0", 0), ("split1", 1), ("split2", 2), ("t8", 1)])
def test_agrees_with_the_published_block(record: str, split: int) -> None:
    assert_block_agrees(f"sbm_{record}", SalientToBroad(64, split), SALIENT_BROAD_KEY_RULES)


def test_groups_of_four_frames_do_not_see_each_other() -> None:
    torch.manual_seed(0)
    module = SalientToBroad(16, 1).eval()
    maps = torch.randn(2, 16, 12, 6, 4)
    apart = torch.cat([module(maps[:, :, start : start + 4]) for start in (0, 4, 8)], 2)
    assert torch.allclose(module(maps), apart, atol=1e-6)


def test_where_nothing_responds_value_and_gradient_are_finite() -> None:
    module = SalientToBroad(16, 0)
    maps = torch.zeros(1, 16, 4, 6, 4, requires_grad=True)
    answer = module(maps)
    answer.sum().backward()
    assert not answer.any()
    assert maps.grad is not None
    assert maps.grad.isfinite().all()


def test_a_sharp_response_has_a_finite_gradient() -> None:
    torch.manual_seed(0)
    module = SalientToBroad(16, 0)
    maps = (100 * torch.randn(2, 16, 4, 6, 4)).requires_grad_()
    weight = module._weight(maps[:, :, 1:], module._kernel_of(maps[:, :, :1].relu()))
    assert weight.max() == 1.0
    assert weight.min() < 0.02
    module(maps).square().mean().backward()
    assert maps.grad is not None
    assert maps.grad.isfinite().all()
    assert all(p.grad is None or p.grad.isfinite().all() for p in module.parameters())


def test_another_length_is_refused() -> None:
    with pytest.raises(ConfigError, match="multiple of 4"):
        SalientToBroad(16, 0)(torch.rand(1, 16, 6, 4, 4))
