"""Joint transforms of picture and labels."""

import numpy as np
import pytest

from videoreid.errors import ConfigError
from videoreid.parsing import LABEL_TABLES, ParsingTransform

TABLE = LABEL_TABLES["lip20"]
SIZE = (40, 20)


def still(**options: float) -> ParsingTransform:
    """Return a transform that does nothing but what is asked for."""
    nothing = {"scale": 0.0, "rotation_probability": 0.0, "mirror_probability": 0.0}
    return ParsingTransform(size=SIZE, **{**nothing, **options})  # type: ignore[arg-type]


def sample() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 20, (8, 4)).astype(np.uint8).repeat(5, 0).repeat(5, 1)
    return np.stack([labels * 10] * 3, axis=-1), labels


def test_nothing_is_changed_where_nothing_is_asked() -> None:
    image, labels = sample()
    new_image, new_labels = still()(image, labels, table=TABLE, generator=np.random.default_rng(0))
    assert np.array_equal(new_image, image)
    assert np.array_equal(new_labels, labels)


def test_a_mirror_swaps_sides() -> None:
    image, labels = sample()
    new_image, new_labels = still(mirror_probability=1.0)(
        image, labels, table=TABLE, generator=np.random.default_rng(0)
    )
    assert np.array_equal(new_image, image[:, ::-1])
    assert np.array_equal(new_labels, TABLE.mirror(labels)[:, ::-1])
    assert {14, 15} <= set(labels.ravel().tolist())


def test_labels_are_never_interpolated_and_borders_are_ignored() -> None:
    labels = np.where(np.arange(20)[None] < 10, 2, 14).repeat(40, 0).astype(np.uint8)
    image = np.full((40, 20, 3), 200, np.uint8)
    transform = ParsingTransform(size=SIZE, rotation_probability=1.0, mirror_probability=0.0)
    for seed in range(20):
        new_image, new_labels = transform(image, labels, table=TABLE, generator=np.random.default_rng(seed))
        assert set(np.unique(new_labels)) <= {2, 14, 255}
        outside = new_labels == 255
        assert (new_image[~outside] >= 100).all()
        assert (new_image[outside] <= 150).all()


def test_picture_and_labels_move_together() -> None:
    labels = np.random.default_rng(0).integers(0, 20, (4, 2)).astype(np.uint8).repeat(20, 0).repeat(20, 1)
    image = np.stack([labels * 10] * 3, axis=-1)
    transform = ParsingTransform(size=(80, 40), rotation_probability=1.0, mirror_probability=0.0)
    for seed in range(10):
        new_image, new_labels = transform(image, labels, table=TABLE, generator=np.random.default_rng(seed))
        around = np.lib.stride_tricks.sliding_window_view(new_labels, (5, 5)).reshape(76, 36, 25)
        inside = (around == around[..., :1]).all(2) & (
            around[..., 0] != 255
        )  # seams blend in the picture alone
        assert inside.sum() > 500
        assert (new_image[2:-2, 2:-2, 0] == new_labels[2:-2, 2:-2] * 10)[inside].all()


def test_scale_is_cut() -> None:
    labels = np.ones(SIZE, np.uint8)
    image = np.zeros((*SIZE, 3), np.uint8)
    shares = []
    for seed in range(200):
        transform = still(scale=5.0)
        _, warped = transform(image, labels, table=TABLE, generator=np.random.default_rng(seed))
        shares.append((warped == 1).mean())
    assert min(shares) == pytest.approx(1 / 1.25**2, abs=0.01)
    assert max(shares) == 1


def test_brightness_changes_the_picture_alone() -> None:
    image, labels = sample()
    new_image, new_labels = still(brightness=0.5)(
        image, labels, table=TABLE, generator=np.random.default_rng(1)
    )
    assert np.array_equal(new_labels, labels)
    factor = new_image[image > 50].astype(float) / image[image > 50]
    assert factor.std() < 0.02
    assert abs(factor.mean() - 1) > 0.05


def test_one_generator_one_result() -> None:
    image, labels = sample()
    transform = ParsingTransform(size=SIZE)
    one, two = (transform(image, labels, table=TABLE, generator=np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(one[0], two[0])
    assert np.array_equal(one[1], two[1])


def test_wrong_input() -> None:
    image, labels = sample()
    with pytest.raises(ConfigError, match="expected one size"):
        still()(image, labels[:-1], table=TABLE, generator=np.random.default_rng(0))
    for options in (
        {"mirror_probability": 2.0},
        {"rotation": -1.0},
        {"scale_range": (0.0, 1.0)},
        {"brightness": 3.0},
    ):
        with pytest.raises(ConfigError):
            ParsingTransform(size=SIZE, **options)  # type: ignore[arg-type]
