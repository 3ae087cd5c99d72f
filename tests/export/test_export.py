"""Exported files answer as their networks do, or there is no file."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.models.test_registry import SLOW, build
from videoreid import export
from videoreid.cli import main
from videoreid.engine import FeatureExtractor, extract_features
from videoreid.errors import ConfigError, ExportError, MissingExtraError, WeightsError
from videoreid.export.parity import varied_clips
from videoreid.models import ReIDModel, build_model, list_models
from videoreid.models.digest import weights_digest
from videoreid.types import Clip, ReIDOutput

pytest.importorskip("onnxruntime", reason="needs the extra [export]")
SIZE = (32, 16)
HAS_OPENVINO = importlib.util.find_spec("openvino") is not None
needs_openvino = pytest.mark.skipif(not HAS_OPENVINO, reason="openvino is not installed")
TARGETS = [
    ("onnx", ".onnx"),
    ("torchscript", ".ts"),
    pytest.param("openvino", ".xml", marks=needs_openvino),
]


class Small(ReIDModel):
    """A convolution, then mean and maximum over frames: not the mean of what single frames give."""

    embedding_dim = 16
    input_size = SIZE
    pixel_mean, pixel_std = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 8, 3, stride=2)

    def forward_clips(self, frames: torch.Tensor) -> ReIDOutput:
        maps = torch.relu(self.conv(frames.flatten(0, 1))).mean((2, 3)).unflatten(0, frames.shape[:2])
        return ReIDOutput(torch.cat([maps.mean(1), maps.amax(1)], 1), (), ())


class FrozenLength(Small):
    """Python numbers of the example get into a trace: it is right for three frames alone."""

    def forward_clips(self, frames: torch.Tensor) -> ReIDOutput:
        embedding = super().forward_clips(frames).embedding
        return ReIDOutput(embedding + float(frames.shape[1]), (), ())


def clips(count: int = 3, length: int = 2) -> torch.Tensor:
    return varied_clips(count, length, SIZE, seed=5)


@pytest.mark.parametrize(("to", "suffix"), TARGETS)
@pytest.mark.parametrize("input_type", ["uint8", "float32"])
def test_a_file_answers_as_its_network(to: str, suffix: str, input_type: str, tmp_path: Path) -> None:
    model, path = Small(), tmp_path / f"net{suffix}"
    assert model.training
    error = export.export_model(model, path, to, input_type=input_type)
    assert 0 <= error < 1e-5
    assert model.training, "the network is left as it is"
    session = export.load(path)
    model.eval()
    for count, length in ((1, 1), (5, 3), (2, 11)):
        frames = clips(count, length)
        with torch.no_grad():
            torch.testing.assert_close(session(frames), model(frames), rtol=1e-4, atol=1e-5)
    assert isinstance(session, export.ExportedModel)
    record = session.metadata
    assert (record.model, record.input_size, record.input_type) == ("Small", SIZE, input_type)
    assert record.pixel_mean == (0.4, 0.5, 0.6)
    assert record.pixel_std == (0.2, 0.25, 0.3)
    assert record.frames is None
    assert record.embedding_dim == 16
    assert record.weights_sha256 == weights_digest(model) == weights_digest(session)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        {path.name, *(["net.bin"] if suffix == ".xml" else [])}
    )


def test_float_frames_are_normalised_frames(tmp_path: Path) -> None:
    from videoreid.functional import normalise_frames

    model = Small().eval()
    export.export_model(model, tmp_path / "f.onnx", input_type="float32")
    frames = normalise_frames(clips(), model.pixel_mean, model.pixel_std)
    with torch.no_grad():
        expected = model(frames)
    torch.testing.assert_close(export.load(tmp_path / "f.onnx")(frames), expected, rtol=1e-4, atol=1e-5)
    export.export_model(model, tmp_path / "u.onnx")
    with pytest.raises(ConfigError, match="takes uint8 frames"):
        export.load(tmp_path / "u.onnx")(frames)


@pytest.mark.parametrize(("to", "suffix"), TARGETS[:2])
def test_a_trace_that_is_wrong_is_refused(to: str, suffix: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"relative error .*no file was written"):
        export.export_model(FrozenLength(), tmp_path / f"a{suffix}", to)
    assert list(tmp_path.iterdir()) == []
    error = export.export_model(FrozenLength(), tmp_path / f"a{suffix}", to, frames=4)
    assert error < 1e-5
    session = export.load(tmp_path / f"a{suffix}")
    assert session.frames == 4
    with pytest.raises(ConfigError, match="clips of 4 frames, got 3"):
        session(clips(2, 3))


def test_wrong_arguments_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"must end in \.onnx"):
        export.export_model(Small(), tmp_path / "a.pt")
    with pytest.raises(ConfigError, match="targets are onnx"):
        export.export_model(Small(), tmp_path / "a.onnx", "tflite")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="not a Linear"):
        export.export_model(nn.Linear(1, 1), tmp_path / "a.onnx")
    model = Small()
    model.uses_cameras = True
    with pytest.raises(ConfigError, match="camera numbers"):
        export.export_model(model, tmp_path / "a.onnx")
    with pytest.raises(WeightsError, match="no exported network"):
        export.load(tmp_path / "none.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"no network")
    with pytest.raises(WeightsError, match="cannot be run by onnxruntime"):
        export.load(tmp_path / "bad.onnx")
    (tmp_path / "bad.ts").write_bytes(b"no network")
    with pytest.raises(WeightsError, match="no TorchScript file"):
        export.load(tmp_path / "bad.ts")


@pytest.mark.skipif(HAS_OPENVINO, reason="openvino is installed")
def test_a_missing_package_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingExtraError, match=r"videoreid\[openvino\]"):
        export.export_model(Small(), tmp_path / "a.xml", "openvino")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> export.ExportedModel:
    path = tmp_path_factory.mktemp("export") / "small.onnx"
    export.export_model(Small(), path)
    loaded = export.load(path)
    assert isinstance(loaded, export.ExportedModel)
    return loaded


def test_a_session_takes_the_place_of_a_model(session: export.ExportedModel) -> None:
    model, ids = Small(), torch.arange(3)
    batches = [Clip(clips(), ids, ids, ids.double(), ids)]
    for flip in (False, True):
        ours = extract_features(session, batches, progress=False, flip=flip)
        theirs = extract_features(model, batches, progress=False, flip=flip)
        torch.testing.assert_close(ours.embeddings, theirs.embeddings, rtol=1e-4, atol=1e-5)
    pictures = [np.full((40, 30, 3), level, np.uint8) for level in (10, 200)]
    ours, theirs = FeatureExtractor(session)(pictures), FeatureExtractor(model)(pictures)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    assert model.training
    with pytest.raises(ConfigError, match="cannot be trained"):
        session.train()
    with pytest.raises(ConfigError, match="resize them"):
        session(varied_clips(1, 1, (16, 16), seed=0))
    with pytest.raises(ConfigError, match="leave model_path out"):
        FeatureExtractor(session, "weights.pth")


def write_foreign(path: Path, *, nhwc: bool, batch: int | None, dtype: int) -> None:
    """Write ``mean over height and width`` of images, as others might: no metadata, a shape of its own."""
    import onnx
    from onnx import TensorProto, helper

    shape = [batch or "n", *([*SIZE, 3] if nhwc else [3, *SIZE])]
    axes = [1, 2] if nhwc else [2, 3]
    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats"], ["vectors"], axes=axes, keepdims=int(not nhwc)),
    ]
    out = [batch or "n", 3] if nhwc else [batch or "n", 3, 1, 1]
    graph = helper.make_graph(
        nodes,
        "foreign",
        [helper.make_tensor_value_info("images", dtype, shape)],
        [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, out)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(path))


@pytest.mark.parametrize("nhwc", [False, True])
@pytest.mark.parametrize("batch", [None, 1, 4])
@pytest.mark.parametrize("order", ["rgb", "bgr"])
def test_image_networks_of_others_load(nhwc: bool, batch: int | None, order: str, tmp_path: Path) -> None:
    write_foreign(tmp_path / "other.onnx", nhwc=nhwc, batch=batch, dtype=1)
    mean, std = (0.0, 0.0, 0.0), (1 / 255,) * 3
    session = export.load(
        tmp_path / "other.onnx",
        pixel_mean=mean,
        pixel_std=std,
        channel_order=order,  # type: ignore[arg-type]
    )
    frames = clips(3, 2)
    expected = frames.float().mean((1, 3, 4))
    expected = expected.flip(1) if order == "bgr" else expected
    torch.testing.assert_close(session(frames), expected, rtol=1e-4, atol=1e-3)
    assert session.input_size == SIZE
    assert session.embedding_dim == 3
    # ImageNet's numbers where nothing is said
    plain = export.load(tmp_path / "other.onnx")(frames)
    per_channel = frames.float().mean((1, 3, 4)) / 255
    wanted = (per_channel - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    torch.testing.assert_close(plain, wanted, rtol=1e-3, atol=1e-4)


def test_uint8_inputs_of_others_get_pixels(tmp_path: Path) -> None:
    write_foreign(tmp_path / "other.onnx", nhwc=True, batch=None, dtype=2)
    frames = clips(2, 3)
    session = export.load(tmp_path / "other.onnx")
    torch.testing.assert_close(session(frames), frames.float().mean((1, 3, 4)), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("to", ["onnx", pytest.param("torchscript", marks=pytest.mark.slow)])
def test_the_command_writes_and_rank_reads(
    to: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    model = build_model("osnet_x0_25")
    torch.save(model.state_dict(), tmp_path / "w.pth")
    output = tmp_path / f"net{'.onnx' if to == 'onnx' else '.ts'}"
    arguments = ["export", "osnet_x0_25", "--weights", str(tmp_path / "w.pth"), "--to", to]
    assert main([*arguments, "--size", "64", "32", "--output", str(output)]) == 0
    assert "its outputs agree with the network" in capsys.readouterr().out
    from videoreid.cli._building import build_with_weights

    session = build_with_weights(str(output), None)
    frames = varied_clips(2, 3, (64, 32), seed=1)
    with torch.no_grad():
        torch.testing.assert_close(session(frames), model.eval()(frames), rtol=1e-3, atol=1e-4)
    with pytest.raises(ConfigError, match="do not give --weights"):
        build_with_weights(str(output), "w.pth")
    with pytest.raises(ConfigError, match="--weights is missing"):
        build_with_weights("osnet_x0_25", None)


class Attending(Small):
    """A transformer layer, which PyTorch runs as one fused operator that ONNX does not have."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)

    def forward_clips(self, frames: torch.Tensor) -> ReIDOutput:
        maps = torch.relu(self.conv(frames.flatten(0, 1))).mean((2, 3)).unflatten(0, frames.shape[:2])
        vectors = self.layer(maps)
        return ReIDOutput(torch.cat([vectors.mean(1), vectors.amax(1)], 1), (), ())


