"""AP3D and its relatives."""

import pytest
import torch
import torchvision

from tests.models.published import (
    assert_agrees_with_published,
    assert_trains_as_published,
    parameters_without_gradient,
)
from videoreid.errors import ConfigError
from videoreid.models import build_model, load_weights

SMALL = {"backbone": "resnet18", "height": 64, "width": 32}
RECORDS = {
    "ap3d_resnet50": {},
    "ap3d_resnet50_scaled": {},
    "ap3d_i3d_resnet50": {"block": "api3d"},
    "ap3d_p3da_resnet50": {"block": "app3da"},
    "c2d_resnet50": {"block": "c2d"},
    "i3d_resnet50": {"block": "i3d"},
    "p3da_resnet50": {"block": "p3da"},
    "p3db_resnet50": {"block": "p3db"},
    "p3dc_resnet50": {"block": "p3dc"},
    "nl_resnet50": {"block": "c2d", "nonlocal_blocks": True},
}
FAST = "ap3d_resnet50_scaled"


@pytest.mark.parametrize(
    "record", [name if name == FAST else pytest.param(name, marks=pytest.mark.slow) for name in RECORDS]
)
def test_answers_as_published(record: str) -> None:
    assert_agrees_with_published(record, "ap3d_resnet50", num_classes=625, **RECORDS[record])


@pytest.mark.slow
@pytest.mark.parametrize("record", RECORDS)
def test_trains_as_published(record: str) -> None:
    assert_trains_as_published(record, "ap3d_resnet50", **RECORDS[record])


@pytest.mark.parametrize(("options", "count"), [({}, 25_523_953), ({"block": "api3d"}, 28_964_593)])
def test_published_parameter_count(options: dict[str, str], count: int) -> None:
    with torch.device("meta"):
        model = build_model("ap3d_resnet50", num_classes=625, **options)
    assert sum(p.numel() for p in model.parameters()) == count


@pytest.mark.parametrize(
    "block", ["c2d", "i3d", "p3da", "p3db", "p3dc", "api3d", "app3da", "app3db", "app3dc"]
)
@pytest.mark.parametrize("nonlocal_blocks", [False, True])
def test_starts_as_the_image_network(block: str, nonlocal_blocks: bool) -> None:
    torch.manual_seed(0)
    published = torchvision.models.resnet18(weights=None).eval()
    for module in published.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.1, 0.1)
    model = build_model("ap3d_resnet50", 5, block=block, nonlocal_blocks=nonlocal_blocks, **SMALL).eval()
    report = load_weights(model, published.state_dict())
    assert not report.unexpected
    assert not report.mismatched
    for conv in (published.layer4[0].conv1, published.layer4[0].downsample[0]):
        conv.stride = (1, 1)
    frames = torch.rand(2, 3, 3, 64, 32)
    with torch.inference_mode():
        maps = torch.nn.Sequential(*list(published.children())[:-2])(frames.flatten(0, 1))
        expected = maps.amax((2, 3)).unflatten(0, (2, 3))
        assert torch.allclose(model.frame_features(frames), expected, rtol=1e-4, atol=1e-5)


def test_the_trunk_of_a_network_of_ours_fits() -> None:
    trunk = build_model("resnet50_tp", 5, backbone="resnet18_half")
    model = build_model("ap3d_resnet50", 5, backbone="resnet18_half", height=64, width=32)
    state = {name: value for name, value in trunk.state_dict().items() if name.startswith("backbone.")}
    report = load_weights(model, state)
    assert not report.unexpected
    assert not report.mismatched
    assert all(".apm." in n or ".temporal." in n or not n.startswith("backbone.") for n in report.missing)


def test_published_names_with_inserted_modules_find_their_place() -> None:
    with torch.device("meta"):
        model = build_model("ap3d_resnet50", 5, nonlocal_blocks=True)
    names = {
        "layer2.2.g.0.weight": "backbone.plugins.2.1.value.weight",
        "layer2.3.conv2.spatial_conv3d.weight": "backbone.layer2.2.conv2.spatial.weight",
        "layer3.8.W.1.running_var": "backbone.plugins.3.5.norm.running_var",
        "layer3.6.conv2.APM.contrastive_att_net.0.weight": "backbone.layer3.4.conv2.apm.gate.weight",
        "bn.weight": "neck.weight",
    }
    own = model.state_dict()
    state = {theirs: own[ours] for theirs, ours in names.items()}
    assert list(model.translate_state_dict(state)) == list(names.values())
    assert list(model.translate_state_dict(own)) == list(own), "our own names pass unchanged"


def test_gradient_checkpointing_is_the_same_step() -> None:
    frames = torch.rand(2, 3, 3, 64, 32)
    gradients = []
    for checkpointing in (False, True):
        torch.manual_seed(0)
        model = build_model("ap3d_resnet50", 5, gradient_checkpointing=checkpointing, **SMALL)
        model(frames).logits[0].square().sum().backward()
        gradients.append({name: p.grad for name, p in model.named_parameters()} | dict(model.named_buffers()))
    for name, expected in gradients[0].items():
        found = gradients[1][name]
        assert torch.allclose(expected, found, rtol=1e-4, atol=1e-6 + 1e-4 * float(expected.abs().max())), (
            name
        )


def test_every_parameter_learns_where_parts_are_awake() -> None:
    torch.manual_seed(0)
    model = build_model("ap3d_resnet50", 5, nonlocal_blocks=True, **SMALL)
    for name, parameter in model.named_parameters():
        if name.endswith("weight") and not parameter.any():
            torch.nn.init.normal_(parameter, std=0.3)
    assert parameters_without_gradient(model, torch.rand(3, 3, 3, 64, 32)) == []


def test_mistakes_are_explained() -> None:
    with pytest.raises(ConfigError, match="app3dc"):
        build_model("ap3d_resnet50", block="p4d")
    with pytest.raises(ConfigError, match="resnet50"):
        build_model("ap3d_resnet50", backbone="resnet49")
