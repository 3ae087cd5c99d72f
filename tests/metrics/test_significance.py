from dataclasses import replace

import numpy as np
import pytest

from videoreid.errors import ConfigError, ProtocolError
from videoreid.metrics import bootstrap_intervals, evaluate_distances, mean_and_spread, paired_test


def ranking_of(seed, queries=120, signal=0.1, protocol="cross_camera"):
    rng = np.random.default_rng(7)
    q_pids, g_pids = rng.integers(0, 20, queries), rng.integers(0, 22, 200)
    noise = np.random.default_rng(seed).random((queries, 200))
    distances = noise - signal * (q_pids[:, None] == g_pids)
    cameras = np.zeros(queries, int), np.ones(200, int)
    return evaluate_distances(distances, q_pids, g_pids, *cameras, protocol=protocol, top_k=0)


def test_interval_is_that_of_the_central_limit():
    ranking = ranking_of(0)
    intervals = bootstrap_intervals(ranking, resamples=4000)
    for name, values in (("mAP", ranking.average_precision), ("rank1", ranking.first_match == 1)):
        interval, spread = intervals[name], np.std(values, ddof=1) / len(values) ** 0.5
        assert interval.value == pytest.approx(np.mean(values))
        assert interval.high - interval.low == pytest.approx(2 * 1.96 * spread, rel=0.1)
        assert interval.low < interval.value < interval.high
    assert bootstrap_intervals(ranking, resamples=4000) == intervals
    wide, narrow = (
        bootstrap_intervals(ranking, level=0.99)["mAP"],
        bootstrap_intervals(ranking, level=0.5)["mAP"],
    )
    assert wide.low < narrow.low < narrow.high < wide.high
    assert str(narrow).startswith(f"{100 * narrow.value:.1f} [")


def test_unscored_queries_take_no_part():
    rng = np.random.default_rng(0)
    distances = rng.random((4, 6))
    ranking = evaluate_distances(distances, [1, 2, 99, 98], [1, 2, 3, 1, 2, 3], [0] * 4, [1] * 6)
    assert bootstrap_intervals(ranking)["mAP"].value == ranking.mean_average_precision


def test_paired_test_sees_a_difference_and_no_other():
    first, better, equal = ranking_of(0), ranking_of(1, signal=0.3), ranking_of(2)
    found = paired_test(first, better, resamples=2000)
    assert found.p_value < 0.01
    assert found.difference.low > 0
    assert found.queries == 120
    nothing = paired_test(first, equal, resamples=2000)
    assert nothing.p_value > 0.05
    assert nothing.difference.low < 0 < nothing.difference.high
    same = paired_test(first, first, metric="rank1", resamples=200)
    assert same.p_value == 1.0
    assert same.difference.value == 0.0


def test_p_value_of_a_sign_test_by_enumeration():
    """Five queries that all gain the same: 2 of the 32 sign patterns are as extreme."""
    worse = evaluate_distances(np.tile([1.0, 2.0], (5, 1)), [1] * 5, [2, 1], [0] * 5, [1, 1])
    better = evaluate_distances(np.tile([2.0, 1.0], (5, 1)), [1] * 5, [2, 1], [0] * 5, [1, 1])
    assert paired_test(worse, better, resamples=20000).p_value == pytest.approx(2 / 32, abs=0.006)


def test_mean_and_spread_over_splits():
    rankings = [ranking_of(seed) for seed in range(3)]
    values = [ranking.mean_average_precision for ranking in rankings]
    mean, spread = mean_and_spread(rankings)["mAP"]
    assert mean == pytest.approx(np.mean(values))
    assert spread == pytest.approx(np.std(values, ddof=1))
    assert mean_and_spread(rankings[:1])["rank1"] == (rankings[0].rank(1), 0.0)


def test_a_note_is_no_rule():
    """Two releases may word the caveat of one protocol differently; the scores are comparable all the same."""
    first, better = ranking_of(0), ranking_of(1, signal=0.3)
    noted = replace(better, protocol=replace(better.protocol, note="reworded"))
    assert paired_test(first, noted, resamples=200) == paired_test(first, better, resamples=200)
    assert mean_and_spread([first, noted]) == mean_and_spread([first, better])


def test_bad_input():
    ranking, other = ranking_of(0), ranking_of(0, protocol="no_cameras")
    with pytest.raises(ConfigError, match="level 2"):
        bootstrap_intervals(ranking, level=2)
    with pytest.raises(ProtocolError, match="needs the same of both"):
        paired_test(ranking, other)
    with pytest.raises(ProtocolError, match="needs the same of both"):
        paired_test(ranking, ranking_of(0, queries=50))
    with pytest.raises(ConfigError, match="unknown metric 'recall'"):
        paired_test(ranking, ranking, metric="recall")
    with pytest.raises(ProtocolError, match="different protocols"):
        mean_and_spread([ranking, other])
    with pytest.raises(ProtocolError, match="none"):
        mean_and_spread([])
    with pytest.raises(ConfigError, match="single gallery shot"):
        single = ranking_of(0, protocol="single_gallery_shot")
        paired_test(single, single, metric="rank1")
