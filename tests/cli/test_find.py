import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from videoreid.cli import main
from videoreid.retrieval import Gallery

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared/data"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recordings with their tracks, files of detections, a network, and a gallery of the first recording."""
    import torch

    from videoreid.models import build_model

    tmp_path = tmp_path_factory.mktemp("made")
    torch.manual_seed(0)
    torch.save(build_model("osnet_x0_25", num_classes=3).state_dict(), tmp_path / "w.pth")
    torch.save(build_model("osnet_x0_25", num_classes=3).state_dict(), tmp_path / "other.pth")
    for name, shift in (("a", 0), ("b", 7)):
        writer = cv2.VideoWriter(
            str(tmp_path / f"{name}.avi"), cv2.VideoWriter_fourcc(*"FFV1"), 10, (128, 96)
        )
        rows = []
        for n in range(12):
            image = np.full((96, 128, 3), 90, np.uint8)
            image[5:45, n + shift : n + shift + 20], image[50:90, 90 - n : 110 - n] = (
                (20, 20, 220),
                (20, 220, 20),
            )
            writer.write(image)
            rows += [f"{n + 1},1,{n + shift + 1},6,20,40,1", f"{n + 1},2,{91 - n},51,20,40,1"]
        writer.release()
        (tmp_path / f"{name}.txt").write_text("\n".join(rows))
    (tmp_path / "one.txt").write_text("1,-1,31,11,20,40,0.9\n")  # what a detector sees in the picture
    (tmp_path / "none.txt").write_text("9,-1,31,11,20,40,0.9\n")
    (tmp_path / "two.txt").write_text("1,-1,31,11,20,40,0.9\n1,-1,61,11,20,40,0.9\n")
    image = np.full((96, 128, 3), 90, np.uint8)
    image[10:50, 30:50] = (20, 20, 220)
    cv2.imwrite(str(tmp_path / "p.png"), image)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        assert main(["index", "add", "one", "a.avi", "--tracks", "a.txt", *MODEL]) == 0
    return tmp_path


