"""torchreid's transforms of images: their order, sizes and probabilities."""

import numpy as np
import pytest
import torch
from PIL import Image

from videoreid.errors import ConfigError
from videoreid.torchreid.data.transforms import (
    ColorAugmentation,
    Random2DTranslation,
    RandomErasing,
    RandomPatch,
    build_transforms,
)

DRAWS = 200


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def ramp(height=48, width=20):
    """An image whose red value names the column and whose green value names the row."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = np.arange(width) * 12
    pixels[..., 1] = np.arange(height)[:, None] * 5
    return Image.fromarray(pixels)


def share(changed):
    """Return how often something happened, in a number of draws whose deviation is below 0.036."""
    return sum(map(bool, changed)) / len(changed)


def test_the_order_of_the_steps():
    words = ["random_erase", "color_jitter", "random_patch", "random_crop", "random_flip"]
    train, test = build_transforms(64, 32, transforms=words)
    assert [type(step).__name__ for step in train.transforms] == [
        "Resize",
        "RandomHorizontalFlip",
        "Random2DTranslation",
        "RandomPatch",
        "ColorJitter",
        "ToTensor",
        "Normalize",
        "RandomErasing",
    ]
    assert [type(step).__name__ for step in test.transforms] == ["Resize", "ToTensor", "Normalize"]
    jitter = train.transforms[4]
    assert (jitter.brightness, jitter.contrast) == ((0.8, 1.2), (0.85, 1.15))
    assert (jitter.saturation, jitter.hue) == (None, None)
    assert train.transforms[1].p == 0.5
    assert train(ramp()).shape == test(ramp()).shape == (3, 64, 32)
    default, _ = build_transforms(64, 32)
    assert [type(step).__name__ for step in default.transforms][1] == "RandomHorizontalFlip"
    assert len(build_transforms(64, 32, transforms=None)[0].transforms) == 3


def test_values_are_normalised():
    grey = Image.new("RGB", (32, 64), (51, 102, 153))
    _, test = build_transforms(64, 32, norm_mean=[0.1, 0.2, 0.3], norm_std=[0.5, 0.5, 0.25])
    assert torch.allclose(test(grey)[:, 0, 0], torch.tensor([0.2, 0.4, 1.2]), atol=1e-6)
    _, usual = build_transforms(64, 32, norm_mean=None, norm_std=None)
    expected = (0.2 - 0.485) / 0.229
    assert float(usual(grey)[0, 5, 5]) == pytest.approx(expected, abs=1e-6)


def test_erasing_writes_the_mean_of_the_normalisation():
    train, _ = build_transforms(64, 32, transforms="random_erase", norm_mean=[0.3, 0.3, 0.3])
    train.transforms[-1].step = RandomErasing(probability=1.0).step
    white = train(Image.new("RGB", (32, 64), (255, 255, 255)))
    assert float(white[0].min()) == pytest.approx(0.3)


def test_translation_enlarges_by_an_eighth_and_crops():
    moved = [Random2DTranslation(64, 32)(ramp()) for _ in range(DRAWS)]
    assert {image.size for image in moved} == {(32, 64)}
    plain = np.asarray(ramp().resize((32, 64), Image.Resampling.BILINEAR))
    assert share([not np.array_equal(np.asarray(image), plain) for image in moved]) == pytest.approx(
        0.5, abs=0.1
    )
    assert np.array_equal(np.asarray(Random2DTranslation(64, 32, p=0.0)(ramp())), plain)
    large = np.asarray(ramp().resize((36, 72), Image.Resampling.BILINEAR))
    places = set()
    for _ in range(DRAWS):
        image = np.asarray(Random2DTranslation(64, 32, p=1.0)(ramp()))
        found = [
            (top, left)
            for top in range(9)
            for left in range(5)
            if np.array_equal(large[top : top + 64, left : left + 32], image)
        ]
        places.update(found)
        assert found
    assert {top for top, _ in places} == set(range(9))
    assert {left for _, left in places} == set(range(5))


def test_erasing():
    image = torch.ones(3, 40, 20)
    step = RandomErasing(mean=(0.1, 0.2, 0.3))
    erased = [step(image) for _ in range(DRAWS)]
    masks = [(one != 1).all(0) for one in erased]
    assert share([mask.any() for mask in masks]) == pytest.approx(0.5, abs=0.12)
    assert torch.equal(image, torch.ones(3, 40, 20)), "the input stays as it is"
    for one, mask in zip(erased, masks, strict=True):
        if not mask.any():
            continue
        rows, columns = mask.any(1).nonzero(), mask.any(0).nonzero()
        tall, wide = int(rows.max() - rows.min() + 1), int(columns.max() - columns.min() + 1)
        assert mask.sum() == tall * wide, "one rectangle"
        assert 0.01 < tall * wide / 800 < 0.45
        assert torch.equal(one[:, mask].unique(dim=1), torch.tensor([[0.1], [0.2], [0.3]]))


def test_colours_move_along_their_principal_components():
    image = torch.rand(3, 8, 4)
    shifts = torch.stack([(ColorAugmentation(p=1.0)(image) - image) for _ in range(DRAWS)])
    assert torch.allclose(shifts, shifts[:, :, :1, :1].expand_as(shifts), atol=1e-6), (
        "one shift for all pixels"
    )
    vectors = shifts[:, :, 0, 0].double()
    expected = torch.tensor([-0.5675, -0.5808, -0.5836], dtype=torch.float64)
    main = torch.linalg.svd(vectors).Vh[0]
    assert abs(float(main @ expected)) == pytest.approx(1.0, abs=0.01)
    assert float((vectors @ expected).std()) == pytest.approx(0.1 * 0.2175, rel=0.15)
    unchanged = [torch.equal(ColorAugmentation()(image), image) for _ in range(DRAWS)]
    assert share(unchanged) == pytest.approx(0.5, abs=0.12)


def test_patches_come_from_earlier_images():
    step = RandomPatch(min_sample_size=10, prob_rotate=0.0, prob_flip_leftright=0.0)
    red, blue = Image.new("RGB", (20, 48), (255, 0, 0)), Image.new("RGB", (20, 48), (0, 0, 255))
    for count in range(1, 10):
        assert np.array_equal(np.asarray(step(red)), np.asarray(red))
        assert len(step.patchpool) == count
    step.patchpool.append(red.crop((0, 0, 5, 5)))
    pool, results = list(step.patchpool), []
    for _ in range(DRAWS):
        step.patchpool.clear()
        step.patchpool.extend(pool)
        results.append(np.asarray(step(blue)))
    assert np.array_equal(np.asarray(blue), np.full((48, 20, 3), (0, 0, 255))), "the input stays as it is"
    pasted = [(image[..., 0] == 255) for image in results if image.shape == (48, 20, 3)]
    assert len(pasted) == DRAWS
    # one patch in eleven is of the image itself
    assert share([mask.any() for mask in pasted]) == pytest.approx(0.5 * 10 / 11, abs=0.12)
    for mask in pasted:
        if mask.any():
            tall, wide = mask.any(1).sum(), mask.any(0).sum()
            assert mask.sum() == tall * wide
            assert tall * wide <= 0.55 * 48 * 20


def test_the_pool_has_a_capacity_and_draws_follow_torchs_generator():
    def run(seed):
        torch.manual_seed(seed)
        step = RandomPatch(pool_capacity=5, min_sample_size=2)
        images = [np.asarray(step(Image.fromarray(np.asarray(ramp()) + number))) for number in range(20)]
        assert len(step.patchpool) == 5
        return np.stack(images)

    assert np.array_equal(run(3), run(3))
    assert not np.array_equal(run(3), run(4))


def test_an_unknown_word_is_refused():
    with pytest.raises(ConfigError, match=r"unknown transforms 'random_flop'; choose from random_flip"):
        build_transforms(64, 32, transforms=["random_flop"])