@pytest.mark.parametrize("fast", [True, False])
def test_transformer_layers_are_exported(fast: bool, tmp_path: Path) -> None:
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(fast)
    try:
        error = export.export_model(Attending().eval(), tmp_path / "net.onnx", frames=2, batch=1)
        assert error < 1e-3
        assert torch.backends.mha.get_fastpath_enabled() == fast, "the setting is the user's"
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def test_heads_of_training_do_not_change_the_digest() -> None:
    torch.manual_seed(0)
    one = build_model("osnet_x0_25", 3)
    other = build_model("osnet_x0_25", 5)
    body = {key: value for key, value in one.state_dict().items() if not key.startswith("classifier")}
    other.load_state_dict(body, strict=False)
    assert weights_digest(one) == weights_digest(other)
    other.pixel_mean = (0.5, 0.5, 0.5)
    assert weights_digest(one) != weights_digest(other)
    with torch.no_grad():
        next(one.parameters()).add_(1e-3)
    assert weights_digest(one) != weights_digest(build_model("osnet_x0_25", 3))


# what tracing leaves free for any clip length, of each kind of network; the others may be refused, not be wrong
FREE = {"osnet_x0_25", "osnet_ain_x0_25", "resnet18", "mlfn", "pcb_p4", "se_resnet50", "mobilenetv2_x1_0"}


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in list_models() if name not in SLOW])
def test_networks_are_exported_or_refused(name: str, tmp_path: Path) -> None:
    model, path = build(name).eval(), tmp_path / "net.onnx"
    size = model.input_size if "height" in model.build_arguments else (64, 32)
    try:
        error = export.export_model(model, path, size=size)
    except ExportError:
        assert name not in FREE
        assert list(tmp_path.iterdir()) == []
        return
    assert error <= 1e-3
    session, length = export.load(path), model.frames or 5
    frames = varied_clips(3, length, size, seed=77)
    with torch.no_grad():
        torch.testing.assert_close(session(frames), model(frames), rtol=1e-2, atol=1e-3)


