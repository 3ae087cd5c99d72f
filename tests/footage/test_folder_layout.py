"""Beyond six cameras, and with names: folders and a table."""

import csv
from pathlib import Path

import pytest

from tests.footage.test_importing import make_tracks
from videoreid.data.datasets import build_dataset
from videoreid.data.frames import FrameReader
from videoreid.data.video import iterate_video
from videoreid.errors import ConfigError
from videoreid.footage import folder_layout
from videoreid.footage.importing import Footage, import_footage
from videoreid.footage.source_lists import (
    number_cameras,
    parse_source,
    read_identities,
    read_person_names,
)


def eight_cameras(video: Path) -> list[Footage]:
    """Three people who pass eight cameras, one after the other, and somebody unknown in the last."""
    out = []
    for camid in range(8):
        tracks = make_tracks((1, list(range(4)), camid), (2, list(range(5)), 20), (3, list(range(6)), 36))
        known = {1: 1, 2: 2} if camid == 7 else {1: 1, 2: 2, 3: 3}
        out.append(Footage(video, tracks, camid, 100.0 * camid, 10.0, known, f"gate {camid}"))
    return out


def test_eight_cameras_and_their_names(video: Path, tmp_path: Path) -> None:
    footage = eight_cameras(video)
    root = import_footage(footage, tmp_path / "out", train_share=0.34)
    splits = build_dataset("folder", root=root)
    assert {t.camid for t in (*splits.train, *splits.gallery)} == set(range(8))
    assert splits.num_train_pids == 1
    asked = {(t.pid, t.camid) for t in splits.query}
    held = {(t.pid, t.camid) for t in splits.gallery}
    assert asked == {pair for pair in held if pair[0]}  # every test person asks from every camera
    assert (0, 7) in held
    one = next(t for t in splits.gallery if t.pid == 2 and t.camid == 5) if 2 in dict(asked) else None
    if one is not None:
        assert (len(one), one.time, one.end_time) == (5, 500.0, pytest.approx(500.4))
    picture = list(iterate_video(video))
    tracklet = next(t for t in splits.gallery if t.pid == 0)
    crop = FrameReader().read([tracklet.frames[3]])[0]
    assert (crop == picture[3][5:25, 36:46]).all()
    with (root / "frames.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["camid"], row["camera"]) for row in rows} == {(str(n), f"gate {n}") for n in range(8)}
    assert {row["person"] for row in rows} == {row["pid"] for row in rows}
    assert not list(root.glob(".staging"))


def test_an_interrupted_import_goes_on(video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    footage, root = eight_cameras(video), tmp_path / "out"
    moved = folder_layout._move

    def stopping(piece, number, root):
        if number == 5:
            raise KeyboardInterrupt
        return moved(piece, number, root)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(folder_layout, "_move", stopping)
        import_footage(footage, root)
    assert not (root / "frames.csv").exists()
    with pytest.raises(ConfigError, match="unfinished import of other videos"):
        import_footage(footage[:2], root)
    import_footage(footage, root)
    whole = import_footage(footage, tmp_path / "whole")
    assert (root / "frames.csv").read_bytes() == (whole / "frames.csv").read_bytes()
    with pytest.raises(ConfigError, match="holds a dataset already"):
        import_footage(footage, root)


def test_one_camera_has_one_name(video: Path, tmp_path: Path) -> None:
    tracks = make_tracks((1, list(range(4)), 0))
    footage = [Footage(video, tracks, 0, camera="hall"), Footage(video, tracks, 0, 9.0, camera="door")]
    with pytest.raises(ConfigError, match=r"camera 0 is called '(hall|door)' and"):
        import_footage(footage, tmp_path / "out")


def test_names_of_cameras_and_persons_are_numbered(tmp_path: Path) -> None:
    sources = [parse_source("here", "v.avi", "t.txt", name) for name in ("hall", "door", "hall")]
    assert [(s.camera, s.name) for s in number_cameras(sources)] == [(0, "hall"), (1, "door"), (0, "hall")]
    with pytest.raises(ConfigError, match="camera 3 has a number and camera 'hall' a name"):
        number_cameras([sources[0], parse_source("here", "v.avi", "t.txt", "3")])
    table = tmp_path / "who.csv"
    table.write_text("video,track,person\nv.avi,1,Zoe\nv.avi,2,Ann\nv.avi,3,7\n")
    found, _ = read_identities(table, ["v.avi"], [{1, 2, 3}])
    names = read_person_names(table)
    assert {track: names[person] for track, person in found[0].items()} == {1: "Zoe", 2: "Ann", 3: "7"}
    assert min(names) == 1
    table.write_text("video,track,person\nv.avi,1,12\n")
    assert read_person_names(table) == {}
