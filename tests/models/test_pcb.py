"""PCB's stripes."""

import pytest
import torch
from torch.nn import functional as F

from videoreid.models.pcb import stripe_means


@pytest.mark.parametrize(("height", "parts"), [(16, 4), (16, 6), (2, 4), (3, 3)])
def test_stripes_are_those_of_adaptive_pooling(height: int, parts: int) -> None:
    maps = torch.rand(2, 5, height, 3, generator=torch.Generator().manual_seed(0))
    expected = F.adaptive_avg_pool2d(maps, (parts, 1)).squeeze(3)
    assert torch.allclose(stripe_means(maps, parts), expected)
