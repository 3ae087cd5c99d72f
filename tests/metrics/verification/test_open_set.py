import numpy as np
import pytest

from videoreid.errors import ConfigError, ProtocolError
from videoreid.metrics import detection_identification_rate, evaluate_distances

# three known queries: right at 0.2, right at 0.6, wrong first; two unknown, nearest at 0.5 and 0.3
DISTANCES = np.array([[0.2, 0.9, 0.9], [0.9, 0.6, 0.9], [0.1, 0.9, 0.4], [0.5, 0.9, 0.9], [0.9, 0.3, 0.9]])
RANKING = evaluate_distances(DISTANCES, [1, 2, 3, 8, 9], [1, 2, 3], [0] * 5, [1] * 3)


@pytest.mark.parametrize(
    ("far", "rank", "expected", "alarms"),
    [
        (0.0, 1, 1 / 3, 0.0),
        (0.5, 1, 1 / 3, 0.5),
        (1.0, 1, 2 / 3, 1.0),
        (0.5, 2, 2 / 3, 0.5),
        (1.0, 2, 1.0, 1.0),
    ],
)
def test_by_hand(far, rank, expected, alarms):
    score = detection_identification_rate(RANKING, far, rank=rank)
    assert score.detection_identification_rate == pytest.approx(expected)
    assert score.false_alarm_rate == alarms
    assert (score.known, score.unknown) == (3, 2)


def test_a_threshold_fitted_elsewhere():
    score = detection_identification_rate(RANKING, 0.0, threshold=0.3)
    assert (score.threshold, score.false_alarm_rate) == (0.3, 0.5)


def test_bad_input():
    with pytest.raises(ConfigError, match="false alarm rate of 2"):
        detection_identification_rate(RANKING, 2)
    with pytest.raises(ProtocolError, match="keeps 3 rows per query, but rank 4"):
        detection_identification_rate(RANKING, 0.1, rank=4)
    closed = evaluate_distances(DISTANCES[:3], [1, 2, 3], [1, 2, 3], [0] * 3, [1] * 3)
    with pytest.raises(ProtocolError, match="3 known and 0 unknown"):
        detection_identification_rate(closed, 0.1)
