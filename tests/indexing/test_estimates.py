from pathlib import Path

import cv2
import numpy as np
import pytest

from videoreid.footage import tracks_from_arrays
from videoreid.indexing import IndexRules, WorkEstimate, estimate_work


def encoder(crops: list[np.ndarray]) -> np.ndarray:
    return np.ones((len(crops), 50))


@pytest.fixture
def video(tmp_path: Path) -> str:
    writer = cv2.VideoWriter(str(tmp_path / "v.avi"), cv2.VideoWriter_fourcc(*"FFV1"), 10, (64, 48))
    for _ in range(200):
        writer.write(np.full((48, 64, 3), 90, np.uint8))
    writer.release()
    return str(tmp_path / "v.avi")


def test_people_are_counted_in_the_first_frames(video: str, tmp_path: Path) -> None:
    (tmp_path / "bad.avi").write_text("no video")
    asked = []

    def two(image: np.ndarray) -> tuple[list[list[int]], list[float]]:
        asked.append(image.shape)
        return [[0, 0, 10, 20], [20, 0, 30, 20]], [0.9, 0.9]

    rules = IndexRules(two, every=2, thumbnails=1)
    found = estimate_work([(video, None), (tmp_path / "bad.avi", None)], encoder, rules)
    assert len(asked) == 4 and (found.recordings, found.frames, found.sampled) == (2, 200, 4)
    # 20 s of two people who stay for ten: four of them, each 50 numbers of 4 bytes, a picture and a row
    assert 4 * (200 + 300) < 1e6 * found.megabytes < 4 * (200 + 300 + 2000)
    assert found.seconds > 0


def test_tracks_tell_it_themselves(video: str) -> None:
    frames = np.tile(np.arange(20), 3)
    boxes = np.tile([0.0, 0.0, 10.0, 20.0], (60, 1))
    tracks = tracks_from_arrays(frames, np.repeat([1, 2, 3], 20), boxes, box_format="xywh")
    found = estimate_work([(video, tracks)], encoder, IndexRules(thumbnails=1))
    assert found.sampled == 0 and 3 * 500 < 1e6 * found.megabytes < 3 * 2500


def test_it_is_said_in_plain_units() -> None:
    assert str(WorkEstimate(2, 90_000, 4 * 3600 + 120, 12.34, 6)) == (
        "2 recordings, 90000 frames: about 4 h 2 min and 12.3 MB (a guess from 6 of their first frames)"
    )
    assert "1 recording, 12 frames: about 5 s" in str(WorkEstimate(1, 12, 5.2, 0.0, 0))
