"""BiCnet-TKS."""

import pytest
import torch

from tests.models.published import assert_agrees_with_published, assert_trains_as_published
from videoreid.errors import ConfigError
from videoreid.models import build_model

SMALL = {"backbone": "resnet18", "height": 64, "width": 32}


def test_answers_as_published() -> None:
    assert_agrees_with_published("bicnet_tks", "bicnet_tks", num_classes=625)


@pytest.mark.slow
def test_trains_as_published() -> None:
    assert_trains_as_published("bicnet_tks", "bicnet_tks")


def test_published_parameter_count() -> None:
    with torch.device("meta"):
        model = build_model("bicnet_tks", num_classes=625)
    assert sum(p.numel() for p in model.parameters()) == 30_555_043


@pytest.mark.parametrize("length", [4, 8, 12])
def test_lengths(length: int) -> None:
    model = build_model("bicnet_tks", 5, clip_length=length, **SMALL)
    output = model(torch.rand(2, length, 3, 64, 32))
    assert output.embedding.shape == (2, 512)
    assert output.extras["strip_attention"].shape == (2, length // 4, 3, 8)


def test_only_the_first_of_four_frames_is_seen_in_detail() -> None:
    torch.manual_seed(0)
    model = build_model("bicnet_tks", 5, **SMALL).eval()
    sizes = []
    model.backbone.layer1.register_forward_hook(lambda _m, _i, maps: sizes.append(tuple(maps.shape[2:])))
    model.backbone.layer1[0].register_forward_hook(lambda _m, _i, maps: sizes.append(tuple(maps.shape[2:])))
    with torch.inference_mode():
        model(torch.rand(1, 8, 3, 64, 32))
    assert sizes == [(2, 16, 8), (6, 8, 4)]


def test_mistakes_are_explained() -> None:
    with pytest.raises(ConfigError, match="multiple of 4"):
        build_model("bicnet_tks", 5, clip_length=6)
    with pytest.raises(ConfigError, match="clips of 8 frames"):
        build_model("bicnet_tks", 5, **SMALL)(torch.rand(2, 4, 3, 64, 32))
