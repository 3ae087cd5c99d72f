"""Parameters and arithmetic against hand counts and published figures."""

import pytest
import torch
from torch import nn

from videoreid.models import build_model, count_parameters, flops_per_clip
from videoreid.models.base import ReIDModel
from videoreid.types import ReIDOutput


class Tiny(ReIDModel):
    """One 3x3 convolution and one linear layer."""

    input_size = (6, 4)
    embedding_dim = 5

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 3, padding=1)
        self.linear = nn.Linear(2, 5)

    def forward_clips(self, frames: torch.Tensor) -> ReIDOutput:
        maps = self.conv(frames.flatten(0, 1)).mean(dim=(2, 3))
        return ReIDOutput(self.linear(maps).unflatten(0, frames.shape[:2]).mean(1), (), ())


def test_by_hand() -> None:
    model = Tiny()
    conv, linear = 2 * 3 * 3 * 3 * 2 * 6 * 4, 2 * 2 * 5  # two per multiply-add
    assert flops_per_clip(model, frames=1) == conv + linear
    assert flops_per_clip(model) == 4 * (conv + linear)
    assert flops_per_clip(model, frames=1, input_size=(12, 4)) == 2 * conv + linear
    assert count_parameters(model) == 3 * 2 * 9 + 2 + 2 * 5 + 5
    model.freeze(["conv"])
    assert count_parameters(model, trainable_only=True) == 2 * 5 + 5
    assert model.linear.weight.device.type == "cpu", "the network itself stays where it is"


@pytest.mark.parametrize(
    ("name", "millions", "gmacs"),
    [  # as the table of torchreid's model zoo prints them: per image, without the classifier
        ("osnet_x1_0", 2.2, 0.98),
        ("osnet_x0_75", 1.3, 0.57),
        ("osnet_x0_5", 0.6, 0.27),
        ("osnet_x0_25", 0.2, 0.08),
        ("osnet_ain_x1_0", 2.2, 0.98),
        ("resnet50", 23.5, 2.7),
        ("resnet50_fc512", 24.6, 4.1),
        ("mlfn", 32.5, 2.8),
        ("mobilenetv2_x1_0", 2.2, 0.2),
        ("mobilenetv2_x1_4", 4.3, 0.4),
    ],
)
def test_published_figures(name: str, millions: float, gmacs: float) -> None:
    with torch.device("meta"):
        model = build_model(name, num_classes=1)
    digits = len(str(gmacs).partition(".")[2])
    assert round(count_parameters(model) / 1e6, 1) == millions
    assert round(flops_per_clip(model, frames=1) / 2e9, digits) == gmacs
