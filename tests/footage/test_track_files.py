from pathlib import Path

import numpy as np
import pytest

from videoreid.errors import TrackFileError
from videoreid.footage.track_files import Tracks, read_tracks


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
        ("1,1,2,3,nan,5", "line 3: all numbers must be finite"),
        ("1.5,1,2,3,4,5", "line 3: frame and id must be 64-bit whole"),
        ("1,1,2,3,0,5", "line 3: a box of 0 x 5 pixels has no area"),
        ("0,1,2,3,4,5", "line 3: frame 0 comes before the first, which is 1; .*first_frame=0"),
        ("1,1,9,9,9,9", "line 3: track 1 has a second box in frame 0"),
    ],
)
def test_a_malformed_line_is_named_by_number(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(TrackFileError, match=message):
        read_tracks(write(tmp_path, f"1,1,2,3,4,5\n2,1,2,3,4,5\n{line}\n"))


def test_missing_empty_and_binary_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(TrackFileError, match=r"no file .*MOT format"):
        read_tracks(tmp_path / "none.txt")
    with pytest.raises(TrackFileError, match="holds no box"):
        read_tracks(write(tmp_path, "\n"))
    (tmp_path / "b.txt").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(TrackFileError, match="line 1: it is not text"):
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


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff1,7,11,21,30,40,0.5\r\n2,7,11,21,30,40,0.5\r\n",
        "frame,id,bb_left,bb_top,bb_width,bb_height,conf\n1,7,11,21,30,40,0.5\n2,7,11,21,30,40,0.5\n",
        "1; 7; 11; 21; 30; 40; 0.5\n2;7;11;21;30;40;0.5;\n",
        "1\t7\t11\t21\t30\t40\t0.5\n# a remark\n\n2.0\t7.0\t11\t21\t30\t40\t0.5\n",
        "1 7  11 21 30 40 0.5\n2 7 11 21 30 40 0.5 -1 -1\n",
    ],
    ids=["byte order mark and CRLF", "header", "semicolons", "tabs and comments", "spaces"],
)
def test_the_dress_of_a_file_does_not_matter(tmp_path: Path, text: str) -> None:
    tracks = read_tracks(write(tmp_path, text))
    assert tracks.frames.tolist() == [0, 1]
    assert tracks.track_ids.tolist() == [7, 7]
    assert tracks.boxes.tolist() == [[10, 20, 30, 40]] * 2
    assert tracks.confidences.tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,,100,50,30,80,0.9\n", "line 1: field 2 is empty"),
        ("1,7,,50,30,80,0.9,-1,-1,-1\n", "line 1: field 3 is empty"),
        ("1,7,9,9,9,9,1\n2,7,100,50,30,80,,-1\n", "line 2: field 7 is empty"),
        (
            "1\t7\t100,5\t50,5\t30,5\t80,5\t0,9\n",
            "line 1: expected numbers.* a decimal is written with a point",
        ),
        ("1;7;100,5;50,5;30,5;80,5;0,9\n", "line 1: expected numbers.* a decimal is written with a point"),
        ("1 7 100,5 50,5 30,5 80,5\n", "line 1: 5 fields"),
        ("frame,id,x1,y1,x2,y2\n1,7,1,1,9,9\n", "line 1: the header names .*x2.*; expected frame, id, left"),
        ("id,frame,left,top,width,height\n7,1,1,1,9,9\n", "line 1: the header names id"),
        ("1,7,1,1,9,9\nframe,id,left,top,width,height\n", "line 2: frame and id must be whole"),
        ("1,18446744073709551616,1,1,9,9\n", "line 1: frame and id must be 64-bit whole numbers"),
        ("9223372036854775808,1,1,1,9,9\n", "line 1: .* 64-bit whole numbers, the frame signed"),
        ("1,9223372036854775808,1,1,9,9\n2,-1,1,1,9,9\n", "track id 9223372036854775808 .*signed, because"),
        ("1,18446744073709551615,1,1,9,9\n", "track id 18446744073709551615 is -1 as an unsigned"),
        ("1,1e300,1,1,9,9\n", "line 1: frame and id must be 64-bit whole numbers"),
        ("1,nan,1,1,9,9\n", "line 1: frame and id must be whole"),
    ],
)
def test_what_would_shift_or_change_a_number_is_refused_by_line(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(TrackFileError, match=message):
        read_tracks(write(tmp_path, text))


def test_ids_of_64_bits_are_kept(tmp_path: Path) -> None:
    ids = [9007199254740993, 9223372036854775807, -9223372036854775808]
    tracks = read_tracks(write(tmp_path, "".join(f"1,{track},1,1,9,9\n" for track in ids)))
    assert sorted(tracks.track_ids.tolist()) == sorted(ids)
    ids = [2**63, 2**64 - 2, 2**53 + 1, 7]
    tracks = read_tracks(write(tmp_path, "".join(f"1,{track},1,1,9,9\n" for track in ids)))
    assert tracks.track_ids.tolist() == sorted(ids)
    assert tracks.select(tracks.track_ids == 7).track_ids.dtype == np.int64


def test_files_of_another_encoding_are_refused_by_line(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_bytes("1,1,1,1,9,9\n# Gehört der Kamera\n".encode("latin-1"))
    with pytest.raises(TrackFileError, match=r"b\.txt, line 2: it is not text in UTF-8"):
        read_tracks(tmp_path / "b.txt")
    (tmp_path / "b.txt").write_bytes("1,1,1,1,9,9\n".encode("utf-16-le"))
    with pytest.raises(TrackFileError, match=r"b\.txt, line 1: it is not text in UTF-8"):
        read_tracks(tmp_path / "b.txt")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frames": np.array([0.5])}, "row 0: frame 0.5 is not a 64-bit whole number"),
        ({"frames": np.array([-1])}, "row 0: frame -1 must be 0 or more"),
        ({"track_ids": np.array([np.nan])}, "row 0: track id nan is not a 64-bit whole number"),
        ({"track_ids": np.array([2.0**60])}, "row 0: track id .* is not a 64-bit whole number"),
        ({"boxes": np.array([[0, 0, np.inf, 1]])}, "row 0.* finite"),
        ({"boxes": np.array([[0, 0, 0, 1]])}, "row 0.* with an area"),
        ({"confidences": np.array([np.nan])}, "row 0.* finite"),
    ],
)
def test_tracks_check_their_rows_wherever_they_come_from(changes: dict, message: str) -> None:
    columns = {"frames": np.array([0]), "track_ids": np.array([1]), "boxes": np.array([[0, 0, 5, 5]])}
    with pytest.raises(TrackFileError, match=message):
        Tracks(**{**columns, **changes})
