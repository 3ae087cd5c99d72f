import numpy as np
import pytest

from videoreid.errors import ConfigError, ProtocolError
from videoreid.metrics import PairDistances, expected_calibration_error, fit_isotonic, fit_logistic


def logistic_world(seed, count=40_000):
    """Distances whose true probability of being genuine is 1 / (1 + exp(8 d - 4))."""
    rng = np.random.default_rng(seed)
    distances = rng.random(count)
    same = rng.random(count) < 1 / (1 + np.exp(8 * distances - 4))
    return distances, same


@pytest.mark.parametrize("fit", [fit_isotonic, fit_logistic])
def test_recovers_the_truth_and_is_calibrated_on_other_data(fit):
    distances, same = logistic_world(0)
    curve = fit(PairDistances(distances[same], distances[~same]))
    grid = np.linspace(0.05, 0.95, 19)
    np.testing.assert_allclose(curve(grid), 1 / (1 + np.exp(8 * grid - 4)), atol=0.05)
    assert (np.diff(curve(np.linspace(-1, 2, 200))) <= 1e-12).all()
    distances, same = logistic_world(1)
    assert expected_calibration_error(curve(distances), same) < 0.015


def test_logistic_parameters():
    distances, same = logistic_world(0)
    curve = fit_logistic(PairDistances(distances[same], distances[~same]))
    assert curve.slope == pytest.approx(8, rel=0.03)
    assert curve.offset == pytest.approx(-4, rel=0.03)


def test_isotonic_by_hand():
    """Violators are pooled: impostor at 2 before genuine at 3 shares 1/2."""
    curve = fit_isotonic(PairDistances(np.array([1.0, 3.0]), np.array([2.0, 4.0])))
    np.testing.assert_allclose(curve(np.array([0, 1, 2, 3, 4, 9])), [1, 1, 0.5, 0.5, 0, 0])


def test_separable_data_stay_finite():
    curve = fit_logistic(PairDistances(np.zeros(5), np.ones(5)))
    low, high = curve(np.array([1.0, 0.0]))
    assert 0 < low < 0.2 < 0.8 < high < 1


def test_prior_shifts_the_odds():
    distances, same = logistic_world(0)
    rare = np.concatenate([distances[same][::10]]), distances[~same]
    wanted = fit_logistic(PairDistances(distances[same], distances[~same]))
    shifted = fit_logistic(PairDistances(*rare), prior=float(same.mean()))
    grid = np.linspace(0, 1, 11)
    np.testing.assert_allclose(shifted(grid), wanted(grid), atol=0.03)


def test_calibration_error_by_hand():
    told, same = np.array([0.9, 0.9, 0.1, 0.1]), np.array([True, False, False, False])
    assert expected_calibration_error(told, same, bins=2) == pytest.approx((0.8 + 0.2) / 4)
    assert expected_calibration_error(np.array([1.0]), np.array([True])) == 0.0


def test_bad_input():
    pairs = PairDistances(np.zeros(2), np.ones(2))
    with pytest.raises(ConfigError, match="prior is 1"):
        fit_logistic(pairs, prior=1)
    with pytest.raises(ConfigError, match="prior is 0"):
        fit_isotonic(pairs, prior=0)
    with pytest.raises(ProtocolError, match="one outcome each"):
        expected_calibration_error(np.ones(2), np.ones(3, bool))
    for bad in (np.nan, 1.5, -0.3):
        with pytest.raises(ProtocolError, match=r"NaN or outside 0\.\.1"):
            expected_calibration_error(np.array([0.5, bad]), np.ones(2, bool))
