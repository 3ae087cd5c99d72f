import numpy as np
import pytest
import torch

from tests.metrics.conftest import exact_distances
from videoreid.errors import ConfigError, ProtocolError
from videoreid.metrics import (
    PairDistances,
    check_threshold,
    equal_error_rate,
    pair_distances,
    roc_curve,
    score_histograms,
    threshold_at_fmr,
    tpr_at_fpr,
)
from videoreid.types import Features

BY_HAND = PairDistances(np.array([0.1, 0.2, 0.6]), np.array([0.3, 0.4, 0.5, 0.7]))


def gaussians(seed, n=20_000, m=50_000):
    rng = np.random.default_rng(seed)
    return PairDistances(rng.normal(0, 1, n), rng.normal(2, 1, m))


def test_by_hand():
    roc = roc_curve(BY_HAND)
    np.testing.assert_allclose(roc.thresholds, [0.1, 0.1, 0.2, 0.6, 0.7], atol=1e-6)
    assert roc.tpr.tolist() == [0, 1 / 3, 2 / 3, 1, 1]
    assert roc.fpr.tolist() == [0, 0, 0, 0.75, 1]
    assert tpr_at_fpr(BY_HAND, 0.5) == 2 / 3
    assert tpr_at_fpr(BY_HAND, 0.75) == 1.0
    check = check_threshold(BY_HAND, 0.45)
    assert (check.false_match_rate, check.false_non_match_rate) == (0.5, 1 / 3)
    assert check.false_match_interval == pytest.approx((0.1500, 0.8500), abs=1e-3)  # Wilson, 2 of 4


def test_known_gaussians():
    """Means two standard deviations apart: EER = Phi(-1), TPR at FPR 2.275 % = Phi(0) = 1/2."""
    rate, threshold = equal_error_rate(gaussians(0))
    assert rate == pytest.approx(0.158655, abs=0.004)
    assert threshold == pytest.approx(1.0, abs=0.03)
    assert tpr_at_fpr(gaussians(0), 0.0227501) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("fmr", [0.1, 0.01, 0.001])
def test_threshold_keeps_its_rate_here_and_about_there(fmr):
    validation, test = gaussians(1), gaussians(2)
    threshold = threshold_at_fmr(validation, fmr)
    assert check_threshold(validation, threshold).false_match_rate <= fmr
    low, high = check_threshold(test, threshold).false_match_interval
    assert low < fmr * 1.4
    assert high > fmr * 0.7


def test_ties_never_exceed_the_rate():
    pairs = PairDistances(np.array([0.0]), np.repeat([1.0, 2.0], 50))
    assert check_threshold(pairs, threshold_at_fmr(pairs, 0.25)).false_match_rate == 0.0
    assert check_threshold(pairs, threshold_at_fmr(pairs, 0.5)).false_match_rate == 0.5


def test_perfect_separation_has_no_error():
    rate, threshold = equal_error_rate(PairDistances(np.array([0.1, 0.2]), np.array([0.8, 0.9])))
    assert rate == 0.0
    assert 0.2 <= threshold <= 0.8 + 1e-6


def test_pairs_are_those_of_the_protocol():
    rng = np.random.default_rng(0)
    query = Features(
        torch.from_numpy(rng.normal(size=(6, 3))).float(), rng.integers(0, 3, 6), rng.integers(0, 2, 6)
    )
    gallery = Features(
        torch.from_numpy(rng.normal(size=(30, 3))).float(), rng.integers(-1, 4, 30), rng.integers(0, 2, 30)
    )
    matrix = exact_distances(query.embeddings, gallery.embeddings)
    same = query.pids[:, None] == gallery.pids
    genuine = same & (query.camids[:, None] != gallery.camids)
    impostor = ~same & (gallery.pids != -1)
    pairs = pair_distances(query, gallery)
    np.testing.assert_allclose(np.sort(pairs.genuine), np.sort(matrix[genuine]), atol=1e-6)
    np.testing.assert_allclose(np.sort(pairs.impostor), np.sort(matrix[impostor]), atol=1e-6)
    half = pair_distances(query, gallery, impostor_share=0.5)
    assert 0.3 < len(half.impostor) / len(pairs.impostor) < 0.7
    assert len(half.genuine) == len(pairs.genuine)
    joined = pair_distances(query, gallery, protocol="lsvid")
    assert len(joined.genuine) >= len(pairs.genuine)


def test_histograms_are_densities():
    edges, genuine, impostor = score_histograms(gaussians(0), bins=50)
    assert (genuine * np.diff(edges)).sum() == pytest.approx(1)
    assert (impostor * np.diff(edges)).sum() == pytest.approx(1)
    assert len(roc_curve(gaussians(0), points=100).thresholds) <= 100


@pytest.mark.parametrize(("low", "high"), [(1.0, np.nextafter(np.float32(1), 2)), (3e7, 3e7)])
def test_a_range_narrower_than_float32_has_densities_too(low, high):
    """Distances of two neighbouring numbers, or all equal and large, whose bins float32 cannot tell apart."""
    edges, genuine, impostor = score_histograms(PairDistances(np.array([low]), np.array([high])), bins=100)
    assert (np.diff(edges) > 0).all()
    assert (genuine * np.diff(edges)).sum() == pytest.approx(1)
    assert (impostor * np.diff(edges)).sum() == pytest.approx(1)


def test_bad_input():
    with pytest.raises(ProtocolError, match="genuine distances must be"):
        PairDistances(np.empty(0), np.ones(2))
    with pytest.raises(ProtocolError, match="impostor distances must be"):
        PairDistances(np.ones(1), np.array([np.nan]))
    with pytest.raises(ConfigError, match="cannot be fitted on 4 impostor pairs"):
        threshold_at_fmr(BY_HAND, 0.1)
    features = Features(torch.eye(2), np.arange(2), np.zeros(2, int))
    with pytest.raises(ConfigError, match="impostor_share"):
        pair_distances(features, features, impostor_share=0)


def test_pairs_under_a_protocol_that_compares_clothes():
    rng = np.random.default_rng(0)
    query = Features(
        rng.normal(size=(4, 3)).astype(np.float32), [1, 1, 2, 2], [0, 0, 0, 0], clothes=[1, 2, 1, 2]
    )
    gallery = Features(
        rng.normal(size=(4, 3)).astype(np.float32), [1, 1, 2, 2], [1, 1, 1, 1], clothes=[1, 2, 1, 1]
    )
    pairs = pair_distances(query, gallery, protocol="clothes_change", distance="euclidean")
    expected = [
        float((query.embeddings[q] - gallery.embeddings[g]).norm())
        for q in range(4)
        for g in range(4)
        if query.pids[q] == gallery.pids[g] and query.clothes[q] != gallery.clothes[g]
    ]
    assert sorted(pairs.genuine.tolist()) == pytest.approx(sorted(expected), rel=1e-5)
    assert len(pairs.impostor) == 8
