"""The 3-D ResNet."""

import pytest
import torch
import torchvision

from tests.models.published import parameters_without_gradient
from videoreid.errors import ConfigError
from videoreid.models import build_model, load_weights

SMALL = {"backbone": "resnet18", "height": 64, "width": 32}


@pytest.mark.parametrize("length", [1, 4, 5])
def test_train_and_eval_contract(length: int) -> None:
    model = build_model("resnet50_3d", num_classes=5, **SMALL)
    frames = torch.rand(2, length, 3, 64, 32)
    output = model(frames)
    assert [logits.shape for logits in output.logits] == [(2, 5)]
    assert torch.equal(output.features[0], output.embedding)
    assert model.eval()(frames[:1]).shape == (1, 512)


def test_time_is_halved_four_times() -> None:
    model = build_model("resnet50_3d", num_classes=5, **SMALL).eval()
    lengths = []
    for name in ("stem", "layer1", "layer2", "layer3", "layer4"):
        getattr(model, name).register_forward_hook(lambda _m, _i, maps: lengths.append(maps.shape[2]))
    with torch.inference_mode():
        model(torch.rand(1, 4, 3, 64, 32))
    assert lengths == [2, 2, 1, 1, 1]


def test_one_frame_wide_kernels_reduce_it_to_the_2d_network() -> None:
    torch.manual_seed(0)
    model = build_model("resnet50_3d", num_classes=5, backbone="resnet50", height=64, width=32).eval()
    published = torchvision.models.resnet50(weights=None).eval()
    flat = published.state_dict()
    inflated = {}
    for name, value in model.state_dict().items():
        source = name.replace("stem.0", "conv1").replace("stem.1", "bn1")
        if source.startswith("classifier"):
            continue
        inflated[name] = torch.zeros_like(value)
        if value.ndim == 5:
            inflated[name][:, :, value.shape[2] // 2] = flat[source]  # nothing but the middle frame
        else:
            inflated[name] = flat[source]
    load_weights(model, inflated)
    for block in published.modules():  # where torchvision strides, so does the 3-D network
        assert not isinstance(block, torch.nn.Conv3d)
    published.fc = torch.nn.Identity()
    frames = torch.rand(1, 1, 3, 64, 32)
    with torch.inference_mode():
        assert torch.allclose(model(frames), published(frames[:, 0]), atol=1e-4)


@pytest.mark.parametrize("backbone", ["resnet18", "resnet50"])
def test_an_inflated_network_sees_a_still_clip_as_the_2d_one_sees_its_frame(backbone: str) -> None:
    torch.manual_seed(0)
    model = build_model("resnet50_3d", num_classes=5, backbone=backbone, height=64, width=32).eval()
    published = torchvision.models.get_model(backbone, weights=None).eval()
    report = load_weights(model, published.state_dict())
    assert set(report.missing) == {"classifier.weight", "classifier.bias"}
    assert not report.mismatched
    published.fc = torch.nn.Identity()
    frame = torch.rand(1, 3, 64, 32)
    with torch.inference_mode():
        expected = published(frame)
        for length in (1, 2, 4, 7, 20):
            clip = frame[:, None].expand(-1, length, -1, -1, -1)
            assert torch.allclose(model(clip), expected, rtol=1e-4, atol=1e-5), length


def test_the_trunk_of_a_network_of_ours_fits() -> None:
    trunk = build_model("resnet50_tp", num_classes=5, backbone="resnet18_half")
    model = build_model("resnet50_3d", num_classes=5, backbone="resnet18_half", height=64, width=32)
    report = load_weights(model, trunk.state_dict())
    assert not report.missing
    assert not report.unexpected
    assert not report.mismatched
    assert torch.equal(model.stem[0].weight[:, :, 3], trunk.backbone.conv1.weight)
    assert model.stem[0].weight.count_nonzero() == trunk.backbone.conv1.weight.count_nonzero()
    assert model.eval()(torch.rand(1, 4, 3, 64, 32)).shape == (1, 256)


def test_every_parameter_learns() -> None:
    torch.manual_seed(0)
    for backbone in ("resnet18", "resnet50"):
        model = build_model("resnet50_3d", num_classes=5, backbone=backbone, height=64, width=32)
        assert parameters_without_gradient(model, torch.rand(2, 16, 3, 64, 32)) == []


def test_kinetics_names_are_translated() -> None:
    model = build_model("resnet50_3d", num_classes=5, **SMALL)
    names = ["conv1.weight", "bn1.running_mean", "layer4.1.conv2.weight", "fc.weight"]
    expected = ["stem.0.weight", "stem.1.running_mean", "layer4.1.conv2.weight"]
    assert list(model.translate_state_dict(dict.fromkeys(names, torch.zeros(1)))) == expected
    assert set(expected) <= set(model.state_dict())


def test_unknown_depth_is_refused() -> None:
    with pytest.raises(ConfigError, match="resnet50"):
        build_model("resnet50_3d", backbone="resnet49")
