from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.data.numbered_video import COUNT, damage, number_of, write_numbered
from videoreid.data.frames import FrameReader
from videoreid.data.video import iterate_frames, iterate_video
from videoreid.errors import ConfigError, DatasetError, FrameError, TrackFileError
from videoreid.footage.crops import (
    Tracks,
    crop_tracklets,
    iterate_crops,
    read_tracks,
    round_box,
    split_tracks,
    video_tracklets,
    write_crop,
)
from videoreid.types import Tracklet

PETS = Path(__file__).parents[3] / "shared" / "data" / "pets_s2l1"


def tracks_of(*rows: tuple[float, ...]) -> Tracks:
    table = np.array(rows, dtype=float)
    return Tracks(table[:, 0], table[:, 1], table[:, 2:6], lines=np.arange(1, len(rows) + 1), source="t.txt")


def test_crops_are_the_rounded_boxes(video: Path, tmp_path: Path) -> None:
    tracks = tracks_of(
        (3, 5, 10.4, 4.6, 12.0, 20.0), (4, 5, 10.6, 4.4, 12.0, 20.0), (3, 2, -3.2, 30.0, 10.0, 20.0)
    )
    tracklets = crop_tracklets(video, tracks, tmp_path / "out", camid=2)
    assert [(t.pid, t.camid, t.time, t.end_time, len(t)) for t in tracklets] == [
        (2, 2, 3, 3, 1),
        (5, 2, 3, 4, 2),
    ]
    frames = list(iterate_video(video))
    first, second = FrameReader().read(tracklets[1].frames)
    np.testing.assert_array_equal(first, frames[3][5:25, 10:22])
    np.testing.assert_array_equal(second, frames[4][4:24, 11:23])
    np.testing.assert_array_equal(
        FrameReader().read(tracklets[0].frames)[0], frames[3][30:40, 0:7]
    )  # clipped


def test_tracklets_may_stay_in_the_video(video: Path, tmp_path: Path) -> None:
    tracks = tracks_of(
        (3, 5, 10.4, 4.6, 12.0, 20.0), (4, 5, 10.6, 4.4, 12.0, 20.0), (3, 2, -3.2, 30.0, 10.0, 20.0)
    )
    cut, kept = (
        crop_tracklets(video, tracks, tmp_path / "out", camid=1),
        video_tracklets(video, tracks, camid=1),
    )
    assert [(t.pid, t.camid, t.time, t.end_time) for t in cut] == [
        (t.pid, t.camid, t.time, t.end_time) for t in kept
    ]
    assert kept[1].frames[0] == f"{video}::frame=3&box=10,5,22,25"
    for one, other in zip(cut, kept, strict=True):
        for crop, again in zip(FrameReader().read(one.frames), FrameReader().read(other.frames), strict=True):
            np.testing.assert_array_equal(crop, again)


def test_jpeg_only_when_told(video: Path, tmp_path: Path) -> None:
    tracks = tracks_of((0, 1, 0, 0, 20, 20))
    assert crop_tracklets(video, tracks, tmp_path)[0].frames == (str(tmp_path / "0001" / "000000.png"),)
    (key,) = crop_tracklets(video, tracks, tmp_path, image_format="jpg")[0].frames
    assert Path(key).read_bytes()[:3] == b"\xff\xd8\xff"


