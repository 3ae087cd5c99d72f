import pytest

from tests.engine import small_world


@pytest.fixture
def world():
    """A small learnable dataset: each identity has its own colour; no images are read."""
    return small_world
