from pathlib import Path

import pytest

from tests.data.datasets.dataset_imitations import picture, write_dukemtmcreid
from videoreid.data.datasets.dukemtmcreid import dukemtmcreid
from videoreid.errors import DatasetError


def test_the_frame_of_the_video_is_the_time(tmp_path: Path) -> None:
    write_dukemtmcreid(tmp_path)
    splits = dukemtmcreid(tmp_path)
    assert [(t.pid, t.camid, t.time) for t in splits.train] == [(0, 1, 46182), (0, 7, 7), (1, 0, 44158)]
    assert [(t.pid, t.camid, t.time) for t in splits.gallery] == [(3, 3, 81533), (9, 6, 100000)]


@pytest.mark.parametrize(
    ("name", "message"),
    [("0001_c9_f0000001.jpg", "camera 9 is out of range"), ("0001_c1s1_000001_00.jpg", "is not named like")],
)
def test_a_foreign_name_is_refused(tmp_path: Path, name: str, message: str) -> None:
    write_dukemtmcreid(tmp_path)
    picture(tmp_path / "query" / name)
    with pytest.raises(DatasetError, match=message):
        dukemtmcreid(tmp_path)
