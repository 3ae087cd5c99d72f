from pathlib import Path

import numpy as np
import pytest

from tests.data.datasets.dataset_imitations import write_mevid
from videoreid.data.datasets.mevid import mevid
from videoreid.errors import DatasetError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_mevid(tmp_path)
    return tmp_path


def test_cameras_and_outfits(root: Path) -> None:
    splits = mevid(root)
    assert [(t.pid, t.camid, t.clothes) for t in splits.train] == [(0, 0, 1), (0, 2, 3), (1, 0, 0)]
    assert [(t.pid, t.camid, t.clothes) for t in splits.query] == [(205, 1, 0), (210, 0, 1)]
    assert [(t.pid, t.camid, t.clothes) for t in splits.gallery] == [(205, 0, 0), (205, 3, 2), (210, 1, 1)]


def test_lines_count_from_zero_and_the_last_belongs_to_the_tracklet(root: Path) -> None:
    frames = [Path(path).name for path in mevid(root).train[1].frames]
    assert frames == [f"0201O003C507T001F0000{number}.jpg" for number in range(3)]


def test_contradictions_are_named(root: Path) -> None:
    table = np.loadtxt(root / "track_train_info.txt")
    np.savetxt(root / "track_train_info.txt", table[:, :4])
    with pytest.raises(DatasetError, match=r"shape \(3, 4\); expected \(N, 5\)"):
        mevid(root)
    wrong = table.copy()
    wrong[2, 1] = 99
    np.savetxt(root / "track_train_info.txt", wrong)
    with pytest.raises(DatasetError, match="of a list of 7 names"):
        mevid(root)
    wrong = table.copy()
    wrong[0, 3] = 2
    np.savetxt(root / "track_train_info.txt", wrong)
    with pytest.raises(DatasetError, match=r"outfit 2, camera 330, but its list has 0201O001C330"):
        mevid(root)
    np.savetxt(root / "track_train_info.txt", table)
    np.savetxt(root / "query_IDX.txt", np.array([0, 9]))
    with pytest.raises(DatasetError, match=r"different rows in 0\.\.4"):
        mevid(root)
    for odd in ("1.5", "nan", "inf"):
        (root / "query_IDX.txt").write_text(f"0\n{odd}\n")
        with pytest.raises(DatasetError, match=rf"query_IDX\.txt holds {odd}; expected whole numbers"):
            mevid(root)
    (root / "query_IDX.txt").write_text("first\n")
    with pytest.raises(DatasetError, match="not a table of numbers"):
        mevid(root)
