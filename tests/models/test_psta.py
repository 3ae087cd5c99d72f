"""PSTA."""

import pytest
import torch

from tests.models.published import assert_agrees_with_published, parameters_without_gradient
from videoreid.errors import ConfigError
from videoreid.models import build_model

SMALL = {"backbone": "resnet18", "height": 64, "width": 32}


@pytest.mark.slow
def test_answers_as_published() -> None:
    assert_agrees_with_published("psta", "psta", num_classes=625)


@pytest.mark.parametrize(("classes", "count"), [(625, 35_425_311), (702, 35_662_086)])
def test_published_parameter_count(classes: int, count: int) -> None:
    with torch.device("meta"):
        model = build_model("psta", num_classes=classes)
    assert sum(p.numel() for p in model.parameters()) == count
    assert sum(p.numel() for p in model.steps["1"].parameters()) == 2_630_020


@pytest.mark.parametrize("length", [1, 3, 4, 8, 9])
def test_any_length(length: int) -> None:
    model = build_model("psta", num_classes=5, **SMALL)
    frames = torch.rand(2, length, 3, 64, 32)
    output = model(frames)
    assert [logits.shape for logits in output.logits] == [(2, 5)] * 3
    assert [features.shape for features in output.features] == [(2, 256)] * 3
    assert torch.equal(output.embedding, output.features[2])
    assert model.eval()(frames[:1]).shape == (1, 256)


def test_levels_average_the_steps_so_far() -> None:
    model = build_model("psta", num_classes=5, **SMALL).eval()
    seen = []
    for step in model.steps.values():
        step.register_forward_hook(lambda _m, _i, maps: seen.append(maps.mean((1, 3, 4))))
    with torch.inference_mode():
        embedding = model(torch.rand(2, 4, 3, 64, 32))
        assert torch.allclose(embedding, model.necks[2]((seen[0] + seen[1] + seen[2]) / 3), rtol=1e-4)


def test_every_parameter_learns() -> None:
    torch.manual_seed(0)
    assert (
        parameters_without_gradient(build_model("psta", num_classes=5, **SMALL), torch.rand(4, 8, 3, 64, 32))
        == []
    )


def test_biases_of_the_necks_are_fixed() -> None:
    model = build_model("psta", num_classes=5, **SMALL)
    model.unfreeze()
    assert not any(neck.bias.requires_grad for neck in model.necks)


def test_another_frame_size_is_refused_with_the_remedy() -> None:
    with pytest.raises(ConfigError, match="built for frames of 64 x 32"):
        build_model("psta", num_classes=5, **SMALL)(torch.rand(2, 2, 3, 128, 64))
