"""The parts of OSNet, by hand."""

import pytest
import torch
from torch import nn

from videoreid.models.layers.osnet_blocks import ChannelGate, ConvNorm, LightConv3x3, embed


@pytest.mark.parametrize(
    ("norm", "kind"), [("batch", nn.BatchNorm2d), ("instance", nn.InstanceNorm2d), ("none", type(None))]
)
def test_norms(norm: str, kind: type) -> None:
    block = ConvNorm(3, 4, 7, stride=2, norm=norm)
    assert type(block.bn) is kind
    assert block(torch.rand(2, 3, 16, 8)).shape == (2, 4, 8, 4)


def test_relu_can_be_left_out() -> None:
    x = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    linear = ConvNorm(3, 4, relu=False).eval()
    rectified = ConvNorm(3, 4).eval()
    rectified.load_state_dict(linear.state_dict())
    assert (linear(x) < 0).any()
    assert torch.equal(rectified(x), linear(x).relu())


def test_light_convolution_mixes_channels_before_positions() -> None:
    block = LightConv3x3(2, 2).eval()
    with torch.no_grad():
        block.conv1.weight.copy_(
            torch.tensor([[0.0, 1.0], [1.0, 0.0]])[:, :, None, None]
        )  # swap the channels
        block.conv2.weight.fill_(1.0)  # then sum 3 x 3
    x = torch.zeros(1, 2, 3, 3)
    x[0, 0, 1, 1] = 2.0
    expected = torch.zeros(1, 2, 3, 3)
    expected[0, 1] = 2.0 / (1 + block.bn.eps) ** 0.5
    assert torch.allclose(block(x), expected)


def test_gate_scales_channels() -> None:
    gate = ChannelGate(2, reduction=2)
    with torch.no_grad():
        gate.fc1.weight.fill_(1.0)
        gate.fc1.bias.zero_()
        gate.fc2.weight.copy_(torch.tensor([1.0, -1.0])[:, None, None, None])
        gate.fc2.bias.zero_()
    x = torch.ones(1, 2, 2, 2)  # pooled: 1 and 1; hidden: 2; weights: sigmoid(2), sigmoid(-2)
    weights = torch.tensor([2.0, -2.0]).sigmoid()
    assert torch.allclose(gate(x)[0, :, 0, 0], weights)


def test_embedding_layer() -> None:
    layer = embed(4, 6)
    assert layer(torch.rand(3, 4)).shape == (3, 6)
    assert list(layer.state_dict())[:3] == ["0.weight", "0.bias", "1.weight"]


def test_the_sum_of_gated_streams_is_that_of_each_gate_with_its_gradients():
    torch.manual_seed(0)
    gate = ChannelGate(8, reduction=2).double()
    streams = [torch.randn(3, 8, 5, 2, dtype=torch.float64, requires_grad=True) for _ in range(4)]
    upstream = torch.randn(3, 8, 5, 2, dtype=torch.float64)
    inputs = [*streams, *gate.parameters()]
    results = []
    for total in (
        gate.sum(streams),
        gate(streams[0]) + gate(streams[1]) + gate(streams[2]) + gate(streams[3]),
    ):
        results.append([total, *torch.autograd.grad(total, inputs, upstream)])
    assert all(torch.allclose(a, b, rtol=1e-12, atol=1e-12) for a, b in zip(*results, strict=True))
