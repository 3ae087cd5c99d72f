import logging
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.data.numbered_video import (
    CONTAINERS,
    COUNT,
    damage,
    number_of,
    picture,
    with_variable_rate,
    write_numbered,
)
from videoreid.data import frame_numbers
from videoreid.data.video import VideoReader, frame_rate, iterate_frames, iterate_video, packets_left
from videoreid.errors import FrameError


@pytest.fixture(autouse=True)
def _forget_videos() -> None:
    frame_numbers._INDEXES.clear()


def red(image: np.ndarray) -> int:
    return round(float(image[..., 0].mean()) / 10)


def shuffled(count: int) -> list[int]:
    return np.random.default_rng(0).permutation(count).tolist()


def check_access(path: Path, count: int) -> None:
    """One pass and access by number give the same pixels, whatever the order and whatever is known before."""
    pictures = {frame.number: frame.image for frame in iterate_frames(path)}
    assert sorted(pictures) == list(range(count))
    assert packets_left(path) == 0 or "cut" in path.name
    for order in (shuffled(count), list(range(count - 1, 0, -40)), [count - 1, 3, 4]):
        frame_numbers._INDEXES.clear()
        reader = VideoReader(path)
        for number in order:
            assert np.array_equal(reader.read(number), pictures[number]), number


def test_frames_come_by_number_in_any_order(video: Path) -> None:
    reader = VideoReader(video)
    for number in (3, 4, 4, 19, 0, 7, 2):
        assert red(reader.read(number)) == number


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_container_gives_one_picture_a_number(name: str, tmp_path: Path) -> None:
    path = write_numbered(tmp_path / name)
    frames = list(iterate_frames(path))
    assert [frame.number for frame in frames] == list(range(COUNT))
    assert [number_of(frame.image) for frame in frames] == list(range(COUNT))
    slack = 0.05 if name.endswith(".mpg") else 2e-3  # the stamps that are written there leave one step out
    assert [frame.seconds for frame in frames] == pytest.approx(np.arange(COUNT) / 25, abs=slack)
    check_access(path, COUNT)


def test_a_variable_rate_shifts_no_frame_and_its_times_are_the_containers(tmp_path: Path) -> None:
    path = with_variable_rate(write_numbered(tmp_path / "mpeg4.mp4"))
    frames = list(iterate_frames(path))
    assert [number_of(frame.image) for frame in frames] == list(range(COUNT))
    seconds = np.concatenate([np.arange(50), 50 + 4 * np.arange(50), 250 + np.arange(50)]) / 25
    assert [frame.seconds for frame in frames] == pytest.approx(seconds, abs=1e-3)
    check_access(path, COUNT)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not here to write such files")
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("h264.mp4", ["-c:v", "libx264", "-g", "30", "-bf", "2", "-b_strategy", "0"]),
        ("h264.ts", ["-c:v", "libx264", "-g", "30", "-bf", "2", "-b_strategy", "0"]),
        ("open.ts", ["-c:v", "libx264", "-g", "30", "-bf", "2", "-b_strategy", "0", "-flags", "-cgop"]),
        ("refresh.mp4", ["-c:v", "libx264", "-g", "30", "-x264opts", "intra-refresh"]),
        ("h264.avi", ["-c:v", "libx264", "-g", "30", "-bf", "2", "-b_strategy", "0"]),
        ("raw.h264", ["-c:v", "libx264", "-g", "30", "-bf", "2", "-b_strategy", "0"]),
        ("packed.avi", ["-c:v", "mpeg4", "-g", "12", "-bf", "2", "-b_strategy", "0"]),
        ("mpeg2.mpg", ["-c:v", "mpeg2video", "-g", "12", "-bf", "2", "-b_strategy", "0"]),
        ("gaps.mkv", ["-vf", "select='mod(n\\,7)'", "-fps_mode", "vfr", "-c:v", "libx264", "-bf", "2"]),
        ("gaps.mp4", ["-vf", "select='mod(n\\,7)'", "-fps_mode", "vfr", "-c:v", "libx264", "-bf", "2"]),
    ],
)
def test_reordered_dropped_and_unstamped_frames(name: str, options: list[str], tmp_path: Path) -> None:
    write_numbered(tmp_path / "ffv1.avi")
    command = ["ffmpeg", "-loglevel", "error", "-i", tmp_path / "ffv1.avi", "-pix_fmt", "yuv420p", *options]
    subprocess.run([*command, tmp_path / name], check=True)
    kept = [number for number in range(COUNT) if number % 7 or "gaps" not in name]
    frames = list(iterate_frames(tmp_path / name))
    assert [number_of(frame.image) for frame in frames] == kept
    assert [frame.seconds for frame in frames] == pytest.approx((np.array(kept) - kept[0]) / 25, abs=2e-3)
    check_access(tmp_path / name, len(kept))


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not here to write such files")
def test_an_edit_list_hides_frames_that_are_not_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_numbered(tmp_path / "ffv1.avi")
    select = "select='lt(n\\,60)+not(mod(n\\,4))'"
    encode = ["-pix_fmt", "yuv420p", "-vf", select, "-fps_mode", "vfr", "-c:v", "libx264", "-g", "30"]
    run = ["ffmpeg", "-loglevel", "error"]
    subprocess.run([*run, "-i", tmp_path / "ffv1.avi", *encode, tmp_path / "whole.mp4"], check=True)
    cut = [*run, "-ss", "1.7", "-i", tmp_path / "whole.mp4", "-c", "copy", tmp_path / "cut.mp4"]
    subprocess.run(cut, check=True)
    frames = list(iterate_frames(tmp_path / "cut.mp4"))
    assert [frame.number for frame in frames] == list(range(len(frames)))
    assert [number_of(frame.image) for frame in frames] == [*range(43, 60), *range(60, COUNT, 4)]
    assert not [record for record in caplog.records if "damaged" in record.message]
    check_access(tmp_path / "cut.mp4", len(frames))


