import pytest

from videoreid.data.datasets import relabel_pids
from videoreid.data.datasets.reading.labels import camera_index
from videoreid.errors import DatasetError
from videoreid.types import Tracklet


def test_labels_follow_the_sorted_ids() -> None:
    tracklets = [Tracklet(["a"], pid, 0) for pid in (100, 7, 20, 7)]
    assert [t.pid for t in relabel_pids(tracklets)] == [2, 0, 1, 0]
    assert relabel_pids([]) == ()


def test_cameras_are_counted_from_zero() -> None:
    assert [camera_index(number, 6, "x") for number in (1, 6)] == [0, 5]
    for number in (0, 7, -1):
        with pytest.raises(DatasetError, match=f"row 3: camera {number} is out of range; expected 1 to 6"):
            camera_index(number, 6, "row 3")
