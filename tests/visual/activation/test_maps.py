"""Activation maps: values worked out by hand, and every network of the zoo."""

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.models.test_registry import SIZE, build, clips
from videoreid.errors import ConfigError
from videoreid.models import build_model, list_models
from videoreid.models.temporal import TEMPORAL
from videoreid.types import Clip
from videoreid.visual import ACTIVATION_METHODS, activation_maps
from videoreid.visual.activation import maps as room

# one of each way of computing; the others are slow
QUICK = {
    *("osnet_x0_25", "gcm", "psta", "tclnet", "bicnet_tks", "clipreid_rn50"),
    *("transreid_vit_b16", "cavit_vit_b16", "tfclip_vit_b16", "solider_swin_tiny"),
}
NAMES = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in list_models()]


class Linear(nn.Module):
    """The maps are the red and green of the pixels; the embedding is their mean over positions and frames."""

    pixel_mean, pixel_std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Conv2d(3, 2, 1, bias=False)
        self.trunk.weight.data = torch.eye(3)[:2, :, None, None].clone()
        self.norm = nn.BatchNorm2d(2)
        self.fails = False

    def forward(self, frames: Tensor) -> Tensor:
        found = self.trunk(frames.flatten(0, 1))
        if self.fails:
            raise RuntimeError("out of order")
        return found.unflatten(0, frames.shape[:2]).mean((1, 3, 4))


def two_spots() -> Tensor:
    """Return a clip of two frames of 2 x 2: red 8 at the first position, green 8 at the last of the second frame."""
    frames = torch.zeros(1, 2, 3, 2, 2)
    frames[0, 0, 0, 0, 0] = 8.0
    frames[0, 1, 1, 1, 1] = 8.0
    return frames


GREEN = torch.zeros(1, 1, 3, 2, 2)
GREEN[:, :, 1] = 5.0


@pytest.mark.parametrize("method", ["grad_cam", "pair"])
def test_gradients_of_a_linear_network_are_known(method: str) -> None:
    found = activation_maps(Linear(), two_spots(), method=method, other=GREEN, layer="trunk")
    # embedding (1, 1), reference (0, 1), gradient of the score for green 1 / (sqrt 2 * 8): 8 times that at one place
    expected = np.zeros((1, 2, 2, 2), np.float32)
    expected[0, 1, 1, 1] = 0.5**0.5
    np.testing.assert_allclose(found.values, expected, atol=1e-6)
    np.testing.assert_allclose(found.scores, [0.5**0.5], atol=1e-6)
    np.testing.assert_allclose(found.maps[0, 1], [[0, 0], [0, 1]], atol=1e-6)
    assert found.maps[0, 0].max() == 0, "the clip is scaled as one"


def test_the_contributions_of_a_linear_network_add_up_to_the_cosine() -> None:
    frames = torch.rand(3, 4, 3, 6, 5, generator=torch.Generator().manual_seed(0))
    found = activation_maps(Linear(), frames, method="pair", other=frames.flip(0), layer="trunk")
    embeddings = frames[:, :, :2].mean((1, 3, 4))
    cosines = nn.functional.cosine_similarity(embeddings, embeddings.flip(0)).numpy()
    np.testing.assert_allclose(found.scores, cosines, rtol=1e-6)
    np.testing.assert_allclose(found.values.sum((1, 2, 3)), cosines, rtol=1e-5)
    assert found.other is not None
    np.testing.assert_allclose(found.other.values.sum((1, 2, 3)), cosines, rtol=1e-5)
    np.testing.assert_allclose(found.other.values, found.values[::-1], rtol=1e-5)


def test_without_another_clip_the_score_is_that_with_itself() -> None:
    found = activation_maps(Linear(), two_spots(), method="grad_cam", layer="trunk")
    expected = np.zeros((1, 2, 2, 2), np.float32)
    expected[0, 0, 0, 0] = expected[0, 1, 1, 1] = 0.5  # (8 / sqrt 2) / (sqrt 2 * 8)
    np.testing.assert_allclose(found.values, expected, atol=1e-6)
    np.testing.assert_allclose(found.scores, [1.0], atol=1e-6)


