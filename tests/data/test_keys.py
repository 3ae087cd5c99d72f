from pathlib import Path

import pytest

from videoreid.data.keys import Box, FrameKey, packed_key, parse_key, video_key
from videoreid.errors import FrameError


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("a/b.jpg", FrameKey("a/b.jpg")),
        (packed_key("s.h5", "train/1.jpg"), FrameKey("s.h5", entry="train/1.jpg")),
        (video_key("v.avi", 12), FrameKey("v.avi", frame=12)),
        (video_key("v.avi", 0, Box(1, 2, 30, 40)), FrameKey("v.avi", frame=0, box=Box(1, 2, 30, 40))),
    ],
)
def test_keys_come_apart_as_they_were_put_together(key: str, expected: FrameKey) -> None:
    assert parse_key(key) == expected


def test_a_key_is_readable() -> None:
    assert video_key("v.avi", 3, Box(1, 2, 3, 4)) == "v.avi::frame=3&box=1,2,3,4"


@pytest.mark.parametrize(
    "key", ["v.avi::12", "v.avi::frame=x", "v.avi::frame=-1", "v.avi::frame=1&box=1,2", "v.avi::frame=1&a=2"]
)
def test_a_malformed_key_is_named(key: str) -> None:
    with pytest.raises(FrameError, match=key.split("::")[1]):
        parse_key(key)


def test_folders_and_files_may_have_the_separator_in_their_names(tmp_path: Path) -> None:
    image = tmp_path / "a::b" / "c::d.jpg"
    image.parent.mkdir()
    image.touch()
    assert parse_key(str(image)) == FrameKey(str(image))
    assert parse_key("a::b/none.jpg") == FrameKey("a::b/none.jpg")
    assert parse_key(video_key("a::b/v.avi", 3)) == FrameKey("a::b/v.avi", frame=3)
    assert parse_key(packed_key("a::b/s.h5", "x::y/1.jpg")) == FrameKey("a::b/s.h5", entry="x::y/1.jpg")


def test_a_folder_may_be_called_like_a_store(tmp_path: Path) -> None:
    image = tmp_path / "a.h5::b" / "c.jpg"
    image.parent.mkdir()
    image.touch()
    assert parse_key(str(image)) == FrameKey(str(image))
    store = tmp_path / "a.h5::b" / "s.h5"
    store.touch()
    assert parse_key(packed_key(store, "t.h5::u/1.jpg")) == FrameKey(str(store), entry="t.h5::u/1.jpg")
