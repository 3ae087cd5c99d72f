from pathlib import Path

import numpy as np
import pytest

from tests.data.datasets.dataset_imitations import savemat, write_ilidsvid
from videoreid.data.datasets.ilidsvid import ilidsvid
from videoreid.errors import ConfigError, DatasetError

MAT = "train-test people splits/train_test_splits_ilidsvid.mat"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_ilidsvid(tmp_path)
    return tmp_path


def test_the_first_half_of_a_row_is_tested(root: Path) -> None:
    splits = ilidsvid(root, split_id=0)  # people 1 2 3 5 9; places 5 and 1 are tested
    assert [(t.pid, t.camid) for t in splits.query] == [(1, 0), (9, 0)]
    assert [(t.pid, t.camid) for t in splits.gallery] == [(1, 1), (9, 1)]
    assert [t.frames[0].rpartition("/")[2][5:14] for t in splits.train[::2]] == [
        "person002",
        "person003",
        "person005",
    ]
    assert [t.pid for t in ilidsvid(root, split_id=1).query] == [2, 5]
    assert "cam1" in splits.query[0].frames[0]


def test_people_of_one_camera_are_named(root: Path) -> None:
    (root / "i-LIDS-VID" / "sequences" / "cam2" / "person005").rename(root / "person005")
    with pytest.raises(DatasetError, match="1 people are in one camera only, the first is person005"):
        ilidsvid(root)


@pytest.mark.parametrize("row", [[1, 2, 3, 4, 6], [1, 2, 3, 4, 4], [1, 2, 3, 4]])
def test_a_split_that_is_no_permutation_is_refused(root: Path, row: list[int]) -> None:
    savemat(root / MAT, ls_set=np.array([row], np.float64))
    with pytest.raises(DatasetError, match=r"split 0 .* is not a permutation of the 5 people"):
        ilidsvid(root)


def test_a_missing_variable_or_file_is_named(root: Path) -> None:
    savemat(root / MAT, other=np.ones((10, 5)))
    with pytest.raises(DatasetError, match="no variable 'ls_set'; it holds other"):
        ilidsvid(root)
    (root / MAT).unlink()
    with pytest.raises(DatasetError, match=r"train_test_splits_ilidsvid.mat \(found"):
        ilidsvid(root)


def test_a_split_that_does_not_exist_is_refused(root: Path) -> None:
    with pytest.raises(ConfigError, match="splits 0 to 9"):
        ilidsvid(root, split_id=10)
