"""Logistic regression against statsmodels, a plain optimiser, closed forms, and data without a maximum."""

import numpy as np
import pytest

from videoreid.analysis import fit_logistic, variance_inflation
from videoreid.errors import ConfigError


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(3)
    design = generator.normal(size=(240, 3))
    design[:, 2] = 0.8 * design[:, 0] + 0.6 * design[:, 2]
    chance = 1 / (1 + np.exp(-(-0.7 + design @ [0.9, -0.4, 0.2])))
    return design, generator.random(240) < chance


def test_coefficients_and_intervals_are_those_of_statsmodels(data) -> None:
    api = pytest.importorskip("statsmodels.api", reason="statsmodels is not installed")
    inflation = pytest.importorskip("statsmodels.stats.outliers_influence").variance_inflation_factor
    design, outcome = data
    fit = fit_logistic(design, outcome, names=["a", "b", "c"])
    matrix = api.add_constant(design)
    other = api.Logit(outcome.astype(float), matrix).fit(disp=0, tol=1e-12)
    np.testing.assert_allclose(fit.coefficients, other.params, rtol=1e-6)
    np.testing.assert_allclose(np.stack([fit.low, fit.high], 1), other.conf_int(), rtol=1e-5)
    np.testing.assert_allclose(fit.p_values, other.pvalues, rtol=1e-5)
    np.testing.assert_allclose(fit.vif[1:], [inflation(matrix, column) for column in (1, 2, 3)], rtol=1e-8)


def test_coefficients_maximise_the_likelihood(data) -> None:
    design, outcome = data
    fit = fit_logistic(design, outcome, names=["a", "b", "c"])
    matrix = np.column_stack([np.ones(len(design)), design])
    chance = 1 / (1 + np.exp(-(matrix @ fit.coefficients)))
    np.testing.assert_allclose(matrix.T @ (outcome - chance), 0, atol=1e-8)
    information = (matrix * (chance * (1 - chance))[:, None]).T @ matrix
    np.testing.assert_allclose(fit.covariance, np.linalg.inv(information), rtol=1e-6)
    np.testing.assert_allclose(fit.probabilities(design), chance)
    assert fit.method == "maximum likelihood"
    assert (fit.rows, fit.failures) == (240, outcome.sum())


def test_a_binary_column_gives_the_log_odds_ratio_of_its_table() -> None:
    design = np.repeat([0.0, 0.0, 1.0, 1.0], [30, 10, 15, 25])[:, None]
    outcome = np.repeat([0, 1, 0, 1], [30, 10, 15, 25])
    fit = fit_logistic(design, outcome, names=["x"])
    assert fit.coefficients[1] == pytest.approx(np.log((30 * 25) / (10 * 15)))
    error = np.sqrt(1 / 30 + 1 / 10 + 1 / 15 + 1 / 25)
    assert fit.high[1] - fit.coefficients[1] == pytest.approx(1.959964 * error, rel=1e-5)


def test_perfect_separation_has_finite_coefficients_and_says_so() -> None:
    design = np.array([-2.0, -1.5, -1.0, -0.5, 0.5, 1.0, 1.5, 2.0])[:, None]
    fit = fit_logistic(design, design[:, 0] > 0, names=["x"])
    assert fit.method == "Firth's penalised likelihood"
    assert np.isfinite(fit.coefficients).all()
    assert fit.coefficients[1] > 0


def test_firth_adds_half_to_every_cell_of_a_two_by_two_table() -> None:
    design = np.repeat([0.0, 0.0, 1.0], [2, 2, 4])[:, None]
    outcome = np.repeat([0, 1, 1], [2, 2, 4])  # nobody fails to fail at x = 1: separated in part
    fit = fit_logistic(design, outcome, names=["x"])
    assert fit.method == "Firth's penalised likelihood"
    assert fit.coefficients[1] == pytest.approx(np.log((4.5 * 2.5) / (0.5 * 2.5)), rel=1e-6)


def test_constant_columns_are_dropped_and_named(data) -> None:
    design, outcome = data
    design = np.column_stack([design, np.full(len(design), 2.5)])
    fit = fit_logistic(design, outcome, names=["a", "b", "c", "flat"])
    assert fit.names == ("intercept", "a", "b", "c")
    assert fit.dropped == {"flat": "constant: 2.5 in every row"}


def test_columns_that_say_the_same_have_infinite_inflation() -> None:
    column = np.random.default_rng(0).normal(size=50)
    assert np.isinf(variance_inflation(np.column_stack([column, 2 * column]))).all()
    np.testing.assert_allclose(variance_inflation(column[:, None]), 1.0)


@pytest.mark.parametrize(
    ("design", "outcome", "message"),
    [
        (np.zeros((4, 1)), np.ones(4), "all outcomes are the same"),
        (np.full((4, 1), np.nan), np.array([0, 1, 0, 1]), "must be finite"),
        (np.zeros((4, 2)), np.array([0, 1, 0, 1]), "expected a design"),
        (np.arange(2.0)[:, None], np.array([0, 1]), "2 rows cannot fit 2"),
    ],
)
def test_bad_input_is_told(design, outcome, message) -> None:
    with pytest.raises(ConfigError, match=message):
        fit_logistic(design, outcome, names=["x"])
