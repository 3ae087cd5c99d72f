"""The bag-of-tricks network."""

import pytest
import torch

from tests.models.published import assert_agrees_with_published, parameters_without_gradient
from videoreid.models import build_model

SMALL = {"backbone": "resnet18", "height": 64, "width": 32}


@pytest.mark.slow
@pytest.mark.parametrize("figures", ["tricks_resnet50ta_bt", "tricks_resnet50ta_bt2"])
def test_answers_as_published(figures: str) -> None:
    assert_agrees_with_published(figures, "resnet50_ta_bot", num_classes=625)


def test_scores_are_raw_and_losses_see_the_vector_after_the_neck() -> None:
    torch.manual_seed(0)
    model = build_model("resnet50_ta_bot", num_classes=5, **SMALL)
    output = model(torch.rand(4, 3, 3, 64, 32))
    scores = output.extras["frame_scores"]
    assert scores.shape == (4, 3)
    assert (scores >= 0).all()
    assert not torch.allclose(scores.sum(1), torch.ones(4))  # not softmax weights
    assert torch.equal(output.features[0], output.embedding)
    assert output.embedding.mean(0).abs().max() < 1e-4  # normalised over the batch
    assert torch.equal(output.logits[0], model.classifier(output.embedding))


@pytest.mark.parametrize("length", [1, 5])
def test_any_length_and_one_clip_in_eval(length: int) -> None:
    model = build_model("resnet50_ta_bot", num_classes=5, **SMALL).eval()
    assert model(torch.rand(1, length, 3, 64, 32)).shape == (1, 512)


def test_every_parameter_learns_but_the_fixed_bias() -> None:
    torch.manual_seed(0)
    model = build_model("resnet50_ta_bot", num_classes=5, **SMALL)
    assert parameters_without_gradient(model, torch.rand(3, 3, 3, 64, 32)) == []
    assert not model.neck.bias.requires_grad


def test_unfreezing_leaves_the_fixed_bias_alone() -> None:
    model = build_model("resnet50_ta_bot", num_classes=5, **SMALL)
    model.freeze(["backbone", "neck"])
    assert not model.neck.weight.requires_grad
    assert not model.backbone.conv1.weight.requires_grad
    model.unfreeze()
    assert model.neck.weight.requires_grad
    assert model.backbone.conv1.weight.requires_grad
    assert not model.neck.bias.requires_grad


def test_classifier_has_no_bias() -> None:
    assert build_model("resnet50_ta_bot", num_classes=5, **SMALL).classifier.bias is None
