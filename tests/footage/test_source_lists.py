from pathlib import Path

import pytest

from videoreid.errors import ConfigError
from videoreid.footage.source_lists import Source, parse_source, read_identities, read_sources

VIDEOS = ("c001/vdo.avi", "c002/vdo.avi", "c002/other.avi")
TRACKS = ({1, 2}, {1, 3}, {1})


def people(tmp_path: Path, *rows: str) -> tuple[list[dict[int, int]], list[str]]:
    (tmp_path / "who.csv").write_text("video,track,person\n" + "".join(f"{row}\n" for row in rows))
    return read_identities(tmp_path / "who.csv", [str(tmp_path / video) for video in VIDEOS], TRACKS)


def test_a_list_of_recordings(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(
        "video;tracks;camera;offset;fps\na.avi;a.txt;01;;\nb.avi;b.txt;1;2.5;10\n"
    )
    assert read_sources(tmp_path / "list.csv") == [
        Source(str(tmp_path / "a.avi"), str(tmp_path / "a.txt"), 1, 0.0, None),
        Source(str(tmp_path / "b.avi"), str(tmp_path / "b.txt"), 1, 2.5, 10.0),
    ]
    (tmp_path / "list.csv").write_text("video,tracks,camera\na.avi,a.txt,0\na.avi,a.txt,0\n")
    with pytest.raises(ConfigError, match=r"list\.csv, line 3: a\.avi is listed twice"):
        read_sources(tmp_path / "list.csv")
    (tmp_path / "list.csv").write_text("video,tracks,camera\n")
    with pytest.raises(ConfigError, match="lists no video"):
        read_sources(tmp_path / "list.csv")


@pytest.mark.parametrize(
    "texts", [("?",), ("1x",), ("-1",), ("0", "1,5"), ("0", "nan"), ("0", "0", "0"), ("0", "0", "inf")]
)
def test_numbers_of_a_source_are_checked(texts: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="here: camera"):
        parse_source("here", "v.avi", "t.txt", *texts)


def test_videos_of_one_base_name_keep_their_people(tmp_path: Path) -> None:
    found, unmatched = people(
        tmp_path, "c001/vdo.avi,1,11", "c002/vdo.avi,1,12", "./c001/../c001/vdo.avi,2,12", "other.avi,1,13"
    )
    assert found == [{1: 11, 2: 12}, {1: 12}, {1: 13}]
    assert unmatched == []
    with pytest.raises(
        ConfigError, match=r"line 2: vdo\.avi may be .*c001/vdo\.avi or .*c002/vdo\.avi; write more"
    ):
        people(tmp_path, "vdo.avi,1,11")


def test_rows_that_match_nothing_are_returned(tmp_path: Path) -> None:
    found, unmatched = people(tmp_path, "c001/vdo.avi,1,11", "c001/vdo.avl,1,11", "other.avi,77,3")
    assert found == [{1: 11}, {}, {}]
    assert "line 3: no video c001/vdo.avl among the sources; did you mean" in unmatched[0]
    assert "line 4: other.avi has no track 77" in unmatched[1]


def test_a_track_that_is_named_as_two_people_is_refused(tmp_path: Path) -> None:
    assert people(tmp_path, "other.avi,1,5", "c002/other.avi,1,5")[0][2] == {1: 5}
    with pytest.raises(ConfigError, match=r"line 3: track 1 .* is named twice, as person 5 and as person 6"):
        people(tmp_path, "other.avi,1,5", "c002/other.avi,1,6")


def test_a_video_that_is_listed_twice_gives_both_their_people(tmp_path: Path) -> None:
    (tmp_path / "who.csv").write_text("video,track,person\nv.avi,1,5\nv.avi,2,6\n")
    found, unmatched = read_identities(tmp_path / "who.csv", [str(tmp_path / "v.avi")] * 2, ({1}, {1, 2}))
    assert (found, unmatched) == ([{1: 5}, {1: 5, 2: 6}], [])