@pytest.mark.parametrize("lost", [(80,), (0, 1), (60, 61, 62, 149)])
def test_damaged_frames_are_passed_over_counted_and_shift_no_number(
    lost: tuple[int, ...], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = damage(write_numbered(tmp_path / "mjpg.avi"), *lost)
    kept = [number for number in range(COUNT) if number not in lost]
    with caplog.at_level(logging.WARNING, "videoreid"):
        frames = list(iterate_frames(path))
    assert [frame.number for frame in frames] == [number_of(frame.image) for frame in frames] == kept
    inner = [number for number in lost if number < COUNT - 1]
    assert f"{len(inner)} of " in caplog.text
    assert ", ".join(map(str, inner)) in caplog.text
    assert packets_left(path) == len(lost) - len(inner)
    assert sum(1 for _ in iterate_video(path)) == COUNT - len(lost)
    frame_numbers._INDEXES.clear()
    reader = VideoReader(path)
    for number in shuffled(COUNT - 1):
        if number in lost:
            with pytest.raises(FrameError, match=f"frame {number} of .* is damaged"):
                reader.read(number)
        else:
            assert number_of(reader.read(number)) == number


def test_one_index_serves_all_readers_of_a_file(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "mpeg4.mp4")
    assert sum(1 for _ in iterate_frames(path)) == COUNT
    index = frame_numbers.frame_index(str(path))
    assert len(index.numbers) == COUNT
    assert VideoReader(path)._index is index
    assert index.seekable


def test_a_seek_that_ends_elsewhere_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_numbered(tmp_path / "mpeg4.mp4")
    assert sum(1 for _ in iterate_frames(path)) == COUNT
    reader = VideoReader(path)
    seek = type(reader._capture).seek
    monkeypatch.setattr(type(reader._capture), "seek", lambda self, stamp: seek(self, stamp + 700_000))
    assert [number_of(reader.read(number)) for number in (140, 100, 20, 75)] == [140, 100, 20, 75]


def test_iteration_gives_every_frame_in_rgb(video: Path) -> None:
    frames = list(iterate_video(video))
    assert [red(frame) for frame in frames] == list(range(20))
    assert frames[0].shape == (40, 48, 3)
    assert abs(float(frames[0][..., 2].mean()) - 200) < 2


def test_a_frame_past_the_end_is_an_error_and_the_reader_lives_on(video: Path) -> None:
    reader = VideoReader(video)
    with pytest.raises(FrameError, match=r"frame 20 of .*video\.avi: .* frame 19 is the last"):
        reader.read(20)
    assert red(reader.read(5)) == 5


def test_missing_and_foreign_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(FrameError, match=r"no video .*none\.avi"):
        VideoReader(tmp_path / "none.avi")
    (tmp_path / "text.avi").write_text("text")
    with pytest.raises(FrameError, match=r"cannot open video .*text\.avi"):
        next(iterate_video(tmp_path / "text.avi"))


def test_a_path_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = Path(
        bytes(tmp_path).decode() + "/\udce4.avi"
    )  # a name in Latin-1, as the file system hands it over
    path.write_bytes(write_numbered(tmp_path / "mjpg.avi", 3).read_bytes())
    for read in (VideoReader, frame_rate, lambda path: next(iterate_video(path))):
        with pytest.raises(FrameError, match="is not UTF-8"):
            read(path)


def test_the_picture_tells_its_number() -> None:
    assert [number_of(picture(number)) for number in (0, 1, 77, 255)] == [0, 1, 77, 255]
