"""An exported file takes the place of a network in extract, rank and find, on the command line as well."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from videoreid import export
from videoreid.cli import main
from videoreid.engine import VideoTracks, extract_tracklets
from videoreid.models import ReIDModel
from videoreid.models.digest import weights_digest
from videoreid.retrieval import read_features
from videoreid.types import ReIDOutput

pytest.importorskip("onnxruntime", reason="the extra [export] is not installed")


class Colours(ReIDModel):
    """Mean colours of stripes."""

    embedding_dim = 12
    input_size = (32, 16)

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward_clips(self, frames: torch.Tensor) -> ReIDOutput:
        stripes = frames.mean((1, 4)).unflatten(2, (4, 8)).mean(3)
        return ReIDOutput(stripes.flatten(1) * self.scale, (), ())


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of two people in red and green, their tracks, a picture of the red one, and the network's file."""
    folder = tmp_path_factory.mktemp("scene")
    writer = cv2.VideoWriter(str(folder / "a.avi"), cv2.VideoWriter_fourcc(*"FFV1"), 10, (128, 96))
    if not writer.isOpened():
        pytest.skip("OpenCV cannot write FFV1 here")
    rows = []
    for number in range(6):
        image = np.full((96, 128, 3), 90, np.uint8)
        image[5:45, number : number + 20] = (20, 20, 220)
        image[50:90, 90 - number : 110 - number] = (20, 220, 20)
        writer.write(image)
        rows += [f"{number + 1},1,{number + 1},6,20,40,1", f"{number + 1},2,{91 - number},51,20,40,1"]
    writer.release()
    (folder / "a.txt").write_text("\n".join(rows))
    (folder / "one.txt").write_text("1,-1,31,11,20,40,0.9\n")
    image = np.full((96, 128, 3), 90, np.uint8)
    image[10:50, 30:50] = (20, 20, 220)
    cv2.imwrite(str(folder / "p.png"), image)
    export.export_model(Colours(), folder / "net.onnx")
    return folder


def test_extract_takes_a_session(scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, session = VideoTracks(scene / "a.avi", scene / "a.txt"), export.load(scene / "net.onnx")
    ours = extract_tracklets(session, source, tmp_path / "session.h5")
    theirs = extract_tracklets(Colours(), source, tmp_path / "network.h5")
    torch.testing.assert_close(ours.gallery.embeddings, theirs.gallery.embeddings, rtol=1e-4, atol=1e-5)
    assert ours.details["weights_sha256"] == weights_digest(Colours()) == theirs.details["weights_sha256"]
    command = ["extract", "--video", str(scene / "a.avi"), "--tracks", str(scene / "a.txt"), "--camera", "3"]
    command += ["--model", str(scene / "net.onnx"), "--output", str(tmp_path / "command.h5")]
    assert main(command) == 0
    assert "2 gallery tracklets, in float32" in capsys.readouterr().out
    stored = read_features(tmp_path / "command.h5")
    assert stored.gallery.camids.tolist() == [3, 3]
    torch.testing.assert_close(stored.gallery.embeddings, ours.gallery.embeddings)
    with_tracks = ["extract", "--video", "a.avi", "--model", "m.onnx", "--output", "x.h5"]
    assert main(with_tracks) == 2
    assert "--video and --tracks belong together" in capsys.readouterr().err


def test_rank_takes_a_session(scene: Path, tmp_path: Path) -> None:
    command = [
        "rank",
        "--video",
        str(scene / "a.avi"),
        "--tracks",
        str(scene / "a.txt"),
        "--split-tracks",
        "0.5",
    ]
    command += ["--model", str(scene / "net.onnx"), "--output", str(tmp_path / "answer")]
    assert main(command) == 0
    with (tmp_path / "answer" / "ranking.csv").open() as file:
        first = [row for row in csv.DictReader(file) if row["rank"] == "1"]
    assert [row["match"] for row in first] == ["1", "1"], "each person is found again by colour"


def test_find_takes_a_session(
    scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["index", "add", "ix", str(scene / "a.avi"), "--tracks", str(scene / "a.txt")]
    assert main([*command, "--model", str(scene / "net.onnx"), "--detector", str(scene / "one.txt")]) == 0
    capsys.readouterr()
    assert main(["find", "ix", "--image", str(scene / "p.png"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [match["key"] for match in found] == ["a:1", "a:2"]
    assert found[0]["distance"] < 0.05 < found[1]["distance"]


def test_the_command_quantises_by_the_frames_of_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    for person in range(6):
        place = tmp_path / "people" / f"{person:04d}" / "c0" / "walk"
        place.mkdir(parents=True)
        for frame in range(2):
            picture = rng.integers(0, 256, (8, 4, 3)).astype(np.uint8)
            cv2.imwrite(
                str(place / f"{frame}.png"), cv2.resize(picture, (32, 64), interpolation=cv2.INTER_LINEAR)
            )
    command = ["export", "mobilenetv2_x1_0", "--to", "onnx", "--size", "64", "32"]
    command += ["--output", str(tmp_path / "q.onnx"), "--precision", "int8"]
    assert main(command) == 2
    assert "--precision int8 needs --calibration" in capsys.readouterr().err
    assert main([*command, "--calibration", str(tmp_path / "people")]) == 0
    printed = capsys.readouterr().out
    assert "the file holds an untrained network" in printed
    assert "smallest cosine to float32 on 6 clips" in printed
    session = export.load(tmp_path / "q.onnx")
    assert isinstance(session, export.ExportedModel)
    assert (session.metadata.precision, session.metadata.model) == ("int8", "mobilenetv2_x1_0")
