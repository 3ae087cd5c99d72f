import pytest
import torch
import torchvision

from videoreid.errors import ConfigError
from videoreid.models.layers.resnet_trunk import ResNetTrunk


class AddOne(torch.nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels, self.calls = channels, []

    def forward(self, maps: torch.Tensor, num_frames: int) -> torch.Tensor:
        self.calls.append((tuple(maps.shape), num_frames))
        return maps + 1


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_equals_torchvision_at_stride_32(name: str) -> None:
    trunk = ResNetTrunk(name, last_stride=2).eval()
    published = torchvision.models.get_model(name, weights=None).eval()
    result = published.load_state_dict(trunk.state_dict(), strict=False)
    assert result.missing_keys == ["fc.weight", "fc.bias"]
    frames = torch.rand(2, 3, 3, 64, 32)
    published.avgpool = published.fc = torch.nn.Identity()
    with torch.inference_mode():
        expected = published(frames.flatten(0, 1)).unflatten(1, (trunk.out_channels, 2, 1))
        assert torch.allclose(trunk(frames).flatten(0, 1), expected, atol=1e-5)


def test_last_stride_and_stem() -> None:
    frames = torch.rand(1, 1, 3, 64, 32)
    with_relu, without = ResNetTrunk("resnet18"), ResNetTrunk("resnet18", stem_relu=False)
    without.load_state_dict(with_relu.state_dict())
    assert with_relu(frames).shape == (1, 1, 512, 4, 2)
    assert not torch.allclose(with_relu.eval()(frames), without.eval()(frames))


def test_modules_follow_the_last_blocks_of_a_stage() -> None:
    trunk = ResNetTrunk("resnet50", inserts={2: (2, AddOne), 3: (3, AddOne)}).eval()
    trunk(torch.rand(2, 3, 3, 32, 32))
    assert [len(trunk.inserts[key]) for key in ("2", "3")] == [2, 3]
    assert [module.channels for module in trunk.inserts["3"]] == [1024] * 3
    assert trunk.inserts["2"][0].calls == [((6, 512, 4, 4), 3)]
    plain = ResNetTrunk("resnet50").eval()
    plain.load_state_dict(trunk.state_dict())
    maps = torch.rand(3, 256, 4, 4)
    expected = maps
    for index, block in enumerate(plain.layer2):
        expected = block(expected) + (1 if index >= 2 else 0)
    assert torch.allclose(trunk._run_stage(2, maps, 3), expected)


def test_a_shallow_stage_takes_no_more_modules_than_blocks() -> None:
    assert len(ResNetTrunk("resnet18", inserts={3: (6, AddOne)}).inserts["3"]) == 2


def test_unknown_depth_is_refused() -> None:
    with pytest.raises(ConfigError, match="resnet50"):
        ResNetTrunk("resnet49")
