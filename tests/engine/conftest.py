"""A tiny learnable world: each identity has its own colour; no images are read."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def world():
    import small_world

    return small_world