def test_the_squared_channels_are_the_published_recipe() -> None:
    frames = torch.rand(2, 3, 3, 4, 2, generator=torch.Generator().manual_seed(1))
    found = activation_maps(Linear(), frames, layer="trunk")
    strength = frames[:, :, :2].square().sum(2)
    np.testing.assert_allclose(found.values, strength.numpy(), rtol=1e-6)
    # published: unit length over the positions, bilinear to the frame, least and largest to 0 and 1
    unit = nn.functional.normalize(strength.flatten(2), dim=2).view_as(strength)
    least, largest = unit.amin((2, 3), keepdim=True), unit.amax((2, 3), keepdim=True)
    np.testing.assert_allclose(found.maps, ((unit - least) / (largest - least + 1e-12)).numpy(), atol=1e-6)


def test_the_principal_component_is_positive_where_the_map_is_strong() -> None:
    found = activation_maps(Linear(), two_spots(), method="eigen_cam", layer="trunk")
    expected = np.zeros((1, 2, 2, 2), np.float32)
    expected[0, 0] = [[6, -2], [-2, -2]]  # 8 and three times 0, less their mean
    expected[0, 1] = [[-2, -2], [-2, 6]]
    np.testing.assert_allclose(found.values, expected, atol=1e-5)
    # gradient times activation: 4 / 8 at the same places, one channel in each frame
    graded = activation_maps(Linear(), two_spots(), method="eigen_grad_cam", layer="trunk")
    np.testing.assert_allclose(graded.values, expected / 16, atol=1e-6)


def test_a_map_without_differences_is_zero_not_nan() -> None:
    found = activation_maps(Linear(), torch.ones(1, 1, 3, 4, 4), layer="trunk")
    assert found.maps.max() == 0
    assert np.isfinite(found.values).all()


@pytest.mark.parametrize("name", NAMES)
def test_every_network_of_the_zoo_is_shown(name: str) -> None:
    model = build(name)
    frames = clips(2, 3, model)
    strength = activation_maps(model, frames)
    graded = activation_maps(model, frames, method="grad_cam", other=frames.flip(0), scale="frame")
    for found in (strength, graded):
        assert found.maps.shape == (2, frames.shape[1], *SIZE)
        assert found.values.shape[:2] == (2, frames.shape[1])
        assert found.values.shape[2] * found.values.shape[3] > 1
        assert np.isfinite(found.values).all()
        assert found.maps.min() >= 0
        assert found.maps.max() <= 1
    assert strength.maps.max() == 1
    assert np.abs(graded.values).max() > 0, "the layer has no path to the embedding"
    with torch.no_grad():
        embedding = model.eval()(
            frames
        ).double()  # untrained networks may have lengths below PyTorch's eps of 1e-8
    unit = embedding / embedding.norm(dim=1, keepdim=True)
    np.testing.assert_allclose(graded.scores, (unit * unit.flip(0)).sum(1).numpy(), atol=1e-4)


@pytest.mark.parametrize("head", TEMPORAL.names())
def test_every_temporal_head_is_shown(head: str) -> None:
    model = build_model("resnet18", temporal=head)
    frames = clips(1, 3, model)
    found = activation_maps(model, frames, method="grad_cam")
    assert np.abs(found.values).max() > 0
    assert (found.frame_weights is not None) == (head in ("attention", "self_attention"))


def test_the_weights_of_attention_are_those_of_the_head() -> None:
    torch.manual_seed(0)
    model = build_model("resnet18", temporal="attention").eval()
    model.temporal.time_conv.weight.data.mul_(20)  # weights that differ
    frames = clips(2, 4, model)
    found = activation_maps(model, frames, method="attention")
    with torch.no_grad():
        maps, vectors = (part.unflatten(0, (2, 4)) for part in model.encode(frames.flatten(0, 1)))
        weights = model.temporal.weights(model.temporal.scores(vectors, maps))
    assert found.frame_weights is not None
    np.testing.assert_allclose(found.frame_weights, weights.numpy(), rtol=1e-4)
    assert np.ptp(found.frame_weights) > 1e-3
    np.testing.assert_allclose(found.frame_weights.sum(1), 1, rtol=1e-5)


