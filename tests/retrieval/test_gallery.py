import json
import os
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from videoreid.errors import ConfigError, DatasetError, ProtocolError
from videoreid.retrieval import Gallery, GalleryTracklet, Recording, TrackletBoxes, gallery_files

ROOT = Path(__file__).parents[2]
NOON = datetime(2024, 5, 1, 12)


def new(path: Path) -> Gallery:
    return Gallery.open(path, fingerprint="net:1", create=True)


def tracklet(track: int, start: float = 0.0, end: float = 2.0) -> GalleryTracklet:
    pictures = (f"picture-{track}-a".encode(), f"picture-{track}-b".encode())
    return GalleryTracklet(
        track, start, end, int(start * 25), int(end * 25), (1, 2, 3, 4), pictures, boxes=boxes_of(track)
    )


def boxes_of(track: int) -> TrackletBoxes:
    rows = np.array([[10, 20, 30.5, 60], [11, 20, 31.5, 60]]) + 100 * track
    return TrackletBoxes(np.array([track, track + 2]), rows, np.array([0.5, 0.75]))


def fill(gallery: Gallery) -> None:
    gate = Recording("gate", "aa", "gate", "gate.mp4", NOON)
    gallery.add(gate, [tracklet(1), tracklet(2, 3600, 3602)], np.array([[1.0, 0.0, 0.0], [0.0, 5.0, 0.0]]))
    hall = Recording("hall", "bb", "hall", "hall.mp4", NOON.replace(hour=14))
    gallery.add(hall, [tracklet(1, 1, 9)], np.array([[1.0, 0.1, 0.0]]))


def test_what_is_added_is_found_after_opening_again(tmp_path: Path) -> None:
    fill(new(tmp_path))
    gallery = Gallery.open(tmp_path)
    answer = gallery.search(np.array([2.0, 0.0, 0.0]), top=2)
    assert [match.key for match in answer] == ["gate:1", "hall:1"]
    assert answer[0].distance == pytest.approx(0.0, abs=1e-7)
    assert answer[1].distance == pytest.approx(1 - 1 / np.sqrt(1.01), abs=1e-7)
    assert answer[1].clock_start == datetime(2024, 5, 1, 14, 0, 1) and answer[1].end == 9
    assert answer.searched == 3 and "hall:1" in repr(answer)
    first = json.loads(answer.to_json())[0]
    assert {"key", "camera", "start", "end", "distance"} <= set(first)
    assert gallery.thumbnails("gate:2") == (b"picture-2-a", b"picture-2-b")
    assert gallery.embedding("gate:2").tolist() == [0, 1, 0]
    boxes = gallery.boxes("gate:2")
    assert boxes.frames.tolist() == [2, 4] and boxes.scores.tolist() == [0.5, 0.75]
    assert boxes.boxes.tolist() == [[210, 220, 230.5, 260], [211, 220, 231.5, 260]]
    assert gallery.tracklet("gate:2").boxes is None  # as the pictures, they are read when somebody asks
    assert "3 tracklets of 2 recordings" in repr(gallery)


def test_the_search_can_be_narrowed(tmp_path: Path) -> None:
    gallery = new(tmp_path)
    fill(gallery)
    query = np.array([1.0, 0.0, 0.0])
    assert [m.key for m in gallery.search(query, cameras=["hall"])] == ["hall:1"]
    assert [m.key for m in gallery.search(query, threshold=0.01)] == ["gate:1", "hall:1"]
    with pytest.raises(ConfigError, match="threshold is NaN"):
        gallery.search(query, threshold=float("nan"))
    late = gallery.search(query, since=datetime(2024, 5, 1, 12, 30))
    assert [m.key for m in late] == ["hall:1", "gate:2"]
    assert [m.key for m in gallery.search(query, until=datetime(2024, 5, 1, 13))] == ["gate:1", "gate:2"]
    with pytest.raises(ConfigError, match="no camera \\['roof'\\]"):
        gallery.search(query, cameras=["roof"])
    gallery.add(Recording("yard", "cc", "yard"), [tracklet(1)], np.ones((1, 3)))
    with pytest.raises(ConfigError, match="yard have no start time"):
        gallery.search(query, since=NOON)
    with pytest.raises(ProtocolError):
        gallery.search(np.ones(2))


def test_features_share_a_clock_where_all_recordings_have_one(tmp_path: Path) -> None:
    gallery = new(tmp_path)
    assert len(gallery.features) == 0
    fill(gallery)
    assert gallery.keys == ["gate:1", "gate:2", "hall:1"]
    assert gallery.features.camids.tolist() == [0, 0, 1]
    assert gallery.features.times.tolist() == [0, 3600, 7201]
    assert gallery.timed_features.camids.tolist() == [0, 0, 1]
    assert gallery.describe("hall:1").clock_start == datetime(2024, 5, 1, 14, 0, 1)
    gallery.add(
        Recording("later", "cc", "gate"), [tracklet(1)], np.ones((1, 3))
    )  # at the gate too, but when?
    assert gallery.features.camids.tolist() == [0, 0, 1, 0]
    assert gallery.timed_features.camids.tolist() == [0, 0, 1, 2]
    assert np.linalg.norm(gallery.features.embeddings, axis=1) == pytest.approx(1)


