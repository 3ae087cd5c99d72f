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
from videoreid.retrieval import Gallery, GalleryTracklet, Recording

ROOT = Path(__file__).parents[2]
NOON = datetime(2024, 5, 1, 12)


def new(path: Path) -> Gallery:
    return Gallery.open(path, fingerprint="net:1", create=True)


def tracklet(track: int, start: float = 0.0, end: float = 2.0) -> GalleryTracklet:
    pictures = (f"picture-{track}-a".encode(), f"picture-{track}-b".encode())
    return GalleryTracklet(track, start, end, int(start * 25), int(end * 25), (1, 2, 3, 4), pictures)


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


def bytes_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_what_is_removed_is_in_no_file(tmp_path: Path) -> None:
    gallery = new(tmp_path)
    fill(gallery)
    feature = gallery.embedding("gate:2").tobytes()
    # a hard link sees what becomes of the blocks of the old file
    os.link(tmp_path / "aa.npz", tmp_path / "link")
    os.link(tmp_path / "bb.npz", tmp_path / "link2")
    assert b"picture-2-a" in bytes_in(tmp_path) and feature in bytes_in(tmp_path)
    (tmp_path / ".aa.writing-x.npz").write_bytes(b"picture-2-a")  # of a process that was killed
    (tmp_path / "people.html").write_bytes(b"picture-2-a")  # an answer that was written before
    assert gallery.remove(["gate:2"]) == 1
    left = bytes_in(tmp_path)
    assert b"picture-2" not in left and feature not in left and b'"track": 2' not in left
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
    assert gallery.purge(datetime(2024, 5, 2)) == 2  # yard was indexed today, and may have been filmed today
    assert gallery.keys == ["yard:7"] and b"picture-1-a" not in bytes_in(tmp_path)
    assert gallery.purge(datetime(2999, 1, 1)) == 1 and b"picture" not in bytes_in(tmp_path)


ADDING = """
import sys
import numpy as np
from videoreid.retrieval import Gallery, GalleryTracklet, Recording
gallery = Gallery.open(sys.argv[1], fingerprint="net:1", create=True)
for n in range(10_000):
    rows = [GalleryTracklet(t, 0.0, 1.0, thumbnails=(bytes(50_000),)) for t in range(20)]
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
        done = len(names)
    gallery.remove("r0")
    assert not list(tmp_path.glob(".*.writing-*"))