def test_self_attention_that_sees_all_frames_alike_weighs_them_alike() -> None:
    model = build_model("resnet18", temporal="self_attention", temporal_options={"layers": 2}).eval()
    for layer in model.temporal.layers:
        layer.qkv.weight.data.zero_()
        layer.qkv.bias.data.zero_()
    found = activation_maps(model, clips(1, 4, model), method="attention")
    assert found.frame_weights is not None
    np.testing.assert_allclose(found.frame_weights, np.full((1, 4), 0.25), rtol=1e-6)


def test_the_shares_of_parts_are_their_cosines() -> None:
    model = build("pcb_streid").eval()
    frames = clips(2, 2, model)
    found = activation_maps(model, frames, method="parts", other=frames.flip(0))
    with torch.no_grad():
        parts = nn.functional.normalize(model.part_features(frames), dim=1)
    cosines = (parts * parts.flip(0)).sum(1) / model.parts
    assert found.part_scores is not None
    np.testing.assert_allclose(found.part_scores, cosines.numpy(), rtol=1e-4)
    np.testing.assert_allclose(found.part_scores.sum(1), found.scores, rtol=1e-4)
    third = SIZE[0] // 3  # six stripes over 64 rows
    assert found.maps[:, :, :third].max() == pytest.approx(1)
    assert found.maps[:, :, -third:].max() == pytest.approx(1), "each stripe is scaled alone"


def test_a_batch_gives_what_its_clips_give() -> None:
    model = build("gcm_baseline")
    frames = clips(2, 2, model)
    for method in ("channels", "pair"):
        together = activation_maps(model, frames, method=method, other=frames.flip(0))
        for row in range(2):
            alone = activation_maps(model, frames[row], method=method, other=frames.flip(0)[row : row + 1])
            np.testing.assert_allclose(alone.values[0], together.values[row], rtol=1e-3, atol=1e-5)


def hooks_of(model: nn.Module) -> int:
    return sum(
        len(module._forward_hooks) + len(module._forward_pre_hooks) + len(module._backward_hooks)
        for module in model.modules()
    )


@pytest.mark.parametrize("method", sorted(ACTIVATION_METHODS))
def test_the_network_stays_as_it_was(method: str) -> None:
    model = build("pcb_streid" if method == "parts" else "transreid_vit_b16")
    if method == "attention":
        model = build_model("resnet18", temporal="attention")
    model.train()
    model.get_submodule(model.stages[0]).eval()
    modes = [module.training for module in model.modules()]
    state = copy.deepcopy(model.state_dict())
    frames = clips(1, 2, model)
    activation_maps(model, frames, method=method, other=frames)
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, model.state_dict()[key]) for key, value in state.items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert hooks_of(model) == 0


@pytest.mark.parametrize("method", ["channels", "grad_cam", "rollout", "attention"])
def test_no_hook_stays_where_they_are_set(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "eval_copy", lambda model: model.eval())  # the hooks go into the network itself
    model = Linear()
    frames = two_spots()
    for fails in (False, True):
        model.fails = fails
        for layer in ("trunk", None):
            try:
                activation_maps(model, frames, method=method, layer=layer)
            except (RuntimeError, ConfigError) as error:
                assert fails or method in ("rollout", "attention"), error
            assert hooks_of(model) == 0


def test_a_frozen_network_and_no_grad_still_give_gradients() -> None:
    model = Linear().requires_grad_(False)
    with torch.inference_mode():
        found = activation_maps(model, two_spots() + 0, method="grad_cam", other=GREEN, layer="trunk")
    assert found.values.max() == pytest.approx(0.5**0.5)


def test_wrappers_are_looked_through() -> None:
    frames, model = two_spots(), Linear()
    expected = activation_maps(model, frames, method="grad_cam", other=GREEN, layer="trunk").values
    for wrapped in (nn.DataParallel(model), torch.compile(model, backend="eager")):
        found = activation_maps(wrapped, frames, method="grad_cam", other=GREEN, layer="trunk")
        np.testing.assert_array_equal(found.values, expected)
    with pytest.raises(ConfigError, match="traced or scripted"):
        activation_maps(torch.jit.trace(model.eval(), frames), frames)