def test_another_model_is_refused_with_both_fingerprints(tmp_path: Path) -> None:
    new(tmp_path)
    with pytest.raises(DatasetError, match=r"model net:1, but is used with net:2"):
        Gallery.open(tmp_path, fingerprint="net:2")
    with pytest.raises(DatasetError, match="is not a gallery"):
        Gallery.open(tmp_path / "none")
    (tmp_path / "gallery.json").write_text("[1]")
    with pytest.raises(DatasetError, match="damaged"):
        Gallery.open(tmp_path)


def test_a_recording_that_is_there_is_skipped_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gallery = new(tmp_path)
    fill(gallery)
    assert not gallery.add(Recording("other", "aa"), [tracklet(1)], np.ones((1, 3)))
    assert "in the gallery already, as gate: skipped" in caplog.text
    assert gallery.add(Recording("gate", "dd"), [tracklet(1)], np.ones((1, 3)))  # another of the same name
    assert [r.name for r in gallery.recordings] == ["gate", "gate~2", "hall"]


@pytest.mark.parametrize("bad", [np.ones((2, 3)), np.ones((1, 4)), np.zeros((1, 3)), np.full((1, 3), np.nan)])
def test_bad_embeddings_are_refused(tmp_path: Path, bad: np.ndarray) -> None:
    gallery = new(tmp_path)
    fill(gallery)
    with pytest.raises(ProtocolError):
        gallery.add(Recording("new", "ee"), [tracklet(1)], bad)
    assert len(gallery) == len(Gallery.open(tmp_path)) == 3


def test_a_recording_without_people_is_known(tmp_path: Path) -> None:
    gallery = new(tmp_path)
    assert gallery.add(Recording("empty", "ee"), [], np.empty((0, 0)))
    fill(gallery)
    assert gallery.holds("ee") is not None and len(gallery.search(np.array([1.0, 0, 0]))) == 3


def test_boxes_that_are_not_kept_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gallery = new(tmp_path)
    gallery.add(
        Recording("mixed", "aa"), [GalleryTracklet(1, 0, 1), tracklet(2), GalleryTracklet(3, 0, 1)], np.eye(3)
    )
    assert gallery.boxes("mixed:2").boxes[1, 3] == 260
    with pytest.raises(DatasetError, match=r"no boxes of mixed:3.*index it again .videoreid index remove"):
        gallery.boxes("mixed:3")
    # as earlier versions wrote it
    path = tmp_path / "aa.npz"
    with np.load(path) as file:
        table = json.loads(file["table"].tobytes())
        for row in table["tracklets"]:
            del row["boxes"]
        kept = {name: file[name] for name in ("embeddings", "thumbnails", "lengths")}
    np.savez(path, version=1, table=np.frombuffer(json.dumps(table).encode(), np.uint8), **kept)
    old = Gallery.open(tmp_path)
    assert (
        old.thumbnails("mixed:2")[0] == b"picture-2-a"
        and old.search(np.array([0, 1.0, 0]))[0].key == "mixed:2"
    )
    with pytest.raises(DatasetError, match=r"no boxes of mixed:2"):
        old.boxes("mixed:2")
    assert old.remove(["mixed:1"]) == 1 and old.keys == ["mixed:2", "mixed:3"]
    monkeypatch.setattr(gallery_files, "_BOXES_SINCE", 1)  # a library that is older than the file
    with pytest.raises(DatasetError, match="is of version 2, this library reads up to 1"):
        Gallery.open(tmp_path)


def test_boxes_of_another_form_are_refused(tmp_path: Path) -> None:
    for frames, boxes, scores, message in (
        ([1, 2], np.ones((2, 3)), [1, 1], r"\(M, 4\)"),
        ([1, 2], np.ones((2, 4)), [1], r"\(M,\)"),
        ([2, 2], np.ones((2, 4)), [1, 1], "rise"),
        ([-1, 2], np.ones((2, 4)), [1, 1], "from 0"),
        ([0.5, 2], np.ones((2, 4)), [1, 1], "whole"),
        ([1, 2], np.full((2, 4), np.nan), [1, 1], "finite"),
    ):
        with pytest.raises(ProtocolError, match=message):
            TrackletBoxes(np.array(frames), boxes, np.array(scores))
    gallery = new(tmp_path)
    fill(gallery)
    path = tmp_path / "aa.npz"
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **{**arrays, "frames": np.append(arrays["frames"], 99)})
    with pytest.raises(DatasetError, match="4 boxes are listed, 5 are there"):
        Gallery.open(tmp_path)


