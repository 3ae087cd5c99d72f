"""Integration and distribution."""

import pytest
import torch

from tests.models.layers.published_blocks import assert_block_agrees
from videoreid.errors import ConfigError
from videoreid.models.layers.integration_distribution import INTEGRATION_KEY_RULES, IntegrationDistribution


def test_agrees_with_the_published_block() -> None:
    assert_block_agrees("idm", IntegrationDistribution(1024, 128), INTEGRATION_KEY_RULES)


def test_does_nothing_but_the_relu_at_first() -> None:
    maps = torch.randn(2, 32, 2, 4, 2)
    assert torch.equal(IntegrationDistribution(32, 16)(maps), maps.relu())


def test_another_size_is_refused() -> None:
    with pytest.raises(ConfigError, match="built for 16 positions"):
        IntegrationDistribution(32, 16)(torch.rand(1, 32, 4, 4, 2))
    with pytest.raises(ConfigError, match="larger frames"):
        IntegrationDistribution(32, 8)
