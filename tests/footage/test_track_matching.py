"""Who follows whom: by most boxes, one to one in every frame."""

import numpy as np
import pytest

from videoreid.errors import ConfigError
from videoreid.footage import Tracks, box_overlaps, match_tracks


def rows(*boxes: tuple[int, int, float]) -> Tracks:
    """Make tracks of (frame, id, left); boxes are 10 wide and 20 high."""
    return Tracks(
        np.array([frame for frame, _, _ in boxes]),
        np.array([name for _, name, _ in boxes]),
        np.array([[left, 0.0, 10.0, 20.0] for _, _, left in boxes]),
    )


def test_overlaps_are_intersection_over_union() -> None:
    boxes = np.array([[0.0, 0.0, 10.0, 20.0], [100.0, 0.0, 10.0, 20.0]])
    others = np.array([[5.0, 0.0, 10.0, 20.0], [0.0, 10.0, 10.0, 20.0], [0.0, 0.0, 10.0, 20.0]])
    np.testing.assert_allclose(box_overlaps(boxes, others), [[1 / 3, 1 / 3, 1.0], [0.0, 0.0, 0.0]])
    assert box_overlaps(boxes, np.empty((0, 4))).shape == (2, 0)


def test_a_track_has_the_name_of_whom_it_follows_longest() -> None:
    truth = rows(*[(frame, 7, 0.0) for frame in range(10)], *[(frame, 8, 50.0) for frame in range(10)])
    switching = [(frame, 1, 1.0 if frame < 6 else 49.0) for frame in range(10)]
    assert match_tracks(rows(*switching), truth) == {1: 7}
    assert match_tracks(rows(*switching), truth, share=0.6) == {}  # six of ten are not more than 0.6
    assert match_tracks(rows(*[(frame, 1, 200.0) for frame in range(10)]), truth) == {}


def test_one_true_box_is_not_matched_twice() -> None:
    truth = rows((0, 7, 0.0), (0, 8, 2.0))
    assert match_tracks(rows((0, 1, 0.0), (0, 2, 1.5)), truth) == {1: 7, 2: 8}
    assert match_tracks(rows((0, 1, 1.5), (0, 2, 1.6)), rows((0, 8, 2.0))) == {2: 8}


def test_frames_that_the_truth_lacks_do_not_count() -> None:
    truth = rows((4, 7, 0.0), (5, 7, 0.0))
    assert match_tracks(rows(*[(frame, 3, 0.0) for frame in range(40)]), truth) == {3: 7}
    assert match_tracks(rows((0, 3, 0.0)), truth) == {}


def test_an_overlap_below_the_least_is_none() -> None:
    assert match_tracks(rows((0, 1, 4.0)), rows((0, 7, 0.0))) == {}  # 6 / 14
    assert match_tracks(rows((0, 1, 4.0)), rows((0, 7, 0.0)), overlap=0.4) == {1: 7}
    with pytest.raises(ConfigError, match="overlap"):
        match_tracks(rows((0, 1, 4.0)), rows((0, 7, 0.0)), overlap=0.0)