def test_the_gradient_mode_of_the_caller_stays() -> None:
    for mode in (True, False):
        with torch.set_grad_enabled(mode):
            activation_maps(Linear(), two_spots(), method="grad_cam", layer="trunk")
            assert torch.is_grad_enabled() == mode


def test_nan_does_not_pass_silently() -> None:
    frames = two_spots()
    frames[0, 0, 0, 1, 0] = float("nan")
    with pytest.raises(ConfigError, match="NaN"):
        activation_maps(Linear(), frames, layer="trunk")


def test_pixels_and_clips_of_a_loader() -> None:
    model = _OSNET
    pixels = torch.randint(0, 256, (2, 2, 3, *SIZE), dtype=torch.uint8)
    nothing = torch.zeros(2, dtype=torch.int64)
    clip = Clip(pixels, nothing, nothing, nothing.double(), nothing)
    np.testing.assert_array_equal(activation_maps(model, clip).values, activation_maps(model, pixels).values)


def test_bicnet_puts_its_two_streams_back_in_order() -> None:
    model = build("bicnet_tks")
    assert model.map_order(8) == [0, 4, 1, 2, 3, 5, 6, 7]
    frames = clips(1, 8, model)
    values = activation_maps(model, frames).values
    kept = []
    layer = model.get_submodule(model.map_layer)
    handle = layer.register_forward_hook(lambda module, inputs, output: kept.append(output))
    with torch.no_grad():
        model.eval()(frames)
    handle.remove()
    detail, context = (part.square().sum(1).numpy() for part in kept)  # (1, 2, 4, 2) and (1, 6, 2, 1)
    np.testing.assert_allclose(values[0, [0, 4]], detail[0], rtol=1e-5)
    np.testing.assert_allclose(values[0, [1, 2, 3, 5, 6, 7]].mean((1, 2)), context[0].mean((1, 2)), rtol=1e-4)


_OSNET = build_model("osnet_x0_25")


def wrong(change: Callable[[Tensor], Tensor]) -> Tensor:
    return change(torch.zeros(2, 3, 3, *SIZE))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"method": "gradcam"}, "did you mean 'grad_cam'.*channels, grad_cam"),
        ({"method": "parts"}, "pcb_p4, pcb_p6 and pcb_streid"),
        ({"method": "rollout"}, "transreid"),
        ({"method": "attention"}, "'attention' and 'self_attention'"),
        ({"method": "pair"}, "other="),
        ({"scale": "batch"}, "'frame' or 'clip'"),
        ({"layer": "conv9"}, "no layer 'conv9'; its first level has: conv1"),
        ({"layer": "fc"}, "no maps"),
        ({"other": torch.zeros(3, 1, 3, *SIZE)}, "2 clips and 3 others"),
        ({"camids": torch.zeros(3)}, "2 clips and 3 cameras"),
        ({"clip": wrong(lambda c: c[0, 0])}, r"expected clips \(B, T, 3, H, W\)"),
        ({"clip": wrong(lambda c: c.permute(0, 1, 3, 4, 2))}, "channels are last"),
        ({"clip": wrong(lambda c: c[:, :0])}, "expected clips"),
        ({"clip": wrong(lambda c: c.int())}, "uint8"),
        ({"clip": np.zeros((2, 3, 3, 8, 8))}, "got"),
    ],
)
def test_bad_input_is_named(arguments: dict, says: str) -> None:
    arguments = {"clip": wrong(lambda c: c), **arguments}
    with pytest.raises(ConfigError, match=says):
        activation_maps(_OSNET, arguments.pop("clip"), **arguments)


def test_a_network_fixed_to_a_length_says_so() -> None:
    with pytest.raises(ConfigError, match="clips of 8 frames, got 3"):
        activation_maps(build("bicnet_tks"), torch.zeros(1, 3, 3, *SIZE))


def test_the_record_prints_in_a_line() -> None:
    assert repr(activation_maps(Linear(), two_spots(), layer="trunk")) == (
        "ActivationMaps('channels', layer 'trunk', 1 clip x 2 frames, 2 x 2 shown at 2 x 2)"
    )
