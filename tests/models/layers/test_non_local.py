"""The non-local block."""

import torch

from tests.models.layers.published_blocks import assert_block_agrees
from videoreid.models.layers.non_local import NON_LOCAL_KEY_RULES, NonLocalBlock


def test_agrees_with_the_published_block() -> None:
    assert_block_agrees("nonlocal3d", NonLocalBlock(64), NON_LOCAL_KEY_RULES)


def test_does_nothing_at_first() -> None:
    maps = torch.randn(2, 16, 3, 4, 2)
    assert torch.equal(NonLocalBlock(16)(maps), maps)
