"""Image networks against the recorded answers of the published ones."""

import pytest

from tests.models.published import assert_agrees_with_published

FAST = ["osnet_x0_25", "osnet_ibn_x1_0", "osnet_ain_x1_0", "resnet50_ibn_a", "hacnn", "mlfn", "pcb_p6"]
SLOW = ["osnet_x1_0", "resnet50", "resnet101", "resnet50_fc512", "resnet50mid", "mudeep", "pcb_p4"]


@pytest.mark.parametrize("name", [*FAST, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_agrees(name: str) -> None:
    assert_agrees_with_published(name, name, num_classes=625)
