import csv
import errno
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
from videoreid.data.datasets.synthetic import write_market1501
from videoreid.retrieval import Gallery, GalleryCalibration, gallery_files

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
    assert "a.avi: is already in the gallery: skipped" in capsys.readouterr().err
    assert main(["find", "ix", "--image", "p.png", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {match["key"] for match in found[:2]} == {"a:1", "b:1"} and len(found) == 4
    assert found[0]["distance"] < 1e-3 < found[2]["distance"]
    assert {"key", "camera", "start", "end", "distance"} <= set(found[0])
    query = ["--video", "a.avi", "--frame", "3", "--box", "87,50,20,40"]
    assert main(["find", "ix", *query, "--camera", "hall", "--top", "1", "--page", "a.html"]) == 0
    assert "b:2" in capsys.readouterr().out
    page = (scene / "a.html").read_text()
    assert page.count("<li ") == 1 and "#t=0.0" in page and "not prove an identity" in page
    assert "same person" not in page  # nobody has calibrated the gallery
    assert main(["find", "ix", "--tracklet", "a:1", "--from", "2024-05-01T08:30", "--json"]) == 0
    assert [match["camera"] for match in json.loads(capsys.readouterr().out)] == ["hall", "hall"]
    assert main(["find", "ix", "--tracklet", "a:1", "--json"]) == 0
    keys = [match["key"] for match in json.loads(capsys.readouterr().out)]
    assert keys[0] == "b:1"
    assert sorted(keys) == ["a:2", "b:1", "b:2"]  # not the tracklet that is asked for
    assert main(["find", "ix", "--tracklet", "a:1", "--threshold", "-1"]) == 0
    assert "no tracklet is near enough" in capsys.readouterr().out


def test_associate(scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["index", "add", "ix", *BOTH, *MODEL])
    assert main(["associate", "ix", "--threshold", "0.001"]) == 0
    assert "4 tracklets of 2 recordings were grouped into 2 persons" in capsys.readouterr().out
    with (scene / "ix/identities.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["id"], row["key"], row["camera"]) for row in rows] == [
        ("0", "a:1", "gate"),
        ("1", "a:2", "gate"),
        ("0", "b:1", "hall"),
        ("1", "b:2", "hall"),
    ]
    # as in the track file, which counts frames and pixels from 1
    first = [rows[0][name] for name in ("frame", "left", "top", "width", "height", "last_frame")]
    assert first == ["1", "1", "6", "20", "40", "12"]
    assert not (scene / "ix/boxes.csv").exists()
    assert main(["associate", "ix", "--threshold", "0.001", "--boxes"]) == 0
    with (scene / "ix/boxes.csv").open(newline="") as file:
        boxes = list(csv.DictReader(file))
    assert len(boxes) == 48  # two people, two recordings, twelve frames
    assert list(boxes[25].values()) == ["1", "1", "91.00", "51.00", "20.00", "40.00", "1.0000", "hall", "b"]
    lines = (scene / "ix/mot/b.txt").read_text().splitlines()
    assert lines[1] == "1,1,91.00,51.00,20.00,40.00,1.0000,-1,-1,-1" and len(lines) == 24
    assert [row["id"] for row in boxes if row["recording"] == "b"] == [line.split(",")[1] for line in lines]
    page = (scene / "ix/people.html").read_text()
    assert page.count("<section") == 2 and page.count('class="lane"') == 4 and "not prove an identity" in page
    assert main(["associate", "ix"]) == 2
    assert "give --threshold, or calibrate the gallery" in capsys.readouterr().err
    Gallery.open("ix").calibrate(GalleryCalibration(np.array([0.0, 0.002]), np.array([1.0, 0.0]), 20, 20))
    assert main(["associate", "ix", "--probability", "0.6"]) == 0
    assert "threshold 0.001; wrote" in capsys.readouterr().out


def test_people_who_cannot_have_walked_so_fast(scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clocks = ["--starts", "2024-05-01T08:00", "2024-05-01T08:00:30"]
    main(["index", "add", "ix", *BOTH, *MODEL, *clocks])
    for seconds, people in (
        ("28", 2),
        ("29", 4),
    ):  # hall begins 28.9 seconds after the last frame of the gate
        assert main(["associate", "ix", "--threshold", "0.001", "--transit", f"gate,hall,{seconds}"]) == 0
        assert f"were grouped into {people} persons" in capsys.readouterr().out
    assert "2024-05-01 08:00:00" in (scene / "ix/people.html").read_text()
    for bad, message in (
        ("gate,roof,5", "with cameras of gate, hall"),
        ("gate,hall,x", "not a number of seconds"),
    ):
        assert main(["associate", "ix", "--threshold", "1", "--transit", bad]) == 2
        assert message in capsys.readouterr().err


def test_calibrated_answers(scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["index", "add", "ix", *BOTH, *MODEL])
    lines = [
        f"q{n % 7},k{n},{(0.1 if n % 2 else 0.5) + 0.01 * (n % 9)},{'yes' if n % 2 else 'no'},"
        for n in range(40)
    ]
    Path("marks.csv").write_text("query,key,distance,same,model\n" + "\n".join(lines) + "\n")
    assert main(["calibrate", "ix", "--pairs", "marks.csv"]) == 0
    out = capsys.readouterr().out
    assert "40 pairs, 20 of them of one person" in out and "(judged in marks.csv)" in out
    assert cv2.imread(str(scene / "ix/reliability.png")) is not None
    assert main(["find", "ix", "--tracklet", "a:1", "--page", "a.html"]) == 0
    assert "% likely" in capsys.readouterr().out
    page = Path("a.html").read_text()
    assert "likely the same person: " in page and "40 pairs, 20 of them of one person" in page
    assert main(["find", "ix", "--tracklet", "a:1", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)[0]
    assert first["probability"] > 0.8 and first["verdict"] == "likely"
    assert main(["index", "info", "ix"]) == 0
    assert "40 pairs, 20 of them" in capsys.readouterr().out
    assert main(["calibrate", "ix", "--labelled", "ix"]) == 2
    assert "cannot be calibrated on itself" in capsys.readouterr().err
    Path("few.csv").write_text("query,key,same\na:1,b:1,yes\n")
    assert main(["calibrate", "ix", "--pairs", "few.csv"]) == 2
    assert "1 pairs of one person and 0 of two" in capsys.readouterr().err


def test_a_labelled_dataset_is_indexed_and_calibrates(
    scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_market1501("world", identities=12, seed=0, frames=3, images=2)
    dataset = ["market1501", "--root", "world", "--device", "cpu"]
    assert main(["index", "add", "labelled", *dataset, *MODEL]) == 0
    out, err = capsys.readouterr()
    assert "market1501: " in err and "of 6 recordings" in out
    main(["index", "add", "ix", *BOTH, *MODEL])
    assert main(["calibrate", "ix", "--labelled", "labelled"]) == 0
    assert "(of the labelled gallery labelled)" in capsys.readouterr().out
    other = Gallery.open("other", fingerprint="net:1", create=True)
    assert main(["calibrate", str(other.path), "--labelled", "labelled"]) == 2
    assert "was made with the model OSNet:" in capsys.readouterr().err
    assert main(["index", "add", "ix", *dataset, "--tracks", "a.txt"]) == 2
    assert main(["index", "add", "ix", "a.avi", "--option", "x=1"]) == 2


def test_several_at_once_and_a_log_of_questions(scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (scene / "c.avi").write_text("damaged")
    videos = ["a.avi", "b.avi", "c.avi", "--tracks", "a.txt", "b.txt", "b.txt"]
    options = ["--workers", "3", "--precision", "bfloat16"]
    assert main(["index", "add", "ix", *videos, *options, *MODEL]) == 1
    out, err = capsys.readouterr()
    assert "4 tracklets of 2 recordings" in out and "1 of 3 recordings could not be indexed" in err
    assert "to index: 3 recordings, 24 frames: about" in err
    for _ in range(2):
        assert (
            main(["find", "ix", "--tracklet", "a:1", "--camera", "b", "--top", "1", "--log", "log/who.jsonl"])
            == 0
        )
    lines = [json.loads(line) for line in Path("log/who.jsonl").read_text().splitlines()]
    assert (
        len(lines) == 2 and lines[0]["asked"] == {"tracklet": "a:1"} and lines[0]["where"]["camera"] == ["b"]
    )
    assert [key for key, _ in lines[1]["answers"]] == ["b:1"] and lines[0]["time"] and "user" in lines[0]
    main(["find", "ix", "--tracklet", "a:1"])
    assert sorted(path.name for path in Path("ix").iterdir()) == sorted(
        ["gallery.json", *(path.name for path in Path("ix").glob("*.npz"))]
    ), "without --log nothing is kept"


def test_a_full_disk_ends_the_work_and_loses_nothing(
    scene: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    main(["index", "add", "ix", "a.avi", "--tracks", "a.txt", *MODEL])

    def full(file: object, **_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(gallery_files.np, "savez", full)
    (scene / "c.avi").write_text("damaged")
    assert main(["index", "add", "ix", "b.avi", "c.avi", "--tracks", "b.txt", "b.txt"]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert Gallery.open("ix").keys == ["a:1", "a:2"] and not list(Path("ix").glob(".*writing*"))
    monkeypatch.undo()
    monkeypatch.chdir(scene)
    assert main(["index", "add", "ix", "b.avi", "--tracks", "b.txt"]) == 0
    assert Gallery.open("ix").keys == ["a:1", "a:2", "b:1", "b:2"]


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
    assert (
        "permanently deleted 1 tracklets; 2 are left" in out and "b: camera hall, 2024-05-02 00:00:00" in out
    )
    assert main(["index", "remove", "ix", "nobody"]) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--image", "p.png", "--detector", "two.txt"], "2 persons are in the picture"),
        (["--image", "p.png", "--detector", "none.txt"], "no person was found in the picture"),
        (["--image", "none.png"], "no picture none.png"),
        ([], "give a query"),
        (["--video", "a.avi"], "--video needs --frame N and --box"),
        (["--video", "a.avi", "--frame", "1", "--box", "1,2"], "a box is left,top,width,height"),
        (["--tracklet", "a:9"], "no tracklet 'a:9'"),
        (["--tracklet", "a:1", "--from", "noon"], "'noon' is not a time"),
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


INDEX = ["index", "add", "ix"]
FIND = ["find", "ix", "--image", "p.png", "--detector", "one.txt", "--videos"]


@pytest.mark.parametrize("command", [INDEX, FIND], ids=["index add", "find --videos"])
def test_a_killed_run_loses_nothing_that_was_finished(scene: Path, command: list[str]) -> None:
    finished = kill_after(scene, [*command, *BOTH, *MODEL], recordings=1)
    assert finished >= {"a:1", "a:2"}
    assert main([*command, *BOTH, *MODEL]) == 0
    assert Gallery.open("ix").keys == ["a:1", "a:2", "b:1", "b:2"]


def kill_after(scene: Path, arguments: list[str], *, recordings: int) -> set[str]:
    """Start a command, kill it once so many recordings are in the gallery, and return what the gallery holds."""
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "videoreid", *arguments],
        cwd=scene,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with process:
        limit = time.monotonic() + 200
        while len(list(scene.glob("ix/[0-9a-f]*.npz"))) < recordings and time.monotonic() < limit:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    found = Gallery.open(scene / "ix")
    assert len(found.recordings) >= recordings
    for key in found.keys:
        assert found.thumbnails(key)
    return set(found.keys)


@pytest.mark.slow
@pytest.mark.parametrize("command", [INDEX, FIND], ids=["index add", "find --videos"])
@pytest.mark.parametrize("workers", ["1", "3"])
def test_many_kills_lose_nothing(scene: Path, command: list[str], workers: str) -> None:
    """Twelve recordings, killed after every third of them, with one and with three at a time."""
    names = []
    for number in range(12):
        data = (scene / "ab"[number % 2]).with_suffix(".avi").read_bytes()
        (scene / f"v{number}.avi").write_bytes(data + bytes([number]))  # other bytes, the same frames
        names.append(f"v{number}.avi")
    tracks = ["a.txt" if number % 2 == 0 else "b.txt" for number in range(12)]
    arguments = [*command, *names, "--tracks", *tracks, *MODEL, "--workers", workers]
    held: set[str] = set()
    for recordings in (3, 6, 9):
        now = kill_after(scene, arguments, recordings=recordings)
        assert held <= now
        held = now
    assert main(arguments) == 0
    assert set(Gallery.open("ix").keys) == {f"v{number}:{track}" for number in range(12) for track in (1, 2)}


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
