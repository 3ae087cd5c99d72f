"""Features of different networks are told apart, also where the files of two networks look alike."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.export.test_export import SIZE, Small, clips, needs_openvino, write_foreign
from videoreid import export
from videoreid.export.digests import files_digest
from videoreid.indexing import model_fingerprint
from videoreid.models import build_model
from videoreid.models.digest import weights_digest
from videoreid.models.options import embedding_options

onnx = pytest.importorskip("onnx", reason="needs the extra [export]")


def write_scaled(path: Path, scale: float, *, external: bool) -> None:
    """Write ``scale * mean of an image``; with ``external`` the scale lies in a second file."""
    write_foreign(path, nhwc=False, batch=None, dtype=1)
    model = onnx.load(str(path))
    factors = onnx.numpy_helper.from_array(np.full((1, 3, 1, 1), scale, np.float32), "scale")
    model.graph.initializer.append(factors)
    model.graph.node[-1].output[0] = "means"
    model.graph.node.append(onnx.helper.make_node("Mul", ["means", "scale"], ["vectors"]))
    onnx.save_model(
        model,
        str(path),
        save_as_external_data=external,
        location=f"{path.name}.data",
        size_threshold=0,
    )


def test_weights_in_a_second_onnx_file_count(tmp_path: Path) -> None:
    for name, scale in (("a", 1.0), ("b", 2.0)):
        (tmp_path / name).mkdir()
        write_scaled(tmp_path / name / "net.onnx", scale, external=True)
    graphs = [(tmp_path / name / "net.onnx").read_bytes() for name in "ab"]
    assert graphs[0] == graphs[1], "the graphs do not show which weights they have"
    one, other = (export.load(tmp_path / name / "net.onnx") for name in "ab")
    torch.testing.assert_close(2 * one(clips()), other(clips()))
    assert weights_digest(one) != weights_digest(other)
    assert model_fingerprint(one) != model_fingerprint(other)


def test_a_file_without_others_has_its_own_sha256(tmp_path: Path) -> None:
    write_scaled(tmp_path / "net.onnx", 1.0, external=False)
    assert (
        files_digest(tmp_path / "net.onnx")
        == hashlib.sha256((tmp_path / "net.onnx").read_bytes()).hexdigest()
    )
    (tmp_path / "net.pth").write_bytes(b"weights")
    (tmp_path / "net.bin").write_bytes(b"of another network")
    assert files_digest(tmp_path / "net.pth") == hashlib.sha256(b"weights").hexdigest()


def test_files_outside_the_folder_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"1")
    (tmp_path / "in").mkdir()
    graph = b"\x0a\x08location\x12\x09../secret\x0a\x08location\x12\x04none"
    (tmp_path / "in" / "net.onnx").write_bytes(graph)
    assert files_digest(tmp_path / "in" / "net.onnx") == hashlib.sha256(graph).hexdigest()


@needs_openvino
@pytest.mark.parametrize("nhwc", [False, True])
@pytest.mark.parametrize("batch", [None, 4])
def test_openvino_networks_of_others_load(nhwc: bool, batch: int | None, tmp_path: Path) -> None:
    import openvino

    write_foreign(tmp_path / "other.onnx", nhwc=nhwc, batch=batch, dtype=1)
    openvino.save_model(openvino.convert_model(str(tmp_path / "other.onnx")), str(tmp_path / "other.xml"))
    rules = {"pixel_mean": (0.0, 0.0, 0.0), "pixel_std": (1 / 255,) * 3, "channel_order": "bgr"}
    session = export.load(tmp_path / "other.xml", **rules)  # type: ignore[arg-type]
    frames = clips(3, 2)
    expected = frames.float().mean((1, 3, 4)).flip(1)
    torch.testing.assert_close(session(frames), expected, rtol=1e-4, atol=1e-3)
    assert (session.input_size, session.embedding_dim) == (SIZE, 3)


@needs_openvino
def test_the_bin_file_of_openvino_counts(tmp_path: Path) -> None:
    import openvino

    write_scaled(tmp_path / "net.onnx", 2.0, external=False)
    graph = openvino.convert_model(str(tmp_path / "net.onnx"))
    for name, scale in (("a", 2.0), ("b", 3.0)):
        (tmp_path / name).mkdir()
        openvino.save_model(graph, str(tmp_path / name / "net.xml"), compress_to_fp16=False)
        weights = tmp_path / name / "net.bin"
        two, other = (np.float32(number).tobytes() for number in (2.0, scale))
        assert two in weights.read_bytes()
        weights.write_bytes(weights.read_bytes().replace(two, other))
    assert (tmp_path / "a" / "net.xml").read_bytes() == (tmp_path / "b" / "net.xml").read_bytes()
    one, other = (export.load(tmp_path / name / "net.xml") for name in "ab")
    torch.testing.assert_close(1.5 * one(clips()), other(clips()))
    assert weights_digest(one) != weights_digest(other)


def test_pixels_of_a_file_of_others_count(tmp_path: Path) -> None:
    write_foreign(tmp_path / "float.onnx", nhwc=False, batch=None, dtype=1)
    ways = [{}, {"channel_order": "bgr"}, {"pixel_mean": (0.5,) * 3}, {"pixel_std": (0.5,) * 3}]
    marks = {weights_digest(export.load(tmp_path / "float.onnx", **way)) for way in ways}  # type: ignore[arg-type]
    assert len(marks) == len(ways)
    assert weights_digest(export.load(tmp_path / "float.onnx")) in marks
    write_foreign(tmp_path / "uint8.onnx", nhwc=False, batch=None, dtype=2)
    marks = {weights_digest(export.load(tmp_path / "uint8.onnx", **way)) for way in ways}  # type: ignore[arg-type]
    assert len(marks) == 2, "a uint8 file normalises itself: only the order of channels counts"


def test_exported_files_of_two_networks_have_two_fingerprints(tmp_path: Path) -> None:
    one, other = Small().eval(), Small().eval()
    with torch.no_grad():
        other.conv.weight.mul_(2)
    for name, model in (("a", one), ("b", other)):
        export.export_model(model, tmp_path / f"{name}.ts", "torchscript")
    sessions = [export.load(tmp_path / f"{name}.ts") for name in "aab"]
    marks = list(map(model_fingerprint, sessions))
    assert marks[0] == marks[1]
    assert marks[0] != marks[2], "else a gallery mixes the embeddings of two networks"


def test_options_without_tensors_count() -> None:
    torch.manual_seed(0)
    plain = build_model("osnet_x0_25").eval()
    same = build_model("osnet_x0_25", 7, temporal="average").eval()
    highest = build_model("osnet_x0_25", temporal="max").eval()
    for model in (same, highest):
        body = {key: value for key, value in plain.state_dict().items() if not key.startswith("classifier")}
        model.load_state_dict(body, strict=False)
    frames = torch.randint(0, 256, (1, 3, 3, 64, 32), dtype=torch.uint8)
    with torch.no_grad():
        torch.testing.assert_close(same(frames), plain(frames))
        assert not torch.allclose(highest(frames), plain(frames))
    for digest in (weights_digest, model_fingerprint):
        assert digest(plain) == digest(same)
        assert digest(plain) != digest(highest)


def test_only_options_of_the_embedding_are_told() -> None:
    assert embedding_options(build_model("resnet18", 3, temporal="max").build_arguments) == {
        "temporal": "max"
    }
    assert embedding_options(build_model("resnet50_ta", height=224, width=112).build_arguments) == {}
