"""Statistic attention."""

import torch

from tests.models.layers.published_blocks import assert_block_agrees
from videoreid.models.layers.statistic_attention import STATISTIC_KEY_RULES, StatisticAttention


def test_agrees_with_the_published_block() -> None:
    assert_block_agrees("sa_block", StatisticAttention(64), STATISTIC_KEY_RULES)


def test_a_channel_without_variance_is_no_nan() -> None:
    torch.manual_seed(0)
    module = StatisticAttention(16)
    torch.nn.init.ones_(module.norm.weight)
    maps = torch.ones(2, 16, 2, 3, 2, requires_grad=True)
    answer = module(maps)
    answer.sum().backward()
    assert answer.isfinite().all()
    assert maps.grad is not None
    assert maps.grad.isfinite().all()
