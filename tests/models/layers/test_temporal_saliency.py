"""The modules of TCLNet."""

import pytest
import torch

from tests.models.layers.published_blocks import assert_block_agrees
from videoreid.models.layers.temporal_saliency import (
    SALIENCY_BOOST_KEY_RULES,
    SaliencyBoosting,
    SaliencyErasing,
)


def test_boosting_agrees_with_the_published_block() -> None:
    assert_block_agrees("tsb", SaliencyBoosting(64), SALIENCY_BOOST_KEY_RULES)


def test_boosting_of_one_frame_changes_nothing() -> None:
    module = SaliencyBoosting(8)
    torch.nn.init.ones_(module.norm.weight)
    maps = torch.randn(2, 8, 1, 4, 2)
    assert torch.equal(module(maps), maps)


def erased_rows(scores: list[float], channels: int = 4) -> list[int]:
    """Return the rows that are lost where channel 0 alone is correlated with."""
    module = SaliencyErasing(channels, channels).eval()
    torch.nn.init.zeros_(module.reduce.weight)
    module.reduce.weight.data[0, 0] = 1.0
    maps = torch.ones(1, channels, len(scores), 2)
    maps[0, 0] = torch.tensor(scores)[:, None]
    left = module(maps, torch.ones(1, channels))
    return [row for row in range(len(scores)) if not left[0, 1, row].any()]


def test_the_three_rows_with_the_highest_sum_are_erased() -> None:
    assert erased_rows([1, 1, 5, 6, 5, 1, 9, 1]) == [2, 3, 4]
    assert erased_rows([9, 9, -1, 1, 1, 1, 1, 1]) == [0, 1]  # the window hangs over the edge
    assert erased_rows([1, 1, 1, 1, 1, -1, 9, 9]) == [6, 7]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_and_maps_of_few_rows(dtype: torch.dtype) -> None:
    erasing, boosting = SaliencyErasing(4, 6).eval().to(dtype), SaliencyBoosting(4).eval().to(dtype)
    assert erasing(torch.ones(2, 4, 2, 3, dtype=dtype), torch.ones(2, 6, dtype=dtype)).isfinite().all()
    assert boosting(torch.ones(2, 4, 3, 4, 2, dtype=dtype)).isfinite().all()


def test_the_first_frame_loses_nothing() -> None:
    maps = torch.randn(2, 4, 5, 3)
    assert torch.equal(SaliencyErasing(4, 6)(maps), maps)


def test_only_the_residual_gives_the_correlation_a_gradient() -> None:
    torch.manual_seed(0)
    module = SaliencyErasing(4, 6)
    torch.nn.init.ones_(module.norm.weight)
    earlier = torch.randn(3, 6, requires_grad=True)
    module(torch.randn(3, 4, 5, 3), earlier).square().sum().backward()
    assert earlier.grad is None
    assert module.reduce.weight.grad is not None
    assert module.reduce.weight.grad.any()
