"""SINet and its parts."""

import pytest
import torch

from tests.models.published import assert_agrees_with_published, assert_trains_as_published
from videoreid.errors import ConfigError
from videoreid.models import build_model, load_weights

NAMES = ["sinet", "sanet", "sbnet", "sinet_resnet50"]
SMALL = {"backbone": "resnet18", "height": 64, "width": 32}


@pytest.mark.parametrize(
    "name", ["sinet", *(pytest.param(name, marks=pytest.mark.slow) for name in NAMES[1:])]
)
def test_answers_as_published(name: str) -> None:
    assert_agrees_with_published(name, name, num_classes=625)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_trains_as_published(name: str) -> None:
    assert_trains_as_published(name, name)


@pytest.mark.parametrize(
    ("name", "count"),
    [("sinet", 31_740_290), ("sanet", 25_084_785), ("sbnet", 30_620_098), ("sinet_resnet50", 24_819_313)],
)
def test_published_parameter_count(name: str, count: int) -> None:
    with torch.device("meta"):
        model = build_model(name, num_classes=625)
    assert sum(p.numel() for p in model.parameters()) == count


def test_projected_frames_come_in_train_mode() -> None:
    model = build_model("sinet", 5, **SMALL)
    frames = torch.rand(2, 4, 3, 64, 32)
    assert model(frames).extras["projected_frames"].shape == (2, 4, 512)
    assert model.eval().forward_clips(frames).extras == {}
    assert build_model("sinet", 5, projection=False, **SMALL)(frames).extras == {}


def test_a_checkpoint_without_projection_is_complete() -> None:
    state = build_model("sinet", 5, projection=False, **SMALL).state_dict()
    report = load_weights(build_model("sinet", 5, **SMALL), state)
    assert not report.missing
    assert set(report.optional) == {"projection.weight", "projection.bias"}


def test_two_groups_of_frames() -> None:
    model = build_model("sinet", 5, clip_length=8, **SMALL).eval()
    assert model.frames == 8
    assert model(torch.rand(1, 8, 3, 64, 32)).shape == (1, 512)


def test_mistakes_are_explained() -> None:
    with pytest.raises(ConfigError, match="multiple of 4"):
        build_model("sbnet", 5, clip_length=6)
    with pytest.raises(ConfigError, match="clips of 4 frames"):
        build_model("sbnet", 5, **SMALL)(torch.rand(2, 8, 3, 64, 32))
    with pytest.raises(ConfigError, match="positions"):
        build_model("sinet", 5, **SMALL)(torch.rand(2, 4, 3, 128, 64))
    with pytest.raises(ConfigError, match="not both"):
        build_model("sinet", 5, statistics=True)
