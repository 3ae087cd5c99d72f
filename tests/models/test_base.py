"""What every network inherits."""

import pytest
import torch
from torch import Tensor, nn

from videoreid.errors import ConfigError
from videoreid.models.base import ReIDModel
from videoreid.models.layers.bn_neck import bn_neck
from videoreid.types import ReIDOutput


class Toy(ReIDModel):
    """The mean colour of a clip, scaled, behind a neck."""

    embedding_dim = 3
    stages = ("trunk", "neck")
    key_rules = ((r"^base\.0\.", "trunk.0."), (r"^unused\.", None))

    def __init__(self, frames: int | None = None) -> None:
        super().__init__()
        self.frames = frames
        self.trunk = nn.Sequential(nn.BatchNorm2d(3), nn.BatchNorm2d(3))
        self.neck = bn_neck(3)

    def forward_clips(self, frames: Tensor) -> ReIDOutput:
        maps = self.trunk(frames.flatten(0, 1)).unflatten(0, frames.shape[:2])
        pooled = maps.mean(dim=(1, 3, 4))
        return ReIDOutput(self.neck(pooled), (), (pooled,))


def test_the_mode_decides_what_is_returned() -> None:
    frames = torch.rand(2, 4, 3, 8, 4)
    assert isinstance(Toy().train()(frames), ReIDOutput)
    assert Toy().eval()(frames).shape == (2, 3)
    assert Toy().eval()(frames[:, 0]).shape == (2, 3)


def test_a_subclass_must_implement_its_forward() -> None:
    with pytest.raises(NotImplementedError, match="forward_clips"):
        ReIDModel()(torch.rand(1, 1, 3, 8, 4))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 3, 4, 8, 4), r"looks like \(B, C, T, H, W\): call frames.transpose\(1, 2\)"),
        ((2, 4, 1, 8, 4), r"expected 3 channels on axis 2"),
        ((2, 1, 8, 4), r"expected 3 channels"),
        ((3, 8, 4), r"expected \(B, T, 3, H, W\) or \(B, 3, H, W\)"),
    ],
)
def test_wrong_shapes(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Toy()(torch.rand(shape))


def test_frames_that_are_not_normalised() -> None:
    with pytest.raises(ConfigError, match=r"got torch\.uint8: call functional\.normalise_frames"):
        Toy()(torch.zeros(2, 4, 3, 8, 4, dtype=torch.uint8))


def test_a_fixed_clip_length() -> None:
    with pytest.raises(ConfigError, match="takes clips of 4 frames, got 3"):
        Toy(frames=4)(torch.rand(2, 3, 3, 8, 4))


def test_frozen_parts_keep_their_statistics() -> None:
    model = Toy()
    model.freeze(["trunk"])
    model.train()
    assert model.training
    assert not model.trunk[0].training
    before = model.trunk[0].running_mean.clone()
    model(torch.rand(2, 4, 3, 8, 4))
    assert torch.equal(model.trunk[0].running_mean, before)
    model.unfreeze(["trunk"])
    model(torch.rand(2, 4, 3, 8, 4))
    assert not torch.equal(model.trunk[0].running_mean, before)


def test_freezing_inside_a_stage() -> None:
    model = Toy()
    model.freeze(["trunk.1"])
    model.train()
    assert model.trunk[0].training
    assert not model.trunk[1].training
    model.unfreeze(["trunk"])
    model.train()
    assert model.trunk[1].training
    assert all(parameter.requires_grad for parameter in model.trunk.parameters())


def test_what_is_fixed_by_design_stays_fixed() -> None:
    model = Toy()
    model.freeze(["neck"])
    model.unfreeze()
    assert model.neck.weight.requires_grad
    assert not model.neck.bias.requires_grad


def test_an_unknown_stage() -> None:
    with pytest.raises(ConfigError, match="Toy has no stage 'trunc'; it has: trunk, neck"):
        Toy().freeze(["trunc"])


def test_published_names_are_translated() -> None:
    one = torch.ones(1)
    state = {"base.0.weight": one, "unused.x": one, "trunk.1.bias": one}
    assert list(Toy().translate_state_dict(state)) == ["trunk.0.weight", "trunk.1.bias"]
