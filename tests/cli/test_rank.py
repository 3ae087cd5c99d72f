"""``videoreid rank`` on a real street scene with a published checkpoint."""

import csv
import errno
import hashlib
import json
import os
import shutil
import socket
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tests.data.datasets.dataset_imitations import IMITATIONS
from videoreid.cli import main
from videoreid.cli._rank_video import frames_for_pictures
from videoreid.data import FrameReader, build_transform, eval_loader
from videoreid.data.keys import parse_key
from videoreid.engine import extract_features
from videoreid.errors import ConfigError
from videoreid.footage import crop_tracklets, read_tracks, split_tracks, video_tracklets
from videoreid.metrics import get_protocol
from videoreid.models import build_model
from videoreid.visual.strips import pick_frames

DATA = Path(__file__).parents[3] / "shared" / "data"
VIDEO, TRACKS = DATA / "pets_s2l1" / "video.avi", DATA / "pets_s2l1" / "tracks.txt"
WEIGHTS = DATA / "weights" / "osnet_x0_25_msmt17.pth"

needs_data = pytest.mark.skipif(
    not WEIGHTS.exists(), reason="the street scene and its checkpoint are not here"
)


@pytest.mark.slow  # a minute on two cores: it embeds 4,500 boxes
@needs_data
def test_the_street_scene_gives_the_recorded_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "answer"
    arguments = ["rank", "--video", str(VIDEO), "--tracks", str(TRACKS), "--split-tracks", "0.4"]
    arguments += ["--model", "osnet_x0_25", "--weights", str(WEIGHTS), "--output", str(output)]
    assert main(arguments) == 0
    metrics = json.loads((output / "metrics.json").read_text())
    # recorded with a published implementation: bilinear 256x128, mean of the raw features, cosine
    assert metrics["mAP"] == pytest.approx(0.518, abs=0.015)
    assert metrics["rank1"] == pytest.approx(0.265, abs=0.015)
    assert metrics["rank5"] == pytest.approx(0.853, abs=0.015)
    assert metrics["queries_scored"] == 34
    assert "34 queries" in metrics["protocol"] or "34 scored" in metrics["protocol"]
    printed = capsys.readouterr().out
    assert metrics["protocol"] in printed, "a printed score carries its protocol line"
    with (output / "ranking.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["query"] for row in rows} == {str(row) for row in range(34)}
    assert sum(int(row["match"]) for row in rows if row["rank"] == "1") == round(metrics["rank1"] * 34)
    assert (output / "ranking.png").stat().st_size > 10_000
    assert "34 queries" in (output / "explorer" / "index.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give either --video and --tracks, or --dataset and --root"),
        (["--video", "a.avi"], "--video needs --tracks"),
        (["--video", "a.avi", "--dataset", "mars"], "give either"),
        (["--dataset", "marz", "--root", "."], "did you mean 'mars'"),
        (["--dataset", "folder", "--root", ".", "--option", "sead=1"], "its options are csv, cameras"),
        (["--video", "a.avi", "--tracks", "t.txt", "--option", "seed=1"], "--option belongs to --dataset"),
    ],
)
def test_bad_arguments(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rest = ["--model", "osnet_x0_25", "--weights", "w.pth", "--output", str(tmp_path / "out")]
    assert main(["rank", *arguments, *rest]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("dataset", ["mars", "lsvid", "xmars", "dukemtmcvidreid"])
def test_datasets_are_ranked_by_their_own_protocol(
    dataset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the published layouts and under the protocols of their own, three of which append the queries; no network."""

    def refuse(*_: object) -> None:
        raise AssertionError("a network call")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    facts = IMITATIONS[dataset](tmp_path / "root")
    torch.manual_seed(0)
    torch.save(build_model("osnet_x0_25", num_classes=1).state_dict(), tmp_path / "w.pth")
    output = tmp_path / "answer"
    arguments = ["rank", "--dataset", dataset, "--root", str(tmp_path / "root"), "--model", "osnet_x0_25"]
    arguments += [
        "--weights",
        str(tmp_path / "w.pth"),
        "--size",
        "64",
        "32",
        "--device",
        "cpu",
        "--top",
        "30",
    ]
    assert main([*arguments, "--output", str(output)]) == 0
    names = {path.name for path in output.iterdir()}
    assert names == {"metrics.json", "ranking.csv", "ranking.png", "explorer", "run.json", "evaluations"}
    protocol = json.loads((output / "metrics.json").read_text())["protocol"]
    assert f"protocol {facts.protocol} " in protocol
    with (output / "ranking.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        assert (row["match"] == "1") == (row["pid"] == row["query_pid"])
    appended = get_protocol(facts.protocol).queries_in_gallery
    assert {row["found_in"] for row in rows} == ({"gallery", "query"} if appended else {"gallery"})
    assert protocol in capsys.readouterr().out


def test_options_reach_the_loader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}

    def build(name: str, root: Path, **options: object) -> None:
        asked.update(options, name=name)
        raise ConfigError("enough")

    monkeypatch.setattr("videoreid.data.datasets.build_dataset", build)
    rest = ["--model", "osnet_x0_25", "--weights", "w.pth", "--output", str(tmp_path / "out")]
    options = ["--option", "split_id=3", "--option", "clock=sequence"]
    assert main(["rank", "--dataset", "prid2011", "--root", ".", *options, *rest]) == 2
    assert asked == {"name": "prid2011", "split_id": 3, "clock": "sequence"}


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Write a video, its tracks and weights; give the arguments of the command. Sockets are refused."""

    def refuse(*_: object) -> None:
        raise AssertionError("a network call")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    writer = cv2.VideoWriter(str(tmp_path / "v.avi"), cv2.VideoWriter_fourcc(*"FFV1"), 25, (48, 40))
    for frame in range(6):
        writer.write(np.full((40, 48, 3), 40 * frame, np.uint8))
    writer.release()
    lines = [f"{frame + 1},{track},{10 * track},5,10,20,0.9" for track in (1, 2) for frame in range(6)]
    (tmp_path / "t.txt").write_text("\n".join(lines))
    torch.manual_seed(0)
    torch.save(build_model("osnet_x0_25", num_classes=1).state_dict(), tmp_path / "w.pth")
    arguments = ["rank", "--video", str(tmp_path / "v.avi"), "--tracks", str(tmp_path / "t.txt")]
    arguments += ["--model", "osnet_x0_25", "--weights", str(tmp_path / "w.pth"), "--size", "64", "32"]
    return [*arguments, "--device", "cpu", "--output", str(tmp_path / "out")]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_outputs_say_what_they_are_of_and_old_crops_go(scene: list[str], tmp_path: Path) -> None:
    output = tmp_path / "out"
    (output / "tracklets" / "0099").mkdir(parents=True)  # of a run before
    (output / "tracklets" / "0099" / "000000.png").write_bytes(b"old")
    (output / "notes.txt").write_text("of the user")
    assert main(scene) == 0
    metrics = json.loads((output / "metrics.json").read_text())
    digest = hashlib.sha256((tmp_path / "w.pth").read_bytes()).hexdigest()
    said = {name: metrics[name] for name in ("video", "tracks", "model", "weights", "weights_sha256")}
    assert said == {
        "video": str(tmp_path / "v.avi"),
        "tracks": str(tmp_path / "t.txt"),
        "model": "osnet_x0_25",
        "weights": str(tmp_path / "w.pth"),
        "weights_sha256": digest,
    }
    assert f"sha256 {digest[:12]}" in metrics["protocol"]
    assert json.dumps(metrics["protocol"]) in (output / "explorer" / "data" / "index.js").read_text("ascii")
    with (output / "ranking.csv").open() as file:
        first = [row["first_frame"] for row in csv.DictReader(file)]
    assert {key.rpartition("::")[0] for key in first} == {str(tmp_path / "v.avi")}
    assert {image.shape for image in FrameReader().read(first)} == {(20, 10, 3)}
    names = {path.name for path in output.iterdir()}
    outputs = {"metrics.json", "ranking.csv", "explorer", "ranking.png", "run.json", "evaluations"}
    assert names == {*outputs, "notes.txt"}, "no crop is written"


@pytest.mark.parametrize("frames", ["1", "3"])
def test_a_video_is_ranked_as_its_crops_are(frames: str, scene: list[str], tmp_path: Path) -> None:
    """Frames that are read from the video give what crops on disk give, one by one and as clips."""
    tracklets = crop_tracklets(tmp_path / "v.avi", read_tracks(tmp_path / "t.txt"), tmp_path / "crops")
    splits = split_tracks(tracklets, 0.5)
    transform = build_transform(size=(64, 32), train=False)
    model = build_model("osnet_x0_25", pretrained=tmp_path / "w.pth")
    query, gallery = (
        extract_features(
            model,
            eval_loader(
                part, num_frames=int(frames), sampling="all_continuous", transform=transform, batch_size=5
            ),
        ).normalised()
        for part in (splits.query, splits.gallery)
    )
    expected = 1 - query.embeddings @ gallery.embeddings.T
    assert main([*scene, "--split-tracks", "0.5", "--frames", frames]) == 0
    with (tmp_path / "out/ranking.csv").open() as file:
        for row in csv.DictReader(file):
            distance = expected[int(row["query"]), int(row["row"])].item()
            assert float(row["distance"]) == pytest.approx(distance, abs=1e-5)


def test_weights_are_checked_before_the_video_is_read(
    scene: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("videoreid.footage.video_tracklets", lambda *_: pytest.fail("read before the check"))
    (tmp_path / "w.pth").write_bytes(b"no weights")
    assert main(scene) == 2
    assert "w.pth" in capsys.readouterr().err
    scene[scene.index("osnet_x0_25")] = "osnet_x0_26"
    assert main(scene) == 2
    assert "osnet_x0_26" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_frames_of_pictures_are_read_once_in_the_order_of_the_video(
    scene: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    read = FrameReader.read

    def counted(self: FrameReader, frames: list[str]) -> list[np.ndarray]:
        asked.extend(parse_key(key).frame for key in frames)
        return read(self, frames)

    monkeypatch.setattr(FrameReader, "read", counted)
    tracklets = video_tracklets(tmp_path / "v.avi", read_tracks(tmp_path / "t.txt"))
    again = frames_for_pictures(tracklets, (2, 3))
    assert asked == [0, 0, 2, 2, 5, 5]
    for tracklet in tracklets:
        for count in (2, 3):
            keys = pick_frames(tracklet, count)
            for one, other in zip(again(keys), read(FrameReader(), keys), strict=True):
                np.testing.assert_array_equal(one, other)
    assert len(asked) == 6


def test_what_is_drawn_is_what_was_read_for_it(scene: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    drawn: list[int] = []

    def reader(tracklets: object, counts: list[int]) -> object:
        read.extend(counts)
        return FrameReader().read

    monkeypatch.setattr("videoreid.cli._rank_video.frames_for_pictures", reader)
    room = "videoreid.reporting.answer"
    monkeypatch.setattr(f"{room}.draw_ranking", lambda *_, style, **__: drawn.append(style.frames))
    monkeypatch.setattr(f"{room}.write_explorer", lambda *_, options, **__: drawn.append(options.frames))
    assert main(scene) == 0
    assert sorted(read) == sorted(drawn) == [4, 8]


@pytest.mark.parametrize("place", ["draw_ranking", "write_explorer"])
def test_a_full_disk_leaves_the_old_outputs_whole(
    place: str,
    scene: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(scene) == 0
    before = contents(tmp_path / "out")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "ranking")

    monkeypatch.setattr(f"videoreid.reporting.answer.{place}", full)
    assert main([*scene, "--distance", "euclidean"]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert contents(tmp_path / "out") == before


def test_the_output_may_have_a_name_that_is_not_utf8(scene: list[str], tmp_path: Path) -> None:
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")
    scene[-1] = odd
    assert main(scene) == 0
    assert len(list(Path(odd).iterdir())) == 6


def test_sources_whose_names_are_not_utf8_end_in_one_line(
    scene: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")
    Path(odd).mkdir()
    for name in ("v.avi", "t.txt", "w.pth"):
        shutil.copy(tmp_path / name, Path(odd) / name)
    renamed = [argument.replace(str(tmp_path), odd) for argument in scene]
    assert main(renamed) == 2
    error = capsys.readouterr().err
    assert "v.avi" in error
    assert "not UTF-8" in error
    shutil.copy(Path(odd) / "v.avi", tmp_path / "renamed.avi")  # the advice
    renamed[renamed.index(f"{odd}/v.avi")] = str(tmp_path / "renamed.avi")
    assert main(renamed) == 0


def test_strict_ends_at_what_would_be_left_out(
    scene: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (tmp_path / "t.txt").open("a") as file:
        file.write("\n1,3,5,5,10,20,0.9\n")
    assert main([*scene, "--strict"]) == 2
    assert "track 3 has one frame" in capsys.readouterr().err
    assert not list((tmp_path / "out").glob("*"))
    assert main(scene) == 0