class Baked(Small):
    """A trace keeps the batch it saw."""

    def forward_clips(self, frames: torch.Tensor) -> ReIDOutput:
        embedding = super().forward_clips(frames).embedding
        return ReIDOutput(torch.stack([embedding[row] for row in range(len(frames))]), (), ())


@pytest.mark.parametrize(("to", "suffix"), TARGETS[:2])
def test_a_fixed_batch_is_run_in_pieces(to: str, suffix: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="if other batches fail, with batch=1"):
        export.export_model(Baked(), tmp_path / f"a{suffix}", to)
    assert list(tmp_path.iterdir()) == []
    model = Baked().eval()
    for batch in (1, 4):
        error = export.export_model(model, tmp_path / f"a{suffix}", to, batch=batch)
        assert error < 1e-5
        session = export.load(tmp_path / f"a{suffix}")
        assert isinstance(session, export.ExportedModel)
        assert session.metadata.batch == batch
        for count in (1, 4, 6):
            with torch.no_grad():
                torch.testing.assert_close(session(clips(count)), model(clips(count)), rtol=1e-4, atol=1e-5)
        assert session(clips(1)[:0]).shape == (0, 16)
    with pytest.raises(ConfigError, match="must be 1 or more"):
        export.export_model(model, tmp_path / f"a{suffix}", to, batch=0)


