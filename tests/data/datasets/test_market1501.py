from pathlib import Path

import pytest

from tests.data.datasets.dataset_imitations import picture, write_market1501
from videoreid.data.datasets.market1501 import market1501, market1501_time
from videoreid.errors import ConfigError, DatasetError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_market1501(tmp_path)
    return tmp_path


def test_every_image_is_a_tracklet_with_a_time(root: Path) -> None:
    splits = market1501(root)
    assert [(t.pid, t.camid, t.time) for t in splits.train] == [
        (0, 0, 451),
        (0, 5, 1 + 87551 + 131268 + 95817),
        (1, 1, 776 + 163691 + 164677),
    ]
    assert all(len(t) == 1 and t.time == t.end_time for t in splits.train)


def test_junk_is_dropped_and_distractors_stay(root: Path) -> None:
    assert [t.pid for t in market1501(root).gallery] == [0, 1, 3]


def test_the_clock_of_the_file_name_is_available(root: Path) -> None:
    assert [t.time for t in market1501(root, clock="sequence").train] == [451, 1, 776]
    with pytest.raises(ConfigError, match="'camera' or 'sequence'"):
        market1501(root, clock="world")  # type: ignore[arg-type]


def test_offsets_are_the_lengths_of_the_earlier_sequences() -> None:
    assert market1501_time(1, 1, 7) == 7
    assert market1501_time(1, 6, 54346) == 426006  # the last frame of a camera: its total
    assert market1501_time(2, 3, 98102) == 426470
    assert market1501_time(3, 3, 104469) == 427946
    assert market1501_time(4, 6, 50616) == 419357
    assert market1501_time(5, 3, 103487) == 426306
    assert market1501_time(6, 4, 30952) == 345588


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("0001_c7s1_000001_00.jpg", "camera 7 does not exist: cameras are 1 to 6"),
        ("0001_c2s4_000001_00.jpg", "camera 2 has sequences 1 to 3, so there is no sequence 4"),
        ("0001_c2_f0000001.jpg", "is not named like the images of this dataset"),
        ("holiday.jpg", "is not named like the images of this dataset"),
    ],
)
def test_a_foreign_name_is_refused(root: Path, name: str, message: str) -> None:
    picture(root / "query" / name)
    with pytest.raises(DatasetError, match=message):
        market1501(root)


def test_a_camera_out_of_range_is_refused_with_either_clock(root: Path) -> None:
    picture(root / "query" / "0001_c7s1_000001_00.jpg")
    with pytest.raises(DatasetError, match="camera 7 is out of range; expected 1 to 6"):
        market1501(root, clock="sequence")


def test_an_empty_folder_is_refused(root: Path) -> None:
    for path in (root / "query").iterdir():
        path.unlink()
    with pytest.raises(DatasetError, match="query holds no image of a person"):
        market1501(root)
