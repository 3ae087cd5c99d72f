import numpy as np
import pytest

from videoreid.metrics import (
    average_precision,
    cumulative_matching,
    inverse_negative_penalty,
    precision_recall,
)

RANKS, OFFSETS = np.array([1, 3, 6, 2]), np.array([0, 3, 3, 4])


def test_by_hand():
    np.testing.assert_allclose(average_precision(RANKS, OFFSETS), [(1 + 2 / 3 + 3 / 6) / 3, np.nan, 0.5])
    # terms: (1 + 1)/2, (1/2 + 2/3)/2, (2/5 + 3/6)/2; and (0 + 1/2)/2
    trapezoid = average_precision(RANKS, OFFSETS, "trapezoidal")
    np.testing.assert_allclose(trapezoid, [0.677778, np.nan, 0.25], atol=1e-6)
    np.testing.assert_allclose(inverse_negative_penalty(RANKS, OFFSETS), [3 / 6, np.nan, 1 / 2])


def test_cmc():
    curve = cumulative_matching(np.array([1, 0, 2, 9]), 4, 5)
    assert curve.tolist() == [0.25, 0.5, 0.5, 0.5, 0.5]


def test_precision_recall_by_hand():
    recall, precision = precision_recall(np.array([1, 4]), np.array([0, 2, 2]), points=5)
    assert recall.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert precision.tolist() == pytest.approx([1, 1, 1, 0.5, 0.5])


def test_precision_recall_is_the_mean_over_queries_with_a_match():
    ranks, offsets = np.array([1, 4, 2]), np.array([0, 2, 2, 3])  # the second query has no match
    _, precision = precision_recall(ranks, offsets, points=3)
    assert precision.tolist() == pytest.approx([(1 + 0.5) / 2, (1 + 0.5) / 2, (0.5 + 0.5) / 2])
