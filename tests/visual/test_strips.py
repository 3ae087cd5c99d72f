import numpy as np

from tests.visual.conftest import read_frames, tracklet
from videoreid.visual import tracklet_strip
from videoreid.visual.strips import pick_frames


def test_frames_are_spread_from_first_to_last() -> None:
    assert pick_frames(tracklet(1, 0, length=9), 5) == ["1/0", "1/2", "1/4", "1/6", "1/8"]
    assert pick_frames(tracklet(1, 0, length=9), 1) == ["1/0"]
    assert pick_frames(tracklet(1, 0, length=2), 5) == ["1/0", "1/1"]


def test_a_strip_holds_the_frames_in_order_and_leaves_the_rest_white() -> None:
    strip = tracklet_strip(tracklet(2, 0, length=3), read_frames, count=4, size=(20, 10), gap=2)
    assert strip.shape == (20, 4 * 10 + 3 * 2, 3)
    for position in range(3):
        left = position * 12
        assert np.all(strip[:, left : left + 10] == np.clip(np.array([10, 250, 10]) - 10 * position, 0, 255))
    assert np.all(strip[:, 36:] == 255)
    assert np.all(strip[:, 10:12] == 255)
