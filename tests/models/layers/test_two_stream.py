"""The modules of BiCnet-TKS."""

import pytest
import torch

from tests.models.layers.published_blocks import assert_block_agrees
from videoreid.models.layers.two_stream import (
    DIVERGED_ATTENTION_KEY_RULES,
    KERNEL_SELECTION_KEY_RULES,
    DivergedAttention,
    KernelSelection,
    _cells,
    by_kind,
    in_time_order,
)


def test_kernel_selection_agrees_with_the_published_block() -> None:
    assert_block_agrees("tks", KernelSelection(64), KERNEL_SELECTION_KEY_RULES)


def test_diverged_attention_agrees_with_the_published_block() -> None:
    assert_block_agrees("dao", DivergedAttention(64), DIVERGED_ATTENTION_KEY_RULES)


@pytest.mark.parametrize("size", [(16, 8), (4, 2), (12, 6), (2, 1)])
def test_cells_are_those_of_adaptive_pooling(size: tuple[int, int]) -> None:
    maps = torch.randn(2, 3, 2, *size)
    expected = torch.nn.functional.adaptive_avg_pool3d(maps, (2, 8, 4))
    assert torch.allclose(_cells(maps, 8, 4), expected, atol=1e-6)


def test_frames_are_sorted_and_parted() -> None:
    maps = torch.arange(8.0).view(1, 1, 8, 1, 1)
    detail, context = by_kind(maps)
    assert detail.flatten().tolist() == [0, 4]
    assert context.flatten().tolist() == [1, 2, 3, 5, 6, 7]
    assert torch.equal(in_time_order(detail, context), maps)


def test_both_modules_do_nothing_at_first() -> None:
    detail, context = torch.randn(2, 16, 1, 8, 4), torch.randn(2, 16, 3, 4, 2)
    for answer in (KernelSelection(16)(detail, context), DivergedAttention(16)(detail, context)):
        assert torch.equal(answer[0], detail)
        assert torch.equal(answer[1], context)


def test_attention_sums_to_one_over_strips() -> None:
    masks = DivergedAttention(16)(torch.randn(2, 16, 2, 16, 4), torch.randn(2, 16, 6, 8, 2))[2]
    assert masks.shape == (2, 2, 3, 8)
    assert torch.allclose(masks.sum(3), torch.ones(2, 2, 3))
