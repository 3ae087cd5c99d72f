from pathlib import Path

import numpy as np
import pytest

from videoreid.data.video import VideoReader, iterate_video
from videoreid.errors import FrameError


def red(image: np.ndarray) -> int:
    return round(float(image[..., 0].mean()) / 10)


def test_frames_come_by_number_in_any_order(video: Path) -> None:
    reader = VideoReader(video)
    for number in (3, 4, 4, 19, 0, 7, 2):
        assert red(reader.read(number)) == number


def test_far_jumps_seek(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("videoreid.data.video._SEEK_AFTER", 2)
    reader = VideoReader(video)
    assert [red(reader.read(number)) for number in (0, 15, 16, 5)] == [0, 15, 16, 5]


def test_iteration_gives_every_frame_in_rgb(video: Path) -> None:
    frames = list(iterate_video(video))
    assert [red(frame) for frame in frames] == list(range(20))
    assert frames[0].shape == (40, 48, 3)
    assert abs(float(frames[0][..., 2].mean()) - 200) < 2


def test_a_frame_past_the_end_is_an_error_and_the_reader_lives_on(video: Path) -> None:
    reader = VideoReader(video)
    with pytest.raises(FrameError, match=r"frame 20 of .*video\.avi"):
        reader.read(20)
    assert red(reader.read(5)) == 5


def test_missing_and_foreign_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(FrameError, match=r"no video .*none\.avi"):
        VideoReader(tmp_path / "none.avi")
    (tmp_path / "text.avi").write_text("text")
    with pytest.raises(FrameError, match=r"cannot open video .*text\.avi"):
        next(iterate_video(tmp_path / "text.avi"))
