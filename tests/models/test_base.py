"""What every network inherits."""

import copy

import pytest
import torch
from torch import Tensor, nn

from videoreid.errors import ConfigError
from videoreid.functional import normalise_frames
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


def test_uint8_frames_are_normalised_with_the_networks_own_numbers() -> None:
    model = Toy().eval()
    model.pixel_mean, model.pixel_std = (0.1, 0.2, 0.3), (0.5, 0.25, 0.125)
    frames = torch.randint(0, 256, (2, 4, 3, 8, 4), dtype=torch.uint8)
    scaled = frames.double() / 255
    by_hand = (scaled - torch.tensor([0.1, 0.2, 0.3]).view(3, 1, 1)) / torch.tensor([0.5, 0.25, 0.125]).view(
        3, 1, 1
    )
    expected = by_hand.mean(dim=(1, 3, 4)) / (1 + 1e-5) ** 1.5  # two norms and a neck with fresh statistics
    torch.testing.assert_close(model(frames).double(), expected, atol=1e-5, rtol=1e-5)
    assert torch.equal(model(frames[:, 0]), model(frames[:, :1]))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_frames_take_the_type_of_the_parameters(dtype: torch.dtype) -> None:
    model = Toy().eval().to(dtype)
    frames = torch.randint(0, 256, (2, 4, 3, 8, 4), dtype=torch.uint8)
    exact = Toy().eval().double()(frames)
    for given in (frames, normalise_frames(frames)):
        embedding = model(given)
        assert embedding.dtype == dtype
        assert torch.allclose(embedding.double(), exact, atol=5 * torch.finfo(dtype).eps + 1e-6)


def test_frames_of_other_types() -> None:
    with pytest.raises(ConfigError, match=r"expected uint8 frames, or float .* got torch\.int64"):
        Toy()(torch.zeros(2, 4, 3, 8, 4, dtype=torch.int64))


class WithCameras(Toy):
    """Adds the camera number to the embedding."""

    uses_cameras = True

    def forward_clips(self, frames: Tensor, camids: Tensor | None = None) -> ReIDOutput:
        output = super().forward_clips(frames)
        shift = 0 if camids is None else camids[:, None]
        return ReIDOutput(output.embedding + shift, output.logits, output.features)


def test_only_a_network_that_uses_cameras_is_given_them() -> None:
    frames, camids = torch.rand(2, 4, 3, 8, 4), torch.tensor([3, 7])
    model = WithCameras().eval()
    assert torch.allclose(model(frames, camids) - model(frames), camids[:, None].float())
    model.uses_cameras = False
    assert torch.equal(model(frames, camids), model(frames))
    assert torch.equal(Toy().eval()(frames, camids), Toy().eval()(frames))


def test_a_state_dict_carries_the_normalisation() -> None:
    model, other = Toy(), Toy()
    model.pixel_mean, model.pixel_std = (0.5, 0.5, 0.5), (0.25, 0.5, 0.75)
    other.load_state_dict(model.state_dict())
    assert (other.pixel_mean, other.pixel_std) == ((0.5, 0.5, 0.5), (0.25, 0.5, 0.75))
    third = torch.nn.DataParallel(Toy())
    third.load_state_dict(torch.nn.DataParallel(model).state_dict())
    assert third.module.pixel_std == (0.25, 0.5, 0.75)
    plain = Toy()
    plain.load_state_dict(dict(model.state_dict()))
    assert plain.pixel_mean == Toy.pixel_mean, "a plain dict of tensors says nothing"


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


def test_a_copy_knows_what_is_frozen_and_fixed() -> None:
    model = Toy()
    model.freeze(["trunk.0"])
    copied = copy.deepcopy(model)
    copied.train()
    assert not copied.trunk[0].training
    copied.unfreeze()
    assert copied.trunk[0].weight.requires_grad
    assert not copied.neck.bias.requires_grad
    assert not model.trunk[0].weight.requires_grad


def test_an_unknown_stage() -> None:
    with pytest.raises(ConfigError, match="Toy has no stage 'trunc'; it has: trunk, neck"):
        Toy().freeze(["trunc"])


def test_published_names_are_translated() -> None:
    one = torch.ones(1)
    state = {"base.0.weight": one, "unused.x": one, "trunk.1.bias": one}
    assert list(Toy().translate_state_dict(state)) == ["trunk.0.weight", "trunk.1.bias"]