@pytest.fixture
def scene(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(made, tmp_path / "scene", ignore=shutil.ignore_patterns("one"))
    monkeypatch.chdir(tmp_path / "scene")
    return tmp_path / "scene"


MODEL = ["--model", "osnet_x0_25", "--weights", "w.pth"]
BOTH = ["a.avi", "b.avi", "--tracks", "a.txt", "b.txt", "--cameras", "gate", "hall"]


def test_index_and_find(scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clocks = ["--starts", "2024-05-01T08:00", "2024-05-01T09:00"]
    assert main(["index", "add", "ix", *BOTH, *clocks, *MODEL, "--detector", "one.txt"]) == 0
    assert "4 tracklets of 2 recordings" in capsys.readouterr().out
    assert main(["index", "add", "ix", *BOTH]) == 0  # the gallery knows its model
    assert "a.avi: is in the gallery already: skipped" in capsys.readouterr().err
    assert main(["find", "ix", "--image", "p.png", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {match["key"] for match in found[:2]} == {"a:1", "b:1"} and len(found) == 4
    assert found[0]["distance"] < 1e-3 < found[2]["distance"]
    assert {"key", "camera", "start", "end", "distance"} <= set(found[0])
    query = ["--video", "a.avi", "--frame", "3", "--box", "87,50,20,40"]
    assert main(["find", "ix", *query, "--camera", "hall", "--top", "1", "--page", "a.html"]) == 0
    assert "b:2" in capsys.readouterr().out
    page = (scene / "a.html").read_text()
    assert page.count("<li>") == 1 and "#t=0.0" in page and "not an identity" in page
    assert main(["find", "ix", "--tracklet", "a:1", "--from", "2024-05-01T08:30", "--json"]) == 0
    assert [match["camera"] for match in json.loads(capsys.readouterr().out)] == ["hall", "hall"]
    assert main(["find", "ix", "--tracklet", "a:1", "--threshold", "-1"]) == 0
    assert "nobody is near enough" in capsys.readouterr().out


def test_associate(scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["index", "add", "ix", *BOTH, *MODEL])
    assert main(["associate", "ix", "--threshold", "0.001"]) == 0
    assert "4 tracklets of 2 recordings look like 2 persons" in capsys.readouterr().out
    rows = [line.split(",")[:3] for line in (scene / "ix/identities.csv").read_text().splitlines()]
    assert rows[1:] == [
        ["0", "a:1", "gate"],
        ["1", "a:2", "gate"],
        ["0", "b:1", "hall"],
        ["1", "b:2", "hall"],
    ]
    page = (scene / "ix/people.html").read_text()
    assert page.count("<li>") == 2 and page.count("<img") == 4


def test_one_command_from_nothing(scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (scene / "c.avi").write_text("damaged")
    videos = ["--videos", "a.avi", "c.avi", "--tracks", "a.txt", "b.txt", *MODEL, "--detector", "one.txt"]
    assert main(["find", "ix", "--image", "p.png", *videos, "--json"]) == 1  # one of two is damaged
    out, err = capsys.readouterr()
    assert json.loads(out)[0]["key"] == "a:1" and "1 of 2 recordings could not be indexed" in err
    assert (scene / "ix/answer.html").is_file()


def test_remove_and_purge(scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["index", "add", "ix", *BOTH, *MODEL, "--starts", "2024-05-01", "2024-05-02"])
    assert main(["index", "remove", "ix", "a:1"]) == 0
    assert main(["index", "purge", "ix", "--before", "2024-05-01T12:00"]) == 0
    assert Gallery.open("ix").keys == ["b:1", "b:2"]
    assert main(["index", "info", "ix"]) == 0
    out = capsys.readouterr().out
    assert "deleted 1 tracklets for good; 2 are left" in out and "b: camera hall, 2024-05-02 00:00:00" in out
    assert main(["index", "remove", "ix", "nobody"]) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--image", "p.png", "--detector", "two.txt"], "2 persons are in the picture"),
        (["--image", "p.png", "--detector", "none.txt"], "no person was found in the picture"),
        (["--image", "none.png"], "no picture none.png"),
        ([], "say whom to find"),
        (["--video", "a.avi"], "--video needs --frame N and --box"),
        (["--video", "a.avi", "--frame", "1", "--box", "1,2"], "a box is left,top,width,height"),
        (["--tracklet", "a:9"], "no tracklet 'a:9'"),
        (["--tracklet", "a:1", "--from", "noon"], "'noon' is no time"),
        (["--tracklet", "a:1", "--from", "2024-05-01"], "have no start time"),
        (["--image", "p.png", "--crop", "--weights", "other.pth"], "was made with the model OSNet:"),
    ],
)
def test_errors_are_clear(
    made: Path,
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(made)
    assert main(["find", "one", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_killed_index_goes_on(scene: Path) -> None:
    command = [sys.executable, "-m", "videoreid", "index", "add", "ix", *BOTH, *MODEL]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, cwd=scene, env=environment, stderr=subprocess.DEVNULL) as process:
        limit = time.monotonic() + 120
        while not list(scene.glob("ix/[0-9a-f]*.npz")) and time.monotonic() < limit:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert set(Gallery.open("ix").keys) >= {"a:1", "a:2"}
    assert main(["index", "add", "ix", *BOTH]) == 0
    assert Gallery.open("ix").keys == ["a:1", "a:2", "b:1", "b:2"]


@pytest.mark.slow
@pytest.mark.skipif(not (DATA / "pets_s2l1").is_dir(), reason="no ../shared/data")
def test_a_person_of_a_real_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("trackers", reason="the extra track is not installed")
    video, weights = DATA / "pets_s2l1/video.avi", DATA / "weights"
    model = ["--model", "osnet_x0_25", "--weights", str(weights / "osnet_x0_25_msmt17.pth")]
    detector = ["--detector", str(weights / "yolox_nano.onnx"), "--every", "4"]
    index = str(tmp_path / "ix")
    assert main(["index", "add", index, str(video), *model, *detector]) == 0
    query = ["--video", str(video), "--frame", "300", "--box", "385,102,17,43"]
    capsys.readouterr()
    assert main(["find", index, *query, "--top", "1", "--json"]) == 0
    best = json.loads(capsys.readouterr().out)[0]
    assert best["first_frame"] <= 300 and best["distance"] < 0.4
