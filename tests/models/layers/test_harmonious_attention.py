"""Harmonious attention: where its regions lie."""

import torch

from videoreid.models.layers.harmonious_attention import HardAttention, HarmoniousAttention, crop_region


def test_regions_start_evenly_from_top_to_bottom() -> None:
    centres = HardAttention(6)(torch.rand(2, 6, 8, 4))
    expected = torch.tensor([[0.0, -0.75], [0.0, -0.25], [0.0, 0.25], [0.0, 0.75]]).tanh()
    assert torch.allclose(centres, expected.expand(2, 4, 2))


def test_a_crop_covers_a_quarter_of_the_height() -> None:
    rows = torch.arange(16.0)[None, None, :, None].expand(1, 1, 16, 4)
    crop = crop_region(rows, torch.tensor([[0.0, 0.0]]), (16, 4))
    # sampled at y = 0.25 * ((2 i + 1) / 16 - 1), which is row ((y + 1) * 16 - 1) / 2 of the map
    sampled = [((0.25 * ((2 * i + 1) / 16 - 1) + 1) * 16 - 1) / 2 for i in range(16)]
    assert torch.allclose(crop[0, 0, :, 0], torch.tensor(sampled), atol=1e-4)


def test_a_crop_beyond_the_border_is_dark() -> None:
    crop = crop_region(torch.ones(1, 2, 8, 4), torch.tensor([[0.0, 2.0]]), (3, 3))
    assert crop.shape == (1, 2, 3, 3)
    assert not crop.any()


def test_every_sample_has_its_own_region() -> None:
    rows = torch.arange(16.0)[None, None, :, None].expand(2, 1, 16, 4)
    crops = crop_region(rows, torch.tensor([[0.0, -0.5], [0.0, 0.5]]), (4, 4))
    assert torch.allclose(crops.mean(dim=(1, 2, 3)), torch.tensor([3.5, 11.5]), atol=1e-4)


def test_soft_weights_keep_the_shape() -> None:
    weights, centres = HarmoniousAttention(32)(torch.rand(2, 32, 9, 5))  # odd sizes, too
    assert weights.shape == (2, 32, 9, 5)
    assert ((weights >= 0) & (weights <= 1)).all()
    assert centres.shape == (2, 4, 2)
