"""Bidirectional multi-range motion excitation."""

import pytest
import torch

from tests.models.published import parameters_without_gradient
from videoreid.models import build_model

SMALL = {"backbone": "resnet18", "height": 64, "width": 32}


def test_published_parameter_count() -> None:
    with torch.device("meta"):
        model = build_model("ame", num_classes=625)
    assert sum(p.numel() for p in model.parameters()) == 25_235_561
    assert {stage: len(modules) for stage, modules in model.backbone.inserts.items()} == {"2": 2, "3": 6}


@pytest.mark.parametrize("length", [1, 3, 5])
def test_train_and_eval_contract(length: int) -> None:
    model = build_model("ame", num_classes=5, **SMALL)
    frames = torch.rand(2, length, 3, 64, 32)
    output = model(frames)
    assert [logits.shape for logits in output.logits] == [(2, 5)]
    assert torch.equal(output.features[0], output.embedding)
    model.eval()
    with torch.inference_mode():
        assert model(frames[:1]).shape == (1, 512)
        published = model.frame_features(frames)
        assert published.shape == (2, length, 512)
        assert torch.allclose(model(frames), model.neck(published.mean(1)))


def test_every_parameter_learns() -> None:
    torch.manual_seed(0)
    assert (
        parameters_without_gradient(build_model("ame", num_classes=5, **SMALL), torch.rand(3, 5, 3, 64, 32))
        == []
    )


def test_published_names_are_translated() -> None:
    model = build_model("ame", num_classes=5, **SMALL)
    names = [
        "backbone.ME_3.1.Mconv2.weight",
        "backbone.ME_2.0.w3",
        "backbone.ME_2.0.Mbn3.running_var",
        "bn.weight",
    ]
    expected = [
        "backbone.inserts.3.1.shift.weight",
        "backbone.inserts.2.0.weights.2",
        "backbone.inserts.2.0.expand_bn.running_var",
        "neck.weight",
    ]
    assert list(model.translate_state_dict(dict.fromkeys(names, torch.zeros(1)))) == expected
    assert set(expected) <= set(model.state_dict())
