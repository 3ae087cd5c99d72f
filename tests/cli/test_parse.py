"""``videoreid parse``."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from videoreid.cli import main
from videoreid.errors import ConfigError
from videoreid.models import build_model, save_pretrained
from videoreid.parsing.label_files import read_label_map
from videoreid.parsing.writing import read_visibility


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    model = build_model("ce2p_resnet18_half", num_classes=7, head_channels=16, input_size=(64, 32))
    folder = tmp_path_factory.mktemp("model")
    save_pretrained(model, folder)
    torch.save(model.state_dict(), folder / "checkpoint.pth")
    return folder


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for number in range(3):
        path = tmp_path / "in" / f"p{number % 2}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        image = np.random.default_rng(number).integers(0, 256, (40, 20, 3)).astype(np.uint8)
        cv2.imwrite(str(path), image)
    return tmp_path / "in"


def test_a_folder(weights: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["parse", str(pictures), "--weights", str(weights), "--output", str(tmp_path / "out")]
    command += ["--device", "cpu"]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert "ce2p_resnet18_half at 64x32 (pad, whole) | scales 1 | flip no | classes seed7" in printed
    assert "3 pictures parsed" in printed
    assert "per second" in printed
    assert read_label_map(tmp_path / "out" / "labels" / "p0" / "0.png").shape == (40, 20)
    assert (tmp_path / "out" / "overlays" / "p1" / "1.jpg").is_file()
    assert read_visibility(tmp_path / "out")[0] == ["p0", "p1"]
    assert main(command) == 0
    assert "0 pictures parsed" in capsys.readouterr().out
    assert main([*command, "--flip"]) == 2
    assert "give another output folder" in capsys.readouterr().err


def test_wrong_input(
    weights: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = ["--output", str(tmp_path / "out")]

    def error(*arguments: str) -> str:
        assert main(["parse", *arguments, *output]) == 2
        return capsys.readouterr().err

    source = str(pictures)
    assert "--root" in error("nowhere", "--weights", str(weights))
    assert "has 7 classes, table 'lip20' has 20" in error(
        source, "--weights", str(weights), "--table", "lip20"
    )
    checkpoint = str(weights / "checkpoint.pth")
    assert "is of another network" in error(
        source, "--weights", checkpoint, "--model", "ce2p_resnet18", "--table", "seed7"
    )
    assert "does not label pixels" in error(source, "--weights", checkpoint, "--model", "osnet_x0_25")
    assert "7 classes, the network 20" in error(
        source, "--weights", checkpoint, "--model", "ce2p_resnet18_half", "--released"
    )
    assert "give --table and --size" in error(source, "--weights", "net.onnx")
    assert not (tmp_path / "out").exists()


def test_options_reach_the_loader_of_the_dataset(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {}

    def build(name: str, root: Path, **options: object) -> None:
        asked.update(options, name=name)
        raise ConfigError("enough")

    monkeypatch.setattr("videoreid.data.datasets.build_dataset", build)
    rest = ["--weights", str(weights), "--output", str(tmp_path / "out"), "--option", "split_id=3"]
    assert main(["parse", "prid2011", "--root", ".", *rest]) == 2
    assert asked == {"name": "prid2011", "split_id": 3}
    assert main(["parse", str(tmp_path), *rest]) == 2
    assert "--option belongs to a dataset" in capsys.readouterr().err
