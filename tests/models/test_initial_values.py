"""Initial values and small choices of the published networks that no output of a trained network shows."""

import math

import pytest
import torch
from torch import nn

from videoreid.models import build_model
from videoreid.models.layers.range_aggregation import StepwiseFusion


def test_every_range_of_ame_begins_with_a_weight_of_a_third() -> None:
    model = build_model("ame", 3, backbone="resnet18")
    weights = [value for name, value in model.named_parameters() if ".weights." in name]
    assert len(weights) % 3 == 0
    assert weights
    assert {(tuple(value.shape), round(value.item(), 6)) for value in weights} == {((1, 1, 1, 1), 0.33)}


def test_the_attention_of_the_tricks_begins_as_kaiming_says() -> None:
    torch.manual_seed(0)
    model = build_model("resnet50_ta_bot", 3, backbone="resnet18")
    for conv in (model.temporal.frame_conv, model.temporal.time_conv):
        fan_in = conv.weight[0].numel()
        expected = math.sqrt(2 / fan_in)
        tolerance = 5 * expected / math.sqrt(2 * conv.weight.numel())
        assert conv.weight.std().item() == pytest.approx(expected, abs=tolerance)
        assert conv.weight.mean().item() == pytest.approx(
            0, abs=5 * expected / math.sqrt(conv.weight.numel())
        )
        assert not conv.bias.any()
    assert model.classifier.bias is None
    assert model.classifier.weight.std().item() == pytest.approx(0.001, rel=0.1)


def test_the_attention_of_temporal_attention_keeps_the_default() -> None:
    torch.manual_seed(0)
    model = build_model("resnet50_ta", 3, backbone="resnet18")
    conv = model.temporal.frame_conv
    bound = 1 / math.sqrt(conv.weight[0].numel())
    assert conv.weight.abs().max().item() <= bound * (1 + 1e-6)
    assert conv.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.02)
    assert conv.bias.any()


@pytest.mark.parametrize("name", ["gcm", "ame"])
def test_the_neck_of_vpreid_trains_its_bias(name: str) -> None:
    torch.manual_seed(0)
    model = build_model(name, 3, backbone="resnet18")
    assert model.neck.bias.requires_grad
    assert not model.neck.bias.any()
    assert model.neck.weight.mean().item() == pytest.approx(1, abs=0.01)
    assert model.neck.weight.std().item() == pytest.approx(0.02, rel=0.15)


def test_generalised_means_begin_at_three() -> None:
    model = build_model("gcm", 3, backbone="resnet18")
    exponents = {name: value.item() for name, value in model.named_parameters() if name.endswith("pool.p")}
    assert set(exponents.values()) == {3.0}
    assert {"frame_pool.p", "clip_pool.p"} <= set(exponents)


class Constant(nn.Module):
    """Answers any question in the same way, and remembers it."""

    def __init__(self, value: float, channels: int) -> None:
        super().__init__()
        self.value, self.channels = value, channels

    def forward(self, asked: torch.Tensor) -> torch.Tensor:
        self.asked = asked
        return asked.new_full((len(asked), self.channels), self.value)


class Nothing(nn.Module):
    """Adds nothing."""

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(maps)


@pytest.mark.parametrize(("answer", "result"), [(50.0, 2.0), (-50.0, 7.0), (0.0, 4.5)])
def test_the_gate_of_stepwise_fusion_is_the_share_of_what_is_carried(answer: float, result: float) -> None:
    fusion = StepwiseFusion(8).eval()
    fusion.gate, fusion.refine = Constant(answer, 8), Nothing()
    shorter, longer = torch.full((1, 4, 8, 2, 2), 2.0), torch.full((1, 2, 8, 2, 2), 7.0)
    fused = fusion(shorter, longer, 2)
    assert fused.shape == longer.shape
    torch.testing.assert_close(fused, torch.full_like(fused, result))
    assert fusion.gate.asked.tolist() == [[2.0] * 8 + [7.0] * 8] * 2
