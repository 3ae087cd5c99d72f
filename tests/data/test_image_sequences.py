from pathlib import Path

import cv2
import pytest

from tests.data.numbered_video import number_of, picture
from videoreid.data.image_sequences import image_sequence
from videoreid.data.video import frame_rate, iterate_frames
from videoreid.errors import FrameError


def write(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        cv2.imwrite(str(folder / name), picture(number))
    return folder


def test_numbers_come_from_the_names(tmp_path: Path) -> None:
    folder = write(tmp_path / "img", "a_9.png", "a_10.jpg", "a_12.png")
    (folder / "notes.txt").write_text("no image")
    found = [(0, str(folder / "a_9.png")), (1, str(folder / "a_10.jpg")), (3, str(folder / "a_12.png"))]
    assert image_sequence(str(folder)) == found
    assert image_sequence(str(folder / "a_%d.png")) == [found[0], found[2]]


def test_missing_and_damaged_images_shift_no_number(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = write(tmp_path / "img", "000001.png", "000002.png", "000004.png")
    (folder / "000002.png").write_bytes(b"damaged")
    frames = list(iterate_frames(folder))
    assert [(frame.number, number_of(frame.image)) for frame in frames] == [(0, 0), (3, 2)]
    assert [frame.seconds for frame in frames] == pytest.approx([float("nan")] * 2, nan_ok=True)
    assert "2 of 4 frames are damaged and were skipped (counted from 0): 1, 2" in caplog.text


def test_a_seqinfo_gives_the_rate(tmp_path: Path) -> None:
    folder = write(tmp_path / "MOT" / "img1", "000001.png", "000002.png")
    with pytest.raises(FrameError, match="states no frame rate"):
        frame_rate(folder)
    (tmp_path / "MOT" / "seqinfo.ini").write_text("[Sequence]\nname=MOT\nframeRate=10\n")
    assert frame_rate(folder) == 10
    assert [frame.seconds for frame in iterate_frames(folder)] == [0.0, 0.1]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "no image"),
        (("cover.png", "1.png"), r"cover\.png: the names .* end in their numbers"),
        (("1.png", "01.png"), r"1\.png has the number of .*01\.png"),
    ],
)
def test_folders_that_are_no_sequence_are_refused(
    tmp_path: Path, names: tuple[str, ...], message: str
) -> None:
    with pytest.raises(FrameError, match=message):
        next(iterate_frames(write(tmp_path / "img", *names)))
    with pytest.raises(FrameError, match="no image"):
        next(iterate_frames(tmp_path / "none" / "%06d.jpg"))
