"""TCLNet."""

import pytest
import torch
import torchvision

from tests.models.published import assert_agrees_with_published, assert_trains_as_published
from videoreid.errors import ConfigError
from videoreid.models import build_model, load_weights

SMALL = {"backbone": "resnet18", "height": 64, "width": 32}


def test_answers_as_published() -> None:
    assert_agrees_with_published("tclnet", "tclnet", num_classes=625, method="raw_features")


@pytest.mark.slow
def test_trains_as_published() -> None:
    assert_trains_as_published("tclnet", "tclnet")


def test_published_parameter_count() -> None:
    with torch.device("meta"):
        model = build_model("tclnet", num_classes=625)
    assert sum(p.numel() for p in model.parameters()) == 33_952_546


def test_the_embedding_is_both_vectors_of_length_one() -> None:
    model = build_model("tclnet", 5, clip_length=6, **SMALL).eval()
    frames = torch.rand(2, 6, 3, 64, 32)
    with torch.inference_mode():
        halves = model(frames).unflatten(1, (2, -1))
        raw = model.raw_features(frames).unflatten(1, (2, -1))
        expected = torch.stack([neck(raw[:, i]) for i, neck in enumerate(model.necks)], 1)
    assert torch.allclose(halves.norm(dim=2), torch.ones(2, 2))
    assert torch.allclose(halves, torch.nn.functional.normalize(expected, dim=2), atol=1e-5)


def test_both_branches_start_from_the_last_block_of_an_image_network() -> None:
    published = torchvision.models.resnet18(weights=None)
    model = build_model("tclnet", 5, **SMALL)
    report = load_weights(model, published.state_dict())
    assert not report.unexpected
    assert not report.mismatched
    for branch in model.branches:
        assert torch.equal(branch.conv1.weight[:, :, 0], published.layer4[1].conv1.weight)


def test_mistakes_are_explained() -> None:
    with pytest.raises(ConfigError, match="multiple of 2"):
        build_model("tclnet", 5, clip_length=3)
    with pytest.raises(ConfigError, match="clips of 4 frames"):
        build_model("tclnet", 5, **SMALL)(torch.rand(2, 6, 3, 64, 32))
