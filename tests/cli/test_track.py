import errno
import os
from pathlib import Path

import pytest

from tests.data.numbered_video import write_numbered
from videoreid.cli import main
from videoreid.data import iterate_frames
from videoreid.footage import read_tracks

pytest.importorskip("trackers", reason="the extra track is not installed")


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    write_numbered(tmp_path / "mpeg4.mp4", 30)
    rows = [f"{n + 1},-1,{n + 1},6,20,40,0.9\n{n + 1},-1,{101 - n},20,18,40,0.8\n" for n in range(30)]
    (tmp_path / "det.txt").write_text("".join(rows))
    return tmp_path


def test_a_recording_becomes_tracks_and_a_preview(scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = scene / "out"
    arguments = [str(scene / "mpeg4.mp4"), "--detector", str(scene / "det.txt"), "--output", str(output)]
    assert main(["track", *arguments]) == 0
    tracks = read_tracks(output / "mpeg4.txt")
    assert len(set(tracks.track_ids.tolist())) == 2
    assert sum(1 for _ in iterate_frames(output / "mpeg4.mp4")) == 30
    assert "mpeg4.mp4: 2 tracks, " in capsys.readouterr().out
    assert sorted(path.name for path in output.iterdir()) == ["mpeg4.mp4", "mpeg4.txt"]


def test_a_model_looks_for_switches(scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    from videoreid.models import build_model

    torch.save(build_model("osnet_x0_25", num_classes=3).state_dict(), scene / "w.pth")
    arguments = ["--detector", str(scene / "det.txt"), "--output", str(scene / "out"), "--no-preview"]
    model = ["--model", "osnet_x0_25", "--weights", str(scene / "w.pth")]
    assert main(["track", str(scene / "mpeg4.mp4"), *arguments, *model]) == 0
    assert "cut at 0 suspected identity switches" in capsys.readouterr().out
    assert main(["track", str(scene / "mpeg4.mp4"), *arguments, *model[:2]]) == 2
    assert "--model and --weights belong together" in capsys.readouterr().err


def test_a_bad_recording_does_not_end_the_others(scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (scene / "text.avi").write_text("text")
    videos = [str(scene / "text.avi"), str(scene / "mpeg4.mp4")]
    arguments = ["--detector", str(scene / "det.txt"), "--output", str(scene / "out"), "--no-preview"]
    assert main(["track", *videos, *arguments]) == 1
    assert "1 of 2 videos could not be read" in capsys.readouterr().err
    assert sorted(path.name for path in (scene / "out").iterdir()) == ["mpeg4.txt"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.avi", "--detector", "det.txt"], "no video none.avi"),
        (["mpeg4.mp4", "mpeg4.mp4"], "several videos would be written to mpeg4.txt"),
        (["mpeg4.mp4", "--detector", "yolox_huge"], "unknown detector 'yolox_huge'"),
        (["mpeg4.mp4", "--detector", "det.txt", "--every", "0"], "every must be 1 or more"),
    ],
)
def test_errors_are_one_line(
    scene: Path,
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(scene)
    assert main(["track", *arguments, "--output", "out", "--no-preview"]) == 2
    assert message in capsys.readouterr().err


def test_an_error_leaves_the_old_tracks_beside_their_preview(
    scene: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = scene / "out"
    arguments = [str(scene / "mpeg4.mp4"), "--detector", str(scene / "det.txt"), "--output", str(output)]
    assert main(["track", *arguments]) == 0
    before = {path.name: path.read_bytes() for path in output.iterdir()}

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("videoreid.footage.write_tracks", full)
        assert main(["track", *arguments, "--min-length", "31"]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in output.iterdir()} == before
    assert main(["track", *arguments, "--no-preview"]) == 0  # an old preview would show other tracks
    assert [path.name for path in output.iterdir()] == ["mpeg4.txt"]


def test_a_preview_in_a_folder_whose_name_is_not_utf8(
    scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = os.fsdecode(os.fsencode(scene) + b"/caf\xe9")
    arguments = [str(scene / "mpeg4.mp4"), "--detector", str(scene / "det.txt"), "--output", odd]
    assert main(["track", *arguments]) == 2
    assert "is not UTF-8; choose another folder, or no preview" in capsys.readouterr().err
    assert main(["track", *arguments, "--no-preview"]) == 0  # the advice
