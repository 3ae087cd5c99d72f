from pathlib import Path

import numpy as np
import pytest

from videoreid.data.track_files import Tracks, read_tracks
from videoreid.errors import TrackFileError


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "tracks.txt"
    path.write_text(text)
    return path


def test_counting_from_one_becomes_counting_from_zero(tmp_path: Path) -> None:
    tracks = read_tracks(
        write(tmp_path, "2,7,11,21,30,40,0.5,-1,-1,-1\n\n# a remark\n1,7,10.5,20,30,40,0.9\n1 3 1 1 5 5\n")
    )
    assert tracks.track_ids.tolist() == [3, 7, 7]
    assert tracks.frames.tolist() == [0, 0, 1]
    assert tracks.boxes.tolist() == [[0, 0, 5, 5], [9.5, 19, 30, 40], [10, 20, 30, 40]]
    assert tracks.confidences.tolist() == [1.0, 0.9, 0.5]
    assert tracks.lines.tolist() == [5, 4, 1]


def test_counting_from_zero_on_request(tmp_path: Path) -> None:
    tracks = read_tracks(write(tmp_path, "0,1,10,20,30,40\n"), first_frame=0, first_pixel=0)
    assert tracks.frames.tolist() == [0]
    assert tracks.boxes.tolist() == [[10, 20, 30, 40]]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1,1,2,3", "line 3: 4 fields, expected 6"),
        ("1,1,2,3,x,5", "line 3: expected numbers"),
        ("1,1,2,3,nan,5", "line 3: frame and id must be whole and all numbers finite"),
        ("1.5,1,2,3,4,5", "line 3: frame and id must be whole"),
        ("1,1,2,3,0,5", "line 3: a box of 0 x 5 pixels has no area"),
        ("0,1,2,3,4,5", "line 3: frame 0 comes before the first, which is 1; .*first_frame=0"),
        ("1,1,9,9,9,9", "line 3: track 1 has a second box in frame 0"),
    ],
)
def test_a_malformed_line_is_named_by_number(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(TrackFileError, match=message):
        read_tracks(write(tmp_path, f"1,1,2,3,4,5\n2,1,2,3,4,5\n{line}\n"))


def test_missing_empty_and_binary_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(TrackFileError, match="no track file"):
        read_tracks(tmp_path / "none.txt")
    with pytest.raises(TrackFileError, match="holds no box"):
        read_tracks(write(tmp_path, "\n"))
    (tmp_path / "b.txt").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(TrackFileError, match="is not text"):
        read_tracks(tmp_path / "b.txt")


def test_columns_of_unequal_length_are_refused() -> None:
    with pytest.raises(TrackFileError, match="unequal length"):
        Tracks(np.array([0, 1]), np.array([1]), np.zeros((2, 4)))


def test_select_keeps_rows_and_lines(tmp_path: Path) -> None:
    tracks = read_tracks(write(tmp_path, "1,1,2,3,4,5\n2,1,2,3,4,5\n1,2,2,3,4,5\n"))
    chosen = tracks.select(tracks.track_ids == 1)
    assert len(chosen) == 2
    assert chosen.lines.tolist() == [1, 2]
    assert chosen.where(1).endswith("tracks.txt, line 2")
