"""Scales, mirror images and windows."""

import pytest
import torch
from torch import Tensor

from videoreid.errors import ConfigError
from videoreid.parsing import LABEL_TABLES, predict_probabilities, predict_windows


def pointwise(images: Tensor) -> Tensor:
    """Answer each pixel by its own colour, at full size: nothing depends on what is around it."""
    return images


def sided(images: Tensor) -> Tensor:
    """Say "left arm" on the left half and "right arm" on the right half, whatever is shown."""
    logits = torch.zeros(len(images), 7, *images.shape[2:])
    half = images.shape[3] // 2
    logits[:, 3, :, :half] = 9
    logits[:, 4, :, half:] = 9
    return logits


def test_one_scale_is_the_softmax() -> None:
    images = torch.randn(2, 3, 8, 6)
    assert torch.allclose(predict_probabilities(pointwise, images), images.softmax(1))


def test_coarse_logits_are_resized_corner_on_corner() -> None:
    images = torch.randn(1, 3, 9, 5)
    ramp = torch.linspace(0, 8, 5).view(1, 1, 5, 1).expand(1, 1, 5, 3)
    probabilities = predict_probabilities(lambda _: torch.cat([ramp, 0 * ramp], 1), images)
    assert torch.allclose(probabilities[0, 0, :, 0], torch.sigmoid(torch.arange(9.0)))


def test_mean_over_scales() -> None:
    images = torch.randn(1, 3, 8, 8)
    seen = []

    def logits(shown: Tensor) -> Tensor:
        seen.append(tuple(shown.shape[2:]))
        return torch.full((1, 2, 1, 1), 0.0) + torch.tensor([float(len(seen)), 0.0]).view(1, 2, 1, 1)

    probabilities = predict_probabilities(logits, images, scales=(0.5, 1.0, 1.25))
    assert seen == [(4, 4), (8, 8), (10, 10)]
    expected = torch.sigmoid(torch.tensor([1.0, 2.0, 3.0])).mean()
    assert torch.allclose(probabilities[:, 0], expected)
    assert torch.allclose(probabilities.sum(1), torch.ones(1, 8, 8))


def test_the_mirror_image_is_turned_back_and_swapped() -> None:
    table = LABEL_TABLES["seed7"]
    images = torch.randn(1, 3, 4, 8)
    # right by construction: a mirrored picture has its left arm on the right, so sides must be swapped back
    probabilities = predict_probabilities(sided, images, mirror_order=table.mirror_order)
    assert torch.allclose(probabilities, sided(images).softmax(1), atol=1e-6)
    unswapped = predict_probabilities(sided, images, mirror_order=range(7))
    assert unswapped[0, 3, 0, 0] == pytest.approx(unswapped[0, 4, 0, 0].item())


def test_windows_of_a_pointwise_network_are_the_whole() -> None:
    images = torch.randn(2, 3, 21, 17)
    whole = predict_probabilities(pointwise, images)
    for window in ((8, 8), (21, 17), (30, 30), (7, 40)):
        assert torch.allclose(predict_windows(pointwise, images, window), whole, atol=1e-6)


def test_windows_cover_everything_and_average() -> None:
    calls = []

    def logits(shown: Tensor) -> Tensor:
        calls.append(tuple(shown.shape[2:]))
        return torch.full((1, 2, *shown.shape[2:]), float(len(calls)))

    probabilities = predict_windows(logits, torch.zeros(1, 3, 4, 9), (4, 4), overlap=0.5)
    assert calls == [(4, 4)] * 4  # columns 0, 2, 4 and 5
    assert torch.allclose(probabilities, torch.full((1, 2, 4, 9), 0.5))


def test_wrong_input() -> None:
    images = torch.randn(1, 3, 4, 4)
    with pytest.raises(ConfigError, match="positive"):
        predict_probabilities(pointwise, images, scales=())
    with pytest.raises(ConfigError, match="3 classes, the label table 7"):
        predict_probabilities(pointwise, images, mirror_order=LABEL_TABLES["seed7"].mirror_order)
    with pytest.raises(ConfigError, match="overlap"):
        predict_windows(pointwise, images, (2, 2), overlap=1.0)