class Wide(Small):
    """Nearly all of its file is weights."""

    embedding_dim = 2000

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(16, 2000)

    def forward_clips(self, frames: torch.Tensor) -> ReIDOutput:
        return ReIDOutput(self.fc(super().forward_clips(frames).embedding), (), ())


@pytest.mark.parametrize(("to", "suffix"), TARGETS)
def test_half_precision_halves_the_file_and_keeps_the_answer(to: str, suffix: str, tmp_path: Path) -> None:
    model = Wide().eval()
    error = export.export_model(model, tmp_path / f"half{suffix}", to, precision="float16")
    assert 1e-5 < error < 1e-2, "the file computes in half precision, and well enough"
    session = export.load(tmp_path / f"half{suffix}")
    assert isinstance(session, export.ExportedModel)
    assert session.metadata.precision == "float16"
    assert weights_digest(session) != weights_digest(model) == session.metadata.weights_sha256
    with torch.no_grad():
        cosine = torch.nn.functional.cosine_similarity(session(clips()), model(clips()))
    assert session(clips()).dtype == torch.float32
    assert float(cosine.min()) > 0.9999
    export.export_model(model, tmp_path / f"whole{suffix}", to)
    ends = ".bin" if to == "openvino" else suffix
    assert (tmp_path / f"half{ends}").stat().st_size < 0.7 * (tmp_path / f"whole{ends}").stat().st_size
    assert next(model.parameters()).dtype == torch.float32
    with pytest.raises(ConfigError, match="int8 is made by quantise_model"):
        export.export_model(model, tmp_path / f"b{suffix}", to, precision="int8")  # type: ignore[arg-type]


def test_int8_answers_nearly_as_float32(tmp_path: Path) -> None:
    model = Wide().eval()
    export.export_model(model, tmp_path / "a.onnx")
    examples = clips(24, 1)
    cosine = export.quantise_model(tmp_path / "a.onnx", tmp_path / "b.onnx", examples)
    session, exact = export.load(tmp_path / "b.onnx"), export.load(tmp_path / "a.onnx")
    assert isinstance(session, export.ExportedModel)
    assert session.metadata.precision == "int8"
    assert session.metadata.weights_sha256 == weights_digest(model)
    assert weights_digest(session) != weights_digest(model), "features of int8 and float32 are not mixed"
    frames = varied_clips(5, 3, SIZE, seed=9)
    others = torch.nn.functional.cosine_similarity(session(frames), exact(frames))
    assert 0.95 < cosine < 0.99999
    assert float(others.min()) > 0.95
    with pytest.raises(ExportError, match=r"less than 1\.0; no file was written"):
        export.quantise_model(tmp_path / "a.onnx", tmp_path / "c.onnx", examples, smallest_cosine=1.0)
    assert not (tmp_path / "c.onnx").exists()
    with pytest.raises(ConfigError, match="expected uint8 clips"):
        export.quantise_model(tmp_path / "a.onnx", tmp_path / "c.onnx", examples.float())
    with pytest.raises(ConfigError, match="the file holds int8"):
        export.quantise_model(tmp_path / "b.onnx", tmp_path / "c.onnx", examples)
