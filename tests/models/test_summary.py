"""What a network is made of, against the counts of the whole and by hand."""

import pytest
import torch
from torch import nn

from tests.models.test_registry import SMALL
from videoreid.errors import ConfigError
from videoreid.models import build_model, count_parameters, flops_per_clip, summarise
from videoreid.models.base import ReIDModel
from videoreid.types import ReIDOutput


class Tiny(ReIDModel):
    """A convolution that runs twice, a token, a classifier that retrieval does not use."""

    embedding_dim = 4
    input_size = (8, 4)

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Conv2d(3, 3, 1, bias=False), nn.ReLU())
        self.token = nn.Parameter(torch.zeros(3))
        self.fc = nn.Linear(3, 4)
        self.classifier = nn.Linear(4, 7)

    def forward_clips(self, frames: torch.Tensor) -> ReIDOutput:
        maps = self.trunk(self.trunk(frames.flatten(0, 1))) + self.token[:, None, None]
        vectors = self.fc(maps.mean((2, 3))).unflatten(0, frames.shape[:2])
        return ReIDOutput(vectors.mean(1), (), ())


def test_every_number_by_hand() -> None:
    found = summarise(Tiny(), frames=2, depth=2)
    rows = {row.name: row for row in found.rows}
    assert (found.clip, found.parameters, found.loose) == ((2, 8, 4), 9 + 3 + 16 + 35, 3)
    trunk = rows["trunk"]
    assert (trunk.shape, trunk.calls, trunk.parameters) == ("2 x 3 x 8 x 4", 2, 9)
    assert trunk.flops == 2 * (
        2 * 9 * 32 * 2
    )  # twice, two a multiply-add, 9 of them at 32 places of 2 frames
    assert (rows["trunk.0"].parameters, rows["trunk.1"].parameters) == (9, 0)
    assert rows["fc"].flops == 2 * 12 * 2
    assert (rows["classifier"].shape, rows["classifier"].calls, rows["classifier"].flops) == ("-", 0, 0)
    assert found.flops == trunk.flops + rows["fc"].flops
    lines = str(found).splitlines()
    assert lines[0].split() == ["layer", "kind", "output", "parameters", "MFLOP"]
    assert lines[1].split()[:3] == ["trunk", "(x2)", "Sequential"]
    assert lines[2].startswith("  0 (x2)  ")
    assert lines[-1].split() == ["whole", "63", "0.0"]
    assert lines[-2].split()[:3] == ["in", "no", "layer"]


@pytest.mark.parametrize("name", ["osnet_x0_25", "gcm", "transreid_vit_b16", "tclnet", "pcb_streid"])
def test_the_parts_add_up_to_the_whole(name: str) -> None:
    with torch.device("meta"):
        model = build_model(name, **SMALL.get(name, {}))
    found = summarise(model)
    assert found.parameters == count_parameters(model)
    assert found.flops == flops_per_clip(model)
    assert sum(row.parameters for row in found.rows) + found.loose == found.parameters
    deep = summarise(model, depth=3)
    assert [row for row in deep.rows if row.depth == 1] == list(found.rows)
    assert not any(module._forward_hooks for module in model.modules())


def test_a_depth_of_nothing_is_named() -> None:
    with pytest.raises(ConfigError, match="depth must be 1 or more"):
        summarise(Tiny(), depth=0)
