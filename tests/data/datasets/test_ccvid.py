from pathlib import Path

import pytest

from tests.data.datasets.dataset_imitations import write_ccvid
from videoreid.data.datasets import dense_tracklets
from videoreid.data.datasets.ccvid import ccvid
from videoreid.errors import DatasetError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_ccvid(tmp_path)
    return tmp_path


def test_the_third_session_has_cameras_of_its_own(root: Path) -> None:
    splits = ccvid(root)
    assert [t.camid for t in splits.train] == [1, 1, 12]
    assert [t.camid for t in splits.gallery] == [1, 2, 12, 15]


def test_one_label_is_one_number_in_every_list(root: Path) -> None:
    splits = ccvid(root)
    assert splits.query[0].clothes == splits.gallery[0].clothes == splits.train[0].clothes
    assert splits.gallery[1].clothes == splits.gallery[2].clothes != splits.gallery[0].clothes
    assert [t.clothes for t in dense_tracklets(splits.train, 2)][:1] == [splits.train[0].clothes]


def test_frames_are_in_natural_order(root: Path) -> None:
    names = [Path(path).name for path in ccvid(root).train[2].frames]
    assert names == [f"{number}.jpg" for number in range(1, 12)]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("session1/002_01 002", "is not '<session>/<person>_<camera> <person> <clothes>'"),
        ("walk/002_01 002 u0", "no session and camera"),
        ("session1/002_13 002 u0", "with a camera from 1 to 12"),  # 12 is a camera of the third session
        ("../002_01 002 u0", "leaves the root"),
        ("session1/002_09 002 u0", "no folder"),
    ],
)
def test_a_damaged_list_is_one_clear_error(root: Path, line: str, message: str) -> None:
    (root / "query.txt").write_text(line + "\n")
    with pytest.raises(DatasetError, match=message):
        ccvid(root)
