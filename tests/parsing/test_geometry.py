"""Pictures into the size of a network, and labels back."""

import numpy as np
import pytest

from videoreid.errors import ConfigError
from videoreid.parsing.geometry import fit_matrix, unwarp_labels, warp_image, warp_labels


def blocks(height: int = 30, width: int = 10) -> np.ndarray:
    return (
        np.random.default_rng(0)
        .integers(0, 20, (height // 5, width // 5))
        .astype(np.uint8)
        .repeat(5, 0)
        .repeat(5, 1)
    )


def test_the_same_size_is_left_as_it_is() -> None:
    labels = blocks()
    image = np.random.default_rng(0).integers(0, 256, (30, 10, 3)).astype(np.uint8)
    matrix = fit_matrix((30, 10), (30, 10))
    assert np.array_equal(warp_labels(labels, matrix, (30, 10)), labels)
    assert np.array_equal(warp_image(image, matrix, (30, 10)), image)


def test_padding_keeps_the_aspect_and_is_ignored() -> None:
    labels = np.ones((30, 10), np.uint8)
    warped = warp_labels(labels, fit_matrix((30, 10), (60, 60)), (60, 60))
    assert (warped[:, 20:40] == 1).all()  # twice as large, in the middle
    assert (warped[:, :20] == 255).all()
    assert (warped[:, 40:] == 255).all()
    stretched = warp_labels(labels, fit_matrix((30, 10), (60, 60), fit="stretch"), (60, 60))
    assert (stretched == 1).all()


@pytest.mark.parametrize("fit", ["pad", "stretch"])
@pytest.mark.parametrize("size", [(60, 60), (90, 20)])
def test_labels_come_back(fit: str, size: tuple[int, int]) -> None:
    labels = blocks()
    matrix = fit_matrix((30, 10), size, fit=fit)  # type: ignore[arg-type]
    back = unwarp_labels(warp_labels(labels, matrix, size), matrix, (30, 10))
    assert np.array_equal(back, labels)


def test_what_was_not_shown_becomes_background() -> None:
    matrix = fit_matrix((30, 10), (30, 10), scale=0.5)  # twice as large: only the middle is shown
    back = unwarp_labels(np.full((30, 10), 3, np.uint8), matrix, (30, 10))
    assert (back[10:20, 3:7] == 3).all()
    assert (back[:5] == 0).all()


def test_a_quarter_turn() -> None:
    labels = np.zeros((11, 11), np.uint8)
    labels[5, 9] = 1  # right of the middle
    turned = warp_labels(labels, fit_matrix((11, 11), (11, 11), rotation=90), (11, 11))
    assert np.argwhere(turned == 1).tolist() == [[1, 5]]  # above it: counter-clockwise


def test_wrong_fit() -> None:
    with pytest.raises(ConfigError, match="'pad' or 'stretch'"):
        fit_matrix((3, 3), (3, 3), fit="crop")  # type: ignore[arg-type]
