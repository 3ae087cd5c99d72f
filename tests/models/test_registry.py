"""The contract of every registered network, checked for each of them without naming any twice."""

import copy
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from tests.models.published import parameters_without_gradient
from videoreid.errors import ConfigError, UnknownNameError
from videoreid.functional import normalise_frames
from videoreid.models import MODELS, build_model, list_models
from videoreid.models.base import ReIDModel
from videoreid.models.layers.osnet_blocks import ChannelGate
from videoreid.types import ReIDOutput

CLASSES = 5
SIZE = (64, 32)
# oneDNN 3.12 reads memory that nobody wrote in 3 x 3 convolutions of stride 2 over maps 2 wide, in bfloat16 alone
BFLOAT16_SIZE = (128, 64)
ON_RESNET18 = ["ame", "gcm", "gcm_baseline", "gcm_coordatt", "gcm_me", "gcm_multiloss", "mra", "pcb_streid"]
SMALL = {  # options that make a network small without changing what is tested
    **{key: {"backbone": "resnet18"} for key in ON_RESNET18},
    "psta": {"backbone": "resnet18", "height": 64, "width": 32},
    "resnet50_ta": {"height": 64, "width": 32},
    "resnet50_ta_bot": {"height": 64, "width": 32},
}
# siblings of a network that stays in the default run, and networks of more than 40 million parameters
SLOW = {
    *("osnet_x0_75", "osnet_x0_5", "osnet_x1_0", "osnet_ain_x1_0", "osnet_ain_x0_75", "osnet_ain_x0_5"),
    *("resnet34", "resnet50", "resnet101", "resnet152", "resnext101_32x8d", "resnet50_ibn_b", "pcb_p6"),
    *("resnet50_fc512", "resnet50mid", "resnext50_32x4d", "resnet50_tp", "resnet50_rnn", "resnet50_ta"),
    *("se_resnet50_fc512", "se_resnet101", "se_resnext50_32x4d", "se_resnext101_32x4d"),
    *("mobilenetv2_x1_4", "mudeep", "gcm_me", "gcm_coordatt", "gcm_multiloss", "resnet50_3d", "tracklet_vit"),
}
NAMES = [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in list_models()]


def build(name: str, **options: int) -> ReIDModel:
    torch.manual_seed(0)
    return build_model(name, CLASSES, **{**SMALL.get(name, {}), **options})