def bytes_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_what_is_removed_is_in_no_file(tmp_path: Path) -> None:
    gallery = new(tmp_path)
    fill(gallery)
    feature, place = gallery.embedding("gate:2").tobytes(), gallery.boxes("gate:2").boxes.tobytes()
    # a hard link sees what becomes of the blocks of the old file
    os.link(tmp_path / "aa.npz", tmp_path / "link")
    os.link(tmp_path / "bb.npz", tmp_path / "link2")
    assert b"picture-2-a" in bytes_in(tmp_path) and feature in bytes_in(tmp_path)
    assert place in bytes_in(tmp_path)
    (tmp_path / ".aa.writing-x.npz").write_bytes(b"picture-2-a")  # of a process that was killed
    (tmp_path / "people.html").write_bytes(b"picture-2-a")  # an answer that was written before
    (tmp_path / "mot").mkdir()
    for name in ("boxes.csv", "mot/gate.txt"):
        (tmp_path / name).write_bytes(place)
    assert gallery.remove(["gate:2"]) == 1
    left = bytes_in(tmp_path)
    assert b"picture-2" not in left and feature not in left and b'"track": 2' not in left
    assert place not in left and gallery.boxes("gate:1").frames.tolist() == [1, 3]
    assert Gallery.open(tmp_path).keys == ["gate:1", "hall:1"]
    assert not gallery.add(Recording("gate", "aa"), [tracklet(2)], np.ones((1, 3)))  # it does not come back
    assert gallery.remove("hall") == 1
    assert b"hall" not in bytes_in(tmp_path) and not (tmp_path / "bb.npz").exists()
    with pytest.raises(ConfigError, match="not in the gallery"):
        gallery.remove(["gate:1", "gate:9"])
    assert gallery.keys == ["gate:1"]


def test_purge_goes_by_the_clock(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    gallery = new(tmp_path)
    fill(gallery)
    gallery.add(Recording("yard", "cc", "yard"), [tracklet(7)], np.ones((1, 3)))
    assert gallery.purge(datetime(2024, 5, 1, 12, 30)) == 1
    assert gallery.keys == ["gate:2", "hall:1", "yard:7"]
    assert "yard has no start time" in caplog.text
    assert b"picture-1-a" in bytes_in(tmp_path)
    hall = gallery.boxes("hall:1").boxes.tobytes()
    assert hall in bytes_in(tmp_path) and gallery.boxes("gate:2").boxes[0, 0] == 210
    assert gallery.purge(datetime(2024, 5, 2)) == 2  # yard was indexed today, and may have been filmed today
    assert gallery.keys == ["yard:7"] and b"picture-1-a" not in bytes_in(tmp_path)
    assert hall not in bytes_in(tmp_path)
    assert gallery.purge(datetime(2999, 1, 1)) == 1 and b"picture" not in bytes_in(tmp_path)


ADDING = """
import sys
import numpy as np
from videoreid.retrieval import Gallery, GalleryTracklet, Recording, TrackletBoxes
boxes = TrackletBoxes(np.arange(2000), np.ones((2000, 4)), np.ones(2000))
gallery = Gallery.open(sys.argv[1], fingerprint="net:1", create=True)
for n in range(10_000):
    rows = [GalleryTracklet(t, 0.0, 1.0, thumbnails=(bytes(50_000),), boxes=boxes) for t in range(20)]
    gallery.add(Recording(f"r{n}", f"{n:032x}"), rows, np.eye(20) + n)
    print(n, flush=True)
"""


def test_a_kill_loses_nothing_that_was_finished(tmp_path: Path) -> None:
    done = 0
    for _ in range(2):
        command = [
            sys.executable,
            "-c",
            ADDING.replace("range(10_000)", f"range({done}, 10_000)"),
            str(tmp_path),
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
            assert process.stdout is not None
            for line in process.stdout:
                done = int(line) + 1
                if done % 4 == 3:
                    break
            process.send_signal(signal.SIGKILL)
            done += sum(1 for _ in process.stdout)  # finished before the signal came
        gallery = Gallery.open(tmp_path)
        names = {recording.name for recording in gallery.recordings}
        assert {f"r{n}" for n in range(done)} <= names
        assert len(gallery) == 20 * len(names)
        assert len(gallery.thumbnails("r0:19")[0]) == 50_000
        assert gallery.boxes(f"r{len(names) - 1}:19").frames[-1] == 1999
        done = len(names)
    gallery.remove("r0")
    assert not list(tmp_path.glob(".*.writing-*"))
