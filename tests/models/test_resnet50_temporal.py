"""ResNet-50 with average, attention or LSTM over time."""

import pytest
import torch

from tests.models.published import assert_agrees_with_published, parameters_without_gradient
from videoreid.errors import ConfigError
from videoreid.models import build_model, load_weights

SMALL = {"backbone": "resnet18", "height": 64, "width": 32}
NAMES = ["resnet50_tp", "resnet50_ta", "resnet50_rnn"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("figures", "name"),
    [
        ("jiyanggao_resnet50tp", "resnet50_tp"),
        ("tricks_resnet50tp", "resnet50_tp"),
        ("jiyanggao_resnet50ta", "resnet50_ta"),
        ("tricks_resnet50ta", "resnet50_ta"),
    ],
)
def test_answers_as_published(figures: str, name: str) -> None:
    assert_agrees_with_published(figures, name, num_classes=625)


@pytest.mark.parametrize("length", [1, 3])
@pytest.mark.parametrize("name", NAMES)
def test_train_and_eval_contract(name: str, length: int) -> None:
    model = build_model(name, num_classes=5, **SMALL)
    frames = torch.rand(2, length, 3, 64, 32)
    output = model(frames)
    assert [logits.shape for logits in output.logits] == [(2, 5)]
    assert torch.equal(output.features[0], output.embedding)  # no neck: the triplet sees the embedding
    assert model.eval()(frames[:1]).shape == (1, model.embedding_dim)


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_learns(name: str) -> None:
    torch.manual_seed(0)
    assert (
        parameters_without_gradient(build_model(name, num_classes=5, **SMALL), torch.rand(3, 3, 3, 64, 32))
        == []
    )


def test_average_is_the_mean_of_the_frames() -> None:
    model = build_model("resnet50_tp", num_classes=5, **SMALL).eval()
    frames = torch.rand(1, 3, 3, 64, 32)
    with torch.inference_mode():
        single = torch.cat([model(frames[:, t]) for t in range(3)])
        assert torch.allclose(model(frames)[0], single.mean(0), atol=1e-5)


def test_published_parameter_count() -> None:
    with torch.device("meta"):
        model = build_model("resnet50_tp", num_classes=625)
    assert sum(p.numel() for p in model.parameters()) == 24_788_657  # published as 24.78866 M


def test_lstm_has_512_units() -> None:
    with torch.device("meta"):
        model = build_model("resnet50_rnn", num_classes=5)
    assert model.embedding_dim == 512
    assert model.classifier.weight.shape == (5, 512)


def test_attention_is_fixed_to_its_input_size() -> None:
    model = build_model("resnet50_ta", num_classes=5, **SMALL)
    with pytest.raises(ConfigError, match="height and width"):
        model(torch.rand(2, 2, 3, 128, 64))


def test_our_own_state_dict_passes_the_translation_unchanged() -> None:
    for name in NAMES:
        model = build_model(name, num_classes=5, **SMALL)
        report = load_weights(build_model(name, num_classes=5, **SMALL), model.state_dict())
        assert not report.missing
        assert not report.unexpected


def test_published_recurrent_names_are_translated() -> None:
    model = build_model("resnet50_rnn", num_classes=5, **SMALL)
    names = ["base.0.weight", "base.5.1.conv2.weight", "lstm.weight_ih_l0", "classifier.bias"]
    expected = [
        "backbone.conv1.weight",
        "backbone.layer2.1.conv2.weight",
        "temporal.network.weight_ih_l0",
        "classifier.bias",
    ]
    assert list(model.translate_state_dict(dict.fromkeys(names, torch.zeros(1)))) == expected
    assert set(expected) <= set(model.state_dict())