def test_the_video_is_read_once_and_no_further_than_needed(
    video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = []

    def counted(path: Path):
        for frame in iterate_frames(path):
            decoded.append(1)
            yield frame

    monkeypatch.setattr("videoreid.footage.crops.iterate_frames", counted)
    tracks = tracks_of((6, 1, 0, 0, 9, 9), (2, 2, 0, 0, 9, 9), (2, 1, 0, 0, 9, 9))
    rows = [(int(tracks.frames[row]), int(tracks.track_ids[row])) for row, _ in iterate_crops(video, tracks)]
    assert rows == [(2, 1), (2, 2), (6, 1)]
    assert len(decoded) == 7


@pytest.mark.parametrize(
    "box", [(48, 0, 5, 5), (-6, 0, 5, 5), (0, 40.2, 5, 5), (0, -9, 5, 5), (3, 3, 0.2, 5)]
)
def test_a_box_outside_its_frame_is_named_by_line(
    video: Path, box: tuple[float, ...], tmp_path: Path
) -> None:
    with pytest.raises(
        TrackFileError, match=r"t\.txt, line 2: track 1 at frame 1 lies outside the 48x40 frame"
    ):
        crop_tracklets(video, tracks_of((0, 1, 0, 0, 5, 5), (1, 1, *box)), tmp_path, strict=True)


def test_boxes_outside_their_frame_are_left_out_and_counted(
    video: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tracks = tracks_of((0, 1, 0, 0, 5, 5), (1, 1, 90, 0, 5, 5), (2, 1, 0, 0, 5, 5), (1, 2, 1e300, 0, 5, 5))
    (tracklet,) = crop_tracklets(video, tracks, tmp_path)
    assert [Path(frame).stem for frame in tracklet.frames] == ["000000", "000002"]
    assert (
        "t.txt: 2 of 4 boxes lie wholly outside their frame and were left out: line 2, line 4" in caplog.text
    )


def test_boxes_on_damaged_frames_are_left_out_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = damage(write_numbered(tmp_path / "mjpg.avi"), 80, COUNT - 1)
    whole = (0, 0, 128, 64)
    tracks = tracks_of((79, 1, *whole), (80, 1, *whole), (81, 1, *whole), (COUNT - 1, 1, *whole))
    cut = [(int(tracks.frames[row]), number_of(crop)) for row, crop in iterate_crops(path, tracks)]
    assert cut == [(79, 79), (81, 81)]
    assert "t.txt: 2 of 4 boxes are on damaged frames" in caplog.text
    with pytest.raises(FrameError, match=r"t\.txt, line 2: frame 80 of .* is damaged"):
        list(iterate_crops(path, tracks, strict=True))
    with pytest.raises(TrackFileError, match=r"line 1: frame 150 .* past the end"):
        list(iterate_crops(path, tracks_of((COUNT, 1, *whole))))


def test_an_id_that_is_no_pid_is_refused_before_anything_is_written(video: Path, tmp_path: Path) -> None:
    tracks = Tracks([0, 1], [2**63 + 5, 7], np.array([[0.0, 0.0, 9.0, 9.0]] * 2))
    with pytest.raises(TrackFileError, match="track 9223372036854775813 cannot be a pid"):
        crop_tracklets(video, tracks, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    smaller = Tracks(tracks.frames, [1, 0], tracks.boxes)  # what the message advises
    assert [t.pid for t in crop_tracklets(video, smaller, tmp_path / "out")] == [0, 1]


def test_tracks_too_short_to_split_are_left_out_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    tracklets = [Tracklet(("a", "b"), 1, 0), Tracklet(("c",), 7, 0)]
    splits = split_tracks(tracklets, 0.5)
    assert [t.pid for t in (*splits.query, *splits.gallery)] == [1, 1]
    assert "1 of 2 tracks have one frame, which cannot be split, and were left out: 7" in caplog.text
    with pytest.raises(DatasetError, match="track 7 has one frame"):
        split_tracks(tracklets, 0.5, strict=True)


def test_crops_are_written_where_the_path_is_not_utf8(tmp_path: Path) -> None:
    path = Path(bytes(tmp_path).decode() + "/\udce4") / "a.png"
    write_crop(path, np.full((4, 3, 3), (10, 20, 30), np.uint8))
    assert FrameReader().read([str(path)])[0][0, 0].tolist() == [10, 20, 30]


def test_a_frame_past_the_end_is_named_by_line(video: Path, tmp_path: Path) -> None:
    with pytest.raises(
        TrackFileError, match=r"t\.txt, line 2: frame 20 .* past the end of .*, which has 20 frames"
    ):
        crop_tracklets(video, tracks_of((19, 1, 0, 0, 5, 5), (20, 1, 0, 0, 5, 5)), tmp_path)


def test_a_missing_video_is_named(tmp_path: Path) -> None:
    with pytest.raises(FrameError, match="no video"):
        crop_tracklets(tmp_path / "none.avi", tracks_of((0, 1, 0, 0, 5, 5)), tmp_path)


def test_round_box_keeps_what_is_inside() -> None:
    assert round_box(tracks_of((0, 1, 1.5, 2.5, 3, 3)), 0, width=50, height=5) == (
        2,
        2,
        4,
        5,
    )  # to even, as NumPy


def test_crops_are_whole_files_of_a_known_format(tmp_path: Path) -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(ConfigError, match="png or jpg"):
        write_crop(tmp_path / "x.gif", image)
    write_crop(tmp_path / "a" / "x.png", image)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["x.png"]


def test_split_tracks_takes_both_ends() -> None:
    tracklet = Tracklet(tuple("abcdefghijk"), 4, 3, time=5.0, end_time=15.0)
    splits = split_tracks([tracklet], 0.4)
    assert splits.query[0].frames == tuple("abcd")
    assert splits.gallery[0].frames == tuple("hijk")
    assert (splits.query[0].camid, splits.gallery[0].camid) == (0, 1)
    assert splits.query[0].time == 5.0
    assert np.isnan(splits.query[0].end_time)
    assert splits.gallery[0].end_time == 15.0
    assert splits.query[0].pid == splits.gallery[0].pid == 4
    assert len(split_tracks([Tracklet(("a", "b"), 1, 0)], 0.1).query[0]) == 1


@pytest.mark.parametrize("fraction", [0.0, 0.51, -1.0])
def test_split_tracks_refuses_shares_that_overlap(fraction: float) -> None:
    with pytest.raises(ConfigError, match="fraction"):
        split_tracks([Tracklet(("a", "b"), 1, 0)], fraction)


def test_split_tracks_refuses_a_single_frame() -> None:
    with pytest.raises(DatasetError, match="track 1 has one frame"):
        split_tracks([Tracklet(("a",), 1, 0)], 0.4)


@pytest.mark.skipif(not PETS.is_dir(), reason="../shared/data/pets_s2l1 is not here")
def test_real_footage_becomes_tracklets(tmp_path: Path) -> None:
    tracks = read_tracks(PETS / "tracks.txt")
    tracklets = crop_tracklets(PETS / "video.avi", tracks, tmp_path)
    assert len(tracklets) == 34
    assert sum(map(len, tracklets)) == len(tracks)
    box = tracks.boxes[0]  # 158.88, 138.65, 18.40 x 55.36 in the file, counted from one
    assert box.tolist() == pytest.approx([157.88, 137.65, 18.40, 55.36])
    first = cv2.imread(tracklets[0].frames[0])[..., ::-1]
    expected = next(iterate_video(PETS / "video.avi"))[138:193, 158:176]
    np.testing.assert_array_equal(first, expected)


def test_a_crop_that_cannot_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(DatasetError, match="No space left on device"):
        write_crop(tmp_path / "a.png", np.zeros((8, 4, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []
