from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from videoreid.errors import ConfigError, UnknownNameError
from videoreid.footage.detection import DetectedFrame
from videoreid.footage.track_files import Tracks, read_tracks
from videoreid.footage.tracking import OnlineTracker, track, write_tracks

pytest.importorskip("trackers", reason="the extra track is not installed")


def two_people(frames: int = 20, step: float = 0.04) -> Iterator[DetectedFrame]:
    """Two people who walk towards each other, one above the other."""
    for number in range(frames):
        image = np.full((120, 160, 3), 90, np.uint8)
        boxes = np.array(
            [[2 * number, 5, 2 * number + 20, 50], [130 - 2 * number, 60, 150 - 2 * number, 110]], float
        )
        yield DetectedFrame(number, number * step, image, boxes, np.array([0.9, 0.8]))


@pytest.mark.parametrize("name", ["bytetrack", "ocsort", "botsort"])
def test_two_people_are_two_tracks(name: str) -> None:
    tracks = track(two_people(), name)
    assert set(tracks.track_ids.tolist()) == {1, 2}
    for person, top in ((1, 5), (2, 60)):
        own = tracks.select(tracks.track_ids == person)
        assert len(own) >= 16
        assert set(own.boxes[:, 1].tolist()) == {top}
        lefts = 2 * own.frames if person == 1 else 130 - 2 * own.frames
        assert own.boxes[:, 0].tolist() == pytest.approx(lefts.tolist())


def test_each_frame_is_handed_over_for_drawing() -> None:
    seen: list[tuple[int, int]] = []
    track(two_people(), each=lambda frame, boxes, ids: seen.append((frame.number, len(ids))))
    assert [number for number, _ in seen] == list(range(20))
    assert seen[-1][1] == 2


def test_one_frame_and_none_are_no_error() -> None:
    assert len(track(iter(()))) == 0
    assert len(track(two_people(1))) in (0, 2)
    empty = [frame._replace(boxes=np.empty((0, 4)), scores=np.empty(0)) for frame in two_people(3)]
    assert len(track(empty)) == 0


def test_names_and_options_are_checked() -> None:
    with pytest.raises(
        UnknownNameError, match="unknown tracker 'sort'; expected one of bytetrack, ocsort, botsort"
    ):
        OnlineTracker("sort")
    with pytest.raises(ConfigError, match="bytetrack has no option buffer"):
        OnlineTracker(buffer=3)
    with pytest.raises(ConfigError, match="frame_rate"):
        OnlineTracker(frame_rate=0)


def test_written_tracks_are_read_back(tmp_path: Path) -> None:
    tracks = track(two_people())
    write_tracks(tracks, tmp_path / "t.txt")
    again = read_tracks(tmp_path / "t.txt")
    assert again.frames.tolist() == tracks.frames.tolist()
    assert again.track_ids.tolist() == tracks.track_ids.tolist()
    assert again.boxes == pytest.approx(tracks.boxes, abs=0.005)
    assert again.confidences == pytest.approx(tracks.confidences, abs=5e-5)


def test_a_sliver_at_the_border_is_written_so_that_it_can_be_read(tmp_path: Path) -> None:
    tracks = Tracks(np.array([0]), np.array([1]), np.array([[-2.0, 5.0, 0.004, 30.0]]))
    write_tracks(tracks, tmp_path / "t.txt")
    assert read_tracks(tmp_path / "t.txt").boxes.tolist() == [[-2.0, 5.0, 0.01, 30.0]]
