"""One way to a trunk: ResNets, image networks of the zoo, timm."""

import pytest
import torch

from videoreid.errors import ConfigError, UnknownNameError
from videoreid.models import MODELS, FrameNetwork, build_backbone, build_model
from videoreid.models.backbones import FrameTrunk
from videoreid.models.layers.resnet_trunk import ResNetTrunk


def test_a_resnet_is_the_trunk_with_its_options() -> None:
    trunk = build_backbone("resnet18_half", last_stride=2, stem_relu=False)
    assert isinstance(trunk, ResNetTrunk)
    assert isinstance(trunk.relu, torch.nn.Identity)
    maps = trunk(torch.zeros(2, 3, 3, 64, 40))
    assert maps.shape == (2, 3, trunk.out_channels, *trunk.map_size(64, 40))
    assert trunk.map_size(64, 40) == (2, 2)
    assert build_backbone("resnet18_half").map_size(64, 40) == (4, 3)


def test_the_maps_are_those_of_the_image_network() -> None:
    torch.manual_seed(0)
    trunk = build_backbone("osnet_x0_25").eval()
    torch.manual_seed(0)
    network = build_model("osnet_x0_25").eval()
    frames = torch.rand(2, 3, 3, 64, 32)
    with torch.no_grad():
        assert torch.equal(trunk(frames).flatten(0, 1), network.feature_maps(frames.flatten(0, 1)))
    assert trunk.out_channels == 128
    assert trunk.map_size(64, 32) == (4, 2)
    known = set(network.state_dict())
    assert {name.removeprefix("network.") for name in trunk.state_dict()} <= known
    assert not any("classifier" in name or ".fc." in name for name in trunk.state_dict())


def test_parts_that_the_maps_do_not_use_are_dropped() -> None:
    with torch.device("meta"):
        children = dict(build_backbone("hacnn").network.named_children())
    assert set(children) >= {"conv", "inception1", "ha1", "inception3", "ha3"}
    assert not {"local_conv1", "fc_global", "fc_local", "classifier_global", "classifier_local"} & set(
        children
    )


@pytest.mark.parametrize("name", ["osnet_x0_25", "mobilenetv2_x1_0"])
@pytest.mark.parametrize("system", ["psta", "mra", "resnet50_ta_bot", "pcb_streid", "resnet50_tp"])
def test_a_system_runs_on_another_trunk(system: str, name: str) -> None:
    with torch.device("meta"):  # shapes and parameters, without the arithmetic
        size = {} if system == "resnet50_tp" else {"height": 128, "width": 64}
        model = build_model(system, 5, backbone=name, **size).eval()
        assert model(torch.zeros(2, 8, 3, 128, 64)).shape == (2, model.embedding_dim)


def test_systems_between_the_stages_of_a_resnet_say_so() -> None:
    for system in ("gcm", "ame"):
        with pytest.raises(ConfigError, match=r"between the stages of a ResNet.* not 'osnet_x0_25'"):
            build_model(system, backbone="osnet_x0_25")


def test_every_image_network_is_a_backbone() -> None:
    found = 0
    for name in MODELS.names():
        with torch.device("meta"):
            network = build_model(name)
            if isinstance(network, FrameNetwork):
                trunk = FrameTrunk(network).eval()
                height, width = network.input_size
                assert trunk(torch.zeros(1, 1, 3, height, width)).shape[2] == trunk.out_channels
                found += 1
    assert found > 20


def test_wrong_names_and_options() -> None:
    with pytest.raises(UnknownNameError, match="osnet_x0_25"):
        build_backbone("osnet_x0_2")
    with pytest.raises(ConfigError, match="resnet18_half as a backbone takes no option 'neck'"):
        build_backbone("resnet18_half", neck=True)
    with pytest.raises(ConfigError, match="ap3d_resnet50 takes whole clips"):
        build_backbone("ap3d_resnet50")
