"""Networks of timm as clip models."""

import sys
from pathlib import Path

import pytest
import torch

from videoreid.errors import ConfigError, MissingExtraError, UnknownNameError, WeightsError
from videoreid.models import build_model, from_pretrained, save_pretrained


def test_without_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(
        MissingExtraError, match=r"'timm:resnet18' needs timm.*pip install 'videoreid\[timm\]'"
    ):
        build_model("timm:resnet18")


def test_an_unknown_family_is_named() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown model family 'tim'.*timm"):
        build_model("tim:resnet18")


@pytest.mark.parametrize(
    ("name", "options", "dim"),
    [
        ("timm:resnet18", {}, 512),
        ("timm:mobilenetv3_small_050", {}, 1024),  # a hidden layer before the classifier
        ("timm:vit_tiny_patch16_224", {"timm_options": {"img_size": (64, 32)}}, 192),
        ("timm:convnext_atto", {"temporal": "attention", "neck": True}, 320),
    ],
)
def test_contract(name: str, options: dict[str, object], dim: int) -> None:
    pytest.importorskip("timm", reason="needs the [timm] extra")
    model = build_model(name, 5, **options)
    frames = torch.randn(2, 3, 3, 64, 32, generator=torch.Generator().manual_seed(0))
    output = model.train()(frames)
    assert output.logits[0].shape == (2, 5)
    assert output.embedding.shape == (2, dim)
    with torch.no_grad():
        assert model.eval()(frames).shape == (2, model.embedding_dim)


def test_normalisation_and_size_are_those_of_the_weights() -> None:
    pytest.importorskip("timm", reason="needs the [timm] extra")
    model = build_model("timm:vit_tiny_patch16_224", timm_options={"img_size": (64, 32)})
    assert model.pixel_mean == (0.5, 0.5, 0.5)
    assert model.input_size == (64, 32)


def test_errors() -> None:
    pytest.importorskip("timm", reason="needs the [timm] extra")
    with pytest.raises(UnknownNameError, match=r"no network 'resnet181'; did you mean .*resnet18"):
        build_model("timm:resnet181")
    with pytest.raises(ConfigError, match="no option 'foo'"):
        build_model("timm:resnet18", foo=1)
    with pytest.raises(WeightsError, match="no weights are published for 'timm:resnet18'"):
        build_model("timm:resnet18", pretrained="msmt17")


@torch.no_grad()
def test_round_trip(tmp_path: Path) -> None:
    pytest.importorskip("timm", reason="needs the [timm] extra")
    model = build_model("timm:resnet18", 3).eval()
    frames = torch.randn(1, 3, 64, 32)
    other = from_pretrained(save_pretrained(model, tmp_path))
    assert torch.equal(other(frames), model(frames))
