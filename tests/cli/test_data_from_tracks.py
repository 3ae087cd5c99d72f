from pathlib import Path

import cv2
import numpy as np
import pytest

from videoreid.cli import main
from videoreid.data.datasets import build_dataset


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """Write a video of 12 frames, its tracks in MOT format, and a list of sources."""
    writer = cv2.VideoWriter(str(tmp_path / "v.avi"), cv2.VideoWriter_fourcc(*"FFV1"), 25, (48, 40))
    for frame in range(12):
        writer.write(np.full((40, 48, 3), 20 * frame, np.uint8))
    writer.release()
    lines = [f"{f + 1},{t},{10 * t},5,10,20,0.9,-1,-1,-1" for t in (1, 2) for f in range(12)]
    (tmp_path / "t.txt").write_text("\n".join(lines))
    (tmp_path / "w.avi").write_bytes((tmp_path / "v.avi").read_bytes())
    (tmp_path / "list.csv").write_text(
        "video,tracks,camera,offset,fps\nv.avi,t.txt,0,,\nw.avi,t.txt,1,60,10\n"
    )
    (tmp_path / "who.csv").write_text("video,track,person\nv.avi,1,1\nv.avi,2,2\nw.avi,1,2\nw.avi,2,1\n")
    return tmp_path


def test_sources_become_a_dataset(scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = [str(scene / "v.avi"), str(scene / "t.txt"), "2", "7.5"]
    assert main(["data", "from-tracks", str(scene / "out"), "--source", *source, "--format", "jpg"]) == 0
    splits = build_dataset("mars", root=scene / "out")
    assert (len(splits.train), len(splits.query)) == (1, 1)
    assert (splits.train[0].camid, splits.train[0].time) == (2, 7.5)
    assert splits.train[0].frames[0].endswith(".jpg")
    assert "1 people" in capsys.readouterr().out


def test_a_list_and_known_people(scene: Path) -> None:
    arguments = ["--list", str(scene / "list.csv"), "--identities", str(scene / "who.csv")]
    assert main(["data", "from-tracks", str(scene / "out"), *arguments]) == 0
    splits = build_dataset("mars", root=scene / "out")
    assert sorted((t.camid, round(t.time, 6), round(t.end_time, 6)) for t in splits.query) == [
        (0, 0.0, 0.44),
        (1, 60.0, 61.1),
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to import"),
        (["--source", "v.avi", "t.txt", "1st", "0"], "camera '1st' must be a name or a whole number"),
        (["--list", "none.csv"], "no file none.csv"),
        (["--list", "who.csv"], "lacks the columns tracks, camera"),
        (["--list", "list.csv", "--identities", "bad.csv"], "line 2: people are numbered from 1"),
        (["--list", "list.csv", "--identities", "worse.csv"], "line 2: track and person must be whole"),
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
    Path("bad.csv").write_text("video,track,person\nv.avi,1,0\n")
    Path("worse.csv").write_text("video,track,person\nv.avi,one,1\n")
    assert main(["data", "from-tracks", "out", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_rows_that_match_nothing_end_the_run_or_are_listed(
    scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (scene / "who.csv").write_text("video,track,person\nv.avi,1,1\nw.avi,2,2\nw.avl,2,1\nv.avi,77,3\n")
    arguments = ["--list", str(scene / "list.csv"), "--identities", str(scene / "who.csv")]
    assert main(["data", "from-tracks", str(scene / "out"), *arguments]) == 2
    assert "2 rows match no track: " in (error := capsys.readouterr().err)
    assert "line 4: no video w.avl among the sources; did you mean" in error
    assert main(["data", "from-tracks", str(scene / "out"), *arguments, "--ignore-unmatched"]) == 0
    out = capsys.readouterr().out
    assert "2 rows of identities match no track and were skipped" in out
    assert "line 5: v.avi has no track 77" in out


def test_a_box_outside_is_an_error_on_request(scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (scene / "t.txt").open("a") as file:
        file.write("\n3,9,900,5,10,20,0.9\n")
    arguments = ["--list", str(scene / "list.csv")]
    assert main(["data", "from-tracks", str(scene / "out"), *arguments, "--strict"]) == 2
    assert "line 25: track 9 at frame 2 lies outside the 48x40 frame" in capsys.readouterr().err
    assert main(["data", "from-tracks", str(scene / "other"), *arguments]) == 0


def test_names_of_cameras_and_persons_are_kept_in_a_table(
    scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video, tracks = str(scene / "v.avi"), str(scene / "t.txt")
    sources = ["--source", video, tracks, "front door", "0", "--source", video, tracks, "hall", "60"]
    (scene / "who.csv").write_text("video,track,person\nv.avi,1,Ann\nv.avi,2,Bob\n")
    command = ["data", "from-tracks", str(scene / "named"), *sources, "--identities", str(scene / "who.csv")]
    assert main(command) == 0
    assert "of folders and a table (frames.csv)" in capsys.readouterr().out
    text = (scene / "named" / "frames.csv").read_text()
    assert "front door,Ann" in text and "hall,Bob" in text
    splits = build_dataset("folder", root=scene / "named")
    assert {t.camid for t in splits.gallery} == {0, 1}
