"""CE2P."""

from pathlib import Path

import pytest
import torch
from torch import nn

from tests.models.published import assert_agrees_with_published, parameters_without_gradient
from videoreid.errors import ConfigError, WeightsError
from videoreid.models import build_model, from_pretrained, load_weights, save_pretrained
from videoreid.models.ce2p import CE2P, load_released_weights


def small(**options: object) -> CE2P:
    torch.manual_seed(0)
    model = build_model("ce2p_resnet18_half", num_classes=7, head_channels=16, **options)  # type: ignore[arg-type]
    assert isinstance(model, CE2P)
    return model


@pytest.mark.slow
def test_answers_as_published() -> None:
    assert_agrees_with_published("ce2p_resnet101", "ce2p_resnet101", num_classes=20, method="parse_logits")


@pytest.mark.parametrize(
    ("name", "context"), [("ce2p_resnet101", 2048), ("ce2p_resnet50", 2048), ("ce2p_resnet18", 512)]
)
def test_trunks(name: str, context: int) -> None:
    with torch.device("meta"):
        model = build_model(name, num_classes=20).eval()
    assert isinstance(model, CE2P)
    maps = {}
    for stage in ("layer1", "layer2", "layer3", "layer4"):
        getattr(model, stage).register_forward_hook(
            lambda _m, _i, out, key=stage: maps.update({key: out.shape})
        )
    logits = model.parse_logits(torch.empty(1, 3, 473, 473, device="meta"))
    assert logits.shape == (1, 20, 119, 119)
    assert [tuple(maps[f"layer{stage}"][2:]) for stage in (1, 2, 3, 4)] == [
        (119,) * 2,
        (60,) * 2,
        (30,) * 2,
        (30,) * 2,
    ]
    assert maps["layer4"][1] == context


def test_the_last_stage_is_dilated() -> None:
    kernels = [m for m in small().layer4.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]
    assert len(kernels) == 4
    assert all(m.dilation == (2, 2) and m.padding == (2, 2) and m.stride == (1, 1) for m in kernels)


@pytest.mark.parametrize("size", [(384, 128), (97, 53), (33, 64)])
def test_any_size(size: tuple[int, int]) -> None:
    logits = small().eval().parse_logits(torch.rand(1, 3, *size))
    assert logits.shape == (1, 7, -(-size[0] // 4), -(-size[1] // 4))
    assert logits.isfinite().all()


def test_every_head_learns() -> None:
    model = small()
    output = model(torch.rand(2, 1, 3, 64, 32))
    assert set(output.extras) == {"parsing_0", "parsing_1", "edge"}
    assert output.extras["parsing_1"].shape == (2, 7, 16, 8)
    assert output.extras["edge"].shape == (2, 2, 16, 8)
    assert parameters_without_gradient(model, torch.rand(2, 1, 3, 64, 32)) == []


def test_the_answer_is_the_last_head() -> None:
    model = small().eval()
    images = torch.rand(2, 3, 64, 32)
    maps = model.parsing_maps(images)
    assert torch.equal(model.parse_logits(images), maps.parsing[1])
    assert torch.allclose(model(images), maps.features.mean(dim=(2, 3)))


def test_channel_order() -> None:
    rgb, bgr = small().eval(), small(channel_order="bgr").eval()
    assert bgr.pixel_mean == rgb.pixel_mean[::-1]
    assert bgr.pixel_std == rgb.pixel_std[::-1]
    bgr.load_state_dict(rgb.state_dict())
    images = torch.rand(1, 3, 64, 32)
    assert torch.equal(bgr.parse_logits(images.flip(1)), rgb.parse_logits(images))


def test_released_layout(tmp_path: Path) -> None:
    released, model = small(), small(channel_order="bgr")
    with torch.no_grad():
        for name, value in released.state_dict().items():
            if name.endswith(("bn1.weight", "layer7.1.weight")):
                value.copy_(torch.linspace(-2, 2, len(value)))
    path = tmp_path / "LIP_epoch_149.pth"
    torch.save({f"module.{name}": value for name, value in released.state_dict().items()}, path)
    report = load_released_weights(model, path)
    assert not report.missing
    assert not report.unexpected
    assert torch.allclose(model.layer7[1].weight, released.layer7[1].weight.abs() + 1e-5, atol=1e-7)
    assert torch.equal(model.layer7[0].weight, released.layer7[0].weight)
    with pytest.raises(ConfigError, match="channel_order='bgr'"):
        load_released_weights(small(), path)


def test_released_weights_of_other_classes_are_refused() -> None:
    model = small(channel_order="bgr")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = build_model("ce2p_resnet18_half", num_classes=20, head_channels=16).state_dict()
    with pytest.raises(WeightsError, match="has 20 classes, the network 7"):
        load_released_weights(model, state)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_imagenet_trunk_loads() -> None:
    model = small()
    trunk = {
        name: value
        for name, value in small().state_dict().items()
        if name.startswith(("conv", "bn", "layer"))
    }
    trunk = {name: torch.full_like(value, 2) for name, value in trunk.items() if name < "layer5"}
    report = load_weights(model, {**trunk, "fc.weight": torch.zeros(10, 4), "fc.bias": torch.zeros(10)})
    assert not report.unexpected
    assert set(report.loaded) == set(trunk)
    assert all(name.startswith(("layer5", "layer6", "layer7", "edge_layer")) for name in report.missing)


def test_the_plain_stem_takes_torchvision_weights() -> None:
    import torchvision

    model = build_model("ce2p_resnet18", num_classes=7, stem="plain", head_channels=16)
    state = torchvision.models.resnet18(weights=None).state_dict()
    report = load_weights(model, state)
    assert not report.unexpected
    assert not report.mismatched
    assert len(report.loaded) == len(state) - 2  # the classifier has no place


@pytest.mark.parametrize(
    "options", [{"trunk": "resnet19"}, {"stem": "wide"}, {"channel_order": "rbg"}, {"head_channels": 4}]
)
def test_wrong_options(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"choose|16 or more"):
        CE2P(7, **options)  # type: ignore[arg-type]


def test_the_input_size_is_kept(tmp_path: Path) -> None:
    model = small(input_size=(64, 32))
    assert model.input_size == (64, 32)
    save_pretrained(model, tmp_path)
    again = from_pretrained(tmp_path)
    assert again.input_size == (64, 32)
    images = torch.rand(1, 3, 64, 32)
    assert torch.equal(again.parse_logits(images), model.eval().parse_logits(images))  # type: ignore[operator]