@pytest.fixture(scope="module", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def model(name: str) -> ReIDModel:
    return build(name)


@pytest.fixture(autouse=True)
def untouched(model: ReIDModel) -> Iterator[None]:
    """Leave the shared network as it was: running statistics change in train mode."""
    before = {key: value.clone() for key, value in model.named_buffers()}
    yield
    with torch.no_grad():
        for key, value in model.named_buffers():
            value.copy_(before[key])
    model.eval()


def clips(batch: int, frames: int, model: ReIDModel, seed: int = 0, size: tuple[int, int] = SIZE) -> Tensor:
    length = model.frames or frames
    return torch.randn(batch, length, 3, *size, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("length", [1, 3])
def test_train_mode_returns_every_head(model: ReIDModel, length: int) -> None:
    model.train()
    output = model(clips(3, length, model))
    assert isinstance(output, ReIDOutput)
    assert output.embedding.shape == (3, model.embedding_dim)
    assert output.logits
    assert output.features
    assert all(logits.shape == (3, CLASSES) for logits in output.logits)
    assert all(features.ndim == 2 and len(features) == 3 for features in output.features)
    everything = [output.embedding, *output.logits, *output.features, *output.extras.values()]
    assert all(tensor.isfinite().all() for tensor in everything)


@torch.no_grad()
def test_eval_mode_returns_the_embedding(model: ReIDModel) -> None:
    model.eval()
    frames = clips(2, 3, model)
    together = model(frames)
    assert isinstance(together, Tensor)
    assert together.shape == (2, model.embedding_dim)
    assert torch.equal(together, model(frames)), "two runs differ"
    alone = torch.cat([model(frames[:1]), model(frames[1:])])
    assert torch.allclose(together, alone, rtol=1e-3, atol=1e-4 * together.abs().max().item())


@torch.no_grad()
def test_pixels_and_float_types(model: ReIDModel) -> None:
    model.eval()
    pixels = torch.randint(
        0,
        256,
        (2, model.frames or 2, 3, *SIZE),
        dtype=torch.uint8,
        generator=torch.Generator().manual_seed(0),
    )
    single = model(pixels)
    assert torch.equal(single, model(normalise_frames(pixels, model.pixel_mean, model.pixel_std)))
    exact = copy.deepcopy(model).double()(pixels)
    assert exact.dtype == torch.float64
    assert torch.nn.functional.cosine_similarity(single.double(), exact).min() > 1 - 1e-6


@torch.no_grad()
def test_an_image_is_a_clip_of_one_frame(model: ReIDModel) -> None:
    if model.frames is not None:
        pytest.skip(f"takes clips of {model.frames} frames")
    model.eval()
    frames = clips(1, 1, model)
    assert torch.equal(model(frames), model(frames[:, 0]))


@torch.no_grad()
def test_state_dict_round_trip(name: str, model: ReIDModel) -> None:
    torch.manual_seed(1)
    other = build_model(name, CLASSES, **SMALL.get(name, {})).eval()
    frames = clips(1, 3, model)
    model.eval()
    assert not torch.equal(other(frames), model(frames)), "initial weights do not depend on the seed"
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(frames), model(frames))


def test_the_same_seed_gives_the_same_network(name: str, model: ReIDModel) -> None:
    other = build(name).state_dict()
    assert all(torch.equal(value, other[key]) for key, value in model.state_dict().items())


def test_gradients_reach_every_parameter(name: str) -> None:
    model = build(name)
    for gate in model.modules():
        if isinstance(
            gate, ChannelGate
        ):  # its hidden layer has as few as one unit, asleep in half of all draws
            torch.nn.init.constant_(gate.fc1.bias, 3.0)
    assert parameters_without_gradient(model, clips(3, 5, model)) == []


@torch.no_grad()
def test_bfloat16_forward(name: str) -> None:
    height, width = BFLOAT16_SIZE
    fixed = {"height": height, "width": width} if "height" in SMALL.get(name, {}) else {}
    model = build(name, **fixed).eval()
    frames = clips(1, 3, model, size=BFLOAT16_SIZE)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = model(frames)
    full = model(frames)
    assert half.isfinite().all()
    cosine = torch.nn.functional.cosine_similarity(half.float(), full)
    assert cosine.min() > 0.9, f"autocast points elsewhere: {cosine}"
    whole = build(name, **fixed).eval().to(torch.bfloat16)(frames.to(torch.bfloat16))
    assert whole.dtype == torch.bfloat16
    assert whole.isfinite().all()


def test_attributes(model: ReIDModel) -> None:
    assert model.embedding_dim > 0
    height, width = model.input_size
    assert height >= width > 0
    assert model.stages
    for stage in model.stages:
        model.get_submodule(stage)
    assert model.build_arguments["num_classes"] == CLASSES


def test_freezing_by_stage(model: ReIDModel) -> None:
    trained = {key for key, parameter in model.named_parameters() if parameter.requires_grad}
    stage = next(name for name in model.stages if list(model.get_submodule(name).parameters()))
    model.freeze([stage])
    model.train()
    assert not model.get_submodule(stage).training, "a frozen stage must keep its running statistics"
    frozen = {key for key in trained if not model.get_parameter(key).requires_grad}
    assert frozen == {key for key in trained if key.startswith(f"{stage}.")}
    model.unfreeze()
    assert {key for key, parameter in model.named_parameters() if parameter.requires_grad} == trained
    model.train()
    assert model.get_submodule(stage).training


def test_wrong_shapes_are_explained(model: ReIDModel) -> None:
    length = model.frames or 4
    with pytest.raises(ConfigError, match="transpose"):
        model(torch.zeros(2, 3, length, *SIZE))
    with pytest.raises(ConfigError, match="3 channels"):
        model(torch.zeros(2, length, 1, *SIZE))
    with pytest.raises(ConfigError, match="got shape"):
        model(torch.zeros(3, *SIZE))
    if model.frames is not None:
        with pytest.raises(ConfigError, match=f"clips of {model.frames} frames"):
            model(torch.zeros(2, model.frames + 1, 3, *SIZE))


@pytest.mark.slow
@torch.no_grad()
def test_compiles(model: ReIDModel) -> None:
    model.eval()
    frames = clips(1, 2, model)
    torch.compiler.reset()
    compiled = torch.compile(model, backend="aot_eager")
    expected = model(frames)
    assert torch.allclose(compiled(frames), expected, rtol=1e-3, atol=1e-4 * expected.abs().max().item())


@pytest.mark.slow
@torch.no_grad()
def test_exports_to_onnx(model: ReIDModel, tmp_path_factory: pytest.TempPathFactory) -> None:
    pytest.importorskip("onnxscript", reason="ONNX export needs the [export] extra")
    runtime = pytest.importorskip("onnxruntime", reason="ONNX export needs the [export] extra")
    model.eval()
    frames = clips(2, 2, model)
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    torch.onnx.export(model, (frames,), path, dynamo=True, input_names=["frames"], verbose=False)
    (answer,) = runtime.InferenceSession(path).run(None, {"frames": frames.numpy()})
    expected = model(frames)
    assert torch.allclose(
        torch.from_numpy(answer), expected, rtol=1e-2, atol=1e-3 * expected.abs().max().item()
    )


def test_names() -> None:
    assert list_models() == sorted(MODELS)
    assert list_models("osnet_x0*") == ["osnet_x0_25", "osnet_x0_5", "osnet_x0_75"]
    with pytest.raises(UnknownNameError, match="did you mean 'osnet_x1_0'"):
        build_model("osnet_x10")


def test_slow_names_are_names() -> None:
    assert set(SLOW) | set(SMALL) <= set(list_models())
