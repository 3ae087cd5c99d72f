"""Edge targets."""

import numpy as np
import pytest
import torch

from videoreid.errors import ConfigError
from videoreid.parsing import edge_targets


def oracle(labels: np.ndarray, width: int) -> np.ndarray:
    """Mark pair by pair, then widen pixel by pixel."""
    height, breadth = labels.shape
    marks = np.zeros((height, breadth), bool)
    for y in range(height):
        for x in range(breadth):
            # the other pixel, and which of the two is marked
            for dy, dx, place in ((-1, 0, (y, x)), (0, 1, (y, x)), (1, 1, (y, x)), (1, -1, (y, x))):
                other = (y + dy, x + dx)
                if not (0 <= other[0] < height and 0 <= other[1] < breadth):
                    continue
                pair = {int(labels[y, x]), int(labels[other])}
                if len(pair) == 2 and 255 not in pair:
                    marks[place] = True
    reach = width // 2
    wide = np.zeros_like(marks)
    for y, x in np.argwhere(marks):
        wide[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1] = True
    return wide


def test_as_recorded(recorded: dict[str, torch.Tensor]) -> None:
    assert torch.equal(edge_targets(recorded["labels"]), recorded["edges"].long())


@pytest.mark.parametrize("width", [1, 3, 5])
def test_as_marked_pair_by_pair(width: int) -> None:
    labels = np.random.default_rng(0).choice([0, 1, 2, 255], size=(3, 13, 9)).repeat(2, 1).repeat(2, 2)
    expected = np.stack([oracle(image, width) for image in labels])
    assert np.array_equal(edge_targets(torch.from_numpy(labels), width).numpy(), expected)


def test_each_neighbour_marks_its_side() -> None:
    labels = torch.zeros(1, 5, 5, dtype=torch.uint8)
    labels[0, 2, 2] = 1
    # above: the pixel itself is the lower one; left and right: the left one; diagonals: the upper ones
    expected = [(1, 1), (1, 3), (2, 1), (2, 2), (3, 2)]
    assert [tuple(place) for place in edge_targets(labels, 1)[0].nonzero().tolist()] == expected


def test_no_edge_towards_ignored_pixels() -> None:
    labels = torch.zeros(1, 6, 6, dtype=torch.int64)
    labels[:, :, 3:] = 255
    assert edge_targets(labels).sum() == 0


def test_wrong_input() -> None:
    with pytest.raises(ConfigError, match=r"\(B, H, W\)"):
        edge_targets(torch.zeros(4, 4, dtype=torch.uint8))
    with pytest.raises(ConfigError, match="odd"):
        edge_targets(torch.zeros(1, 4, 4, dtype=torch.uint8), width=2)
