"""Image networks from other sources on the command line: their pixels are stated once, and kept."""

import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("onnxruntime", reason="needs the extra [export]")
pytest.importorskip("onnx", reason="needs the extra [export]")

from tests.cli.test_find import made, scene  # noqa: F401 - fixtures
from tests.export.test_export import write_foreign
from videoreid.cli import main
from videoreid.export import ForeignModel, load
from videoreid.indexing import model_fingerprint
from videoreid.retrieval import Gallery

PIXELS = ["--pixel-mean", "0", "0", "0", "--pixel-std", "1", "1", "1", "--channel-order", "bgr"]


def test_a_gallery_keeps_the_pixels_of_its_network(
    scene: Path,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_foreign(scene / "colour.onnx", nhwc=False, batch=None, dtype=1)
    assert main(["index", "add", "ix", "a.avi", "--tracks", "a.txt", "--model", "colour.onnx", *PIXELS]) == 0
    gallery = Gallery.open("ix")
    expected = {"pixel_mean": [0.0] * 3, "pixel_std": [1.0] * 3, "channel_order": "bgr"}
    assert json.loads(gallery.details["pixels"]) == expected
    network = load(scene / "colour.onnx", pixel_mean=(0, 0, 0), pixel_std=(1, 1, 1), channel_order="bgr")
    assert isinstance(network, ForeignModel)
    assert gallery.fingerprint == model_fingerprint(network)
    capsys.readouterr()
    assert main(["find", "ix", "--image", "p.png", "--detector", "one.txt", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [match["key"] for match in found] == ["a:1", "a:2"], "the red person, then the green one"
    assert found[0]["distance"] < 1e-3
    assert main(["find", "ix", "--image", "p.png", "--detector", "one.txt", "--channel-order", "rgb"]) == 2
    assert "embeddings of different models" in capsys.readouterr().err


def test_another_network_of_the_same_size_is_refused(
    scene: Path,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, weights in (("a", "w.pth"), ("b", "other.pth")):
        export = ["export", "osnet_x0_25", "--weights", weights, "--size", "64", "32", "--to", "torchscript"]
        assert main([*export, "--output", f"{name}.ts"]) == 0
    assert main(["index", "add", "ix", "a.avi", "--tracks", "a.txt", "--model", "a.ts"]) == 0
    shutil.copy("a.ts", "moved.ts")
    seen = ["find", "ix", "--image", "p.png", "--detector", "one.txt"]
    assert main([*seen, "--model", "moved.ts"]) == 0
    capsys.readouterr()
    assert main([*seen, "--model", "b.ts"]) == 2
    assert "embeddings of different models" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["rank", "extract"])
def test_a_network_of_the_zoo_knows_its_pixels(
    command: str,
    scene: Path,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    named = ["--model", "osnet_x0_25", "--weights", "w.pth", "--channel-order", "bgr"]
    source = {
        "rank": ["--video", "a.avi", "--tracks", "a.txt"],
        "extract": ["--video", "a.avi", "--tracks", "a.txt"],
    }
    assert main([command, *source[command], *named, "--output", "out.h5"]) == 2
    assert "--channel-order is for files from other sources" in capsys.readouterr().err
    assert not (scene / "out.h5").exists()
