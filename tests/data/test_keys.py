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
