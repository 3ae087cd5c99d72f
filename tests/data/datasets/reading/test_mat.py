from pathlib import Path

import numpy as np
import pytest

from tests.data.datasets.dataset_imitations import savemat
from videoreid.data.datasets.reading.mat import read_mat
from videoreid.errors import DatasetError


def test_both_versions_give_the_same_orientation(tmp_path: Path) -> None:
    import h5py

    table = np.arange(8.0).reshape(2, 4)
    savemat(tmp_path / "old.mat", info=table)
    with h5py.File(tmp_path / "new.mat", "w", userblock_size=512) as file:  # as MATLAB writes it
        file["info"] = table.T
    for name in ("old.mat", "new.mat"):
        assert np.array_equal(read_mat(tmp_path / name, "info", "x"), table)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.mat").write_bytes(b"nothing of the kind" * 20)
    with pytest.raises(DatasetError, match=r"a\.mat is not a readable \.mat file"):
        read_mat(tmp_path / "a.mat", "info", "x")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"x: missing file .*a\.mat"):
        read_mat(tmp_path / "a.mat", "info", "x")
