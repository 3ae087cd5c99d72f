from pathlib import Path

import pytest

from tests.data.datasets.dataset_imitations import picture, write_dukemtmcvidreid
from videoreid.data.datasets.dukemtmcvidreid import dukemtmcvidreid
from videoreid.errors import DatasetError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_dukemtmcvidreid(tmp_path)
    return tmp_path


def names(frames: object) -> list[str]:
    return [path.rpartition("/")[2] for path in frames]  # type: ignore[attr-defined]


def test_no_frame_is_lost_where_the_index_has_gaps(root: Path) -> None:
    tracklet = next(t for t in dukemtmcvidreid(root).train if len(t) == 3)
    assert names(tracklet.frames) == [
        "0004_C2_F0001_X99.jpg",
        "0004_C2_F0002_X111.jpg",
        "0004_C2_F0012_X231.jpg",
    ]
    assert (tracklet.pid, tracklet.camid, tracklet.time, tracklet.end_time) == (1, 1, 99, 231)


def test_old_names_are_read_in_the_order_of_their_index(root: Path) -> None:
    tracklet = dukemtmcvidreid(root).train[0]
    assert names(tracklet.frames) == ["0002C1F0001X9999.jpg", "0002C1F0002X10011.jpg"]
    assert (tracklet.pid, tracklet.camid, tracklet.time, tracklet.end_time) == (0, 0, 9_999, 10_011)


def test_the_gallery_holds_the_queries(root: Path) -> None:
    splits = dukemtmcvidreid(root)
    query = splits.query[0]
    copies = [t for t in splits.gallery if names(t.frames) == names(query.frames)]
    assert [(t.pid, t.camid) for t in copies] == [(query.pid, query.camid)]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("0004_C3_F0013_X300.jpg", r"mixes cameras \[2, 3\]"),
        ("0005_C2_F0013_X300.jpg", r"people \[4, 5\]"),
        ("frame13.jpg", "is not named like 0001_C6_F0099_X30823.jpg"),
    ],
)
def test_a_frame_that_does_not_belong_is_refused(root: Path, name: str, message: str) -> None:
    picture(root / "train" / "0004" / "0001" / name)
    with pytest.raises(DatasetError, match=message):
        dukemtmcvidreid(root)


def test_a_camera_out_of_range_is_refused(root: Path) -> None:
    picture(root / "train" / "0004" / "0009" / "0004_C9_F0001_X1.jpg")
    with pytest.raises(DatasetError, match="camera 9 is out of range; expected 1 to 8"):
        dukemtmcvidreid(root)


def test_an_empty_tracklet_is_refused(root: Path) -> None:
    (root / "query" / "0003" / "0002").mkdir()
    with pytest.raises(DatasetError, match=r"0002 holds no image"):
        dukemtmcvidreid(root)


def test_an_empty_split_is_refused(root: Path) -> None:
    for path in (root / "query").rglob("*.jpg"):
        path.unlink()
    (root / "query" / "0003" / "0001").rmdir()
    with pytest.raises(DatasetError, match=r"query holds no <person>/<tracklet> folder"):
        dukemtmcvidreid(root)
