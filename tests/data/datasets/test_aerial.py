"""Datasets with drones: G2A-VReID and AG-VPReID."""

from pathlib import Path

import numpy as np
import pytest

from tests.data.datasets.dataset_imitations import picture, savemat, write_agvpreid, write_g2avreid
from videoreid.data.datasets.agvpreid import agvpreid
from videoreid.data.datasets.g2avreid import g2avreid
from videoreid.errors import ConfigError, DatasetError


def test_each_case_has_its_own_queries(tmp_path: Path) -> None:
    write_agvpreid(tmp_path)
    down, up = agvpreid(tmp_path), agvpreid(tmp_path, case="ground_to_aerial")
    assert {t.camid for t in down.query} == {4, 5}
    assert {t.camid for t in down.gallery} == {0, 2}
    assert {t.camid for t in up.query} == {1, 3}
    assert (down.name, up.name) == ("agvpreid/aerial_to_ground", "agvpreid/ground_to_aerial")
    with pytest.raises(ConfigError, match="'ground_to_aerial'"):
        agvpreid(tmp_path, case="sideways")  # type: ignore[arg-type]


def test_a_name_without_camera_and_a_folder_without_number_are_refused(tmp_path: Path) -> None:
    write_agvpreid(tmp_path)
    picture(tmp_path / "train" / "9" / "001" / "F001.jpg")
    with pytest.raises(DatasetError, match="no camera in the name"):
        agvpreid(tmp_path)
    (tmp_path / "train" / "9" / "001" / "F001.jpg").rename(tmp_path / "train" / "9" / "001" / "C2F001.jpg")
    assert agvpreid(tmp_path).num_train_pids == 3
    (tmp_path / "train" / "nine").mkdir()
    with pytest.raises(DatasetError, match="expected a number"):
        agvpreid(tmp_path)


def test_tables_that_do_not_belong_to_the_list_are_refused(tmp_path: Path) -> None:
    write_g2avreid(tmp_path)
    splits = g2avreid(tmp_path)
    assert [(t.pid, t.camid) for t in splits.query] == [(2, 0), (3, 0)]
    assert [(t.pid, t.camid) for t in splits.gallery] == [(2, 1), (3, 1)]
    path = tmp_path / "info" / "tracks_test_info.mat"
    savemat(path, track_test_info=np.array([(1, 3, 2, 1), (4, 4, 2, 2), (5, 5, 3, 1), (6, 9, 3, 2)]))
    assert len(g2avreid(tmp_path).gallery[0]) == 1
    savemat(path, track_test_info=np.array([(1, 5, 2, 1), (6, 9, 3, 2), (6, 7, 3, 1)]))
    with pytest.raises(DatasetError, match="names begin with 0002, 0003"):
        g2avreid(tmp_path)
    savemat(path, track_test_info=np.array([(1, 2, 2, 1), (3, 4, 2, 3), (5, 9, 3, 1)]))
    with pytest.raises(DatasetError, match=r"expected 1 \(ground\) or 2 \(drone\)"):
        g2avreid(tmp_path)
