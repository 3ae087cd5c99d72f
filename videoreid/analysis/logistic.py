"""Logistic regression with intervals, for the relation of several properties to failure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from videoreid.errors import ConfigError

__all__ = ["LogisticFit", "fit_logistic", "variance_inflation"]

_STEPS = 100
_TOLERANCE = 1e-9
_HALVINGS = 20


@dataclass(frozen=True, eq=False)
class LogisticFit:
    """Coefficients of a logistic regression, the intercept first.

    Args:
        names: P names, "intercept" first.
        coefficients: ``(P,)`` float64, change of the log odds per unit of the column.
        covariance: ``(P, P)`` float64 of the coefficients.
        low: ``(P,)`` float64, lower end of the interval.
        high: ``(P,)`` float64, upper end.
        p_values: ``(P,)`` float64, two-sided, of Wald's test.
        vif: ``(P,)`` float64 variance inflation factors; NaN for the intercept. Above 5 or 10, columns are nearly
            collinear, and their coefficients must not be interpreted one by one.
        method: "maximum likelihood", or "Firth's penalised likelihood" where failure is separated perfectly.
        rows: number of rows that were fitted.
        failures: number of rows whose outcome is 1.
        dropped: constant columns that were left out, by name with the reason.
    """

    names: tuple[str, ...]
    coefficients: np.ndarray
    covariance: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p_values: np.ndarray
    vif: np.ndarray
    method: str
    rows: int
    failures: int
    dropped: dict[str, str]

    def probabilities(self, design: np.ndarray) -> np.ndarray:
        """Return the probability of 1 for rows ``(N, P - 1)`` of the columns that were kept."""
        return _sigmoid(self.coefficients[0] + design @ self.coefficients[1:])


def fit_logistic(
    design: np.ndarray, outcome: np.ndarray, *, names: Sequence[str], level: float = 0.95
) -> LogisticFit:
    """Fit by Newton's method (iteratively reweighted least squares), with intervals.

    If a combination of columns separates failure from success without an error, the likelihood has no maximum. Firth's
    penalty then gives finite coefficients and intervals, and `LogisticFit.method` says so.

    Args:
        design: ``(N, P)`` float, finite; an intercept is added.
        outcome: ``(N,)`` bool or 0 and 1.
        names: of the P columns.
        level: of the intervals, between 0 and 1.

    Raises:
        ConfigError: shapes differ, a value is not finite, all outcomes are equal, or there are too few rows.

    Reference:
        McCullagh and Nelder, Generalized Linear Models, 1989; Firth, Bias reduction of maximum likelihood estimates,
        Biometrika 1993; Heinze and Schemper, A solution to the problem of separation, Statistics in Medicine 2002.
    """
    columns, hits = np.asarray(design, np.float64), np.asarray(outcome, np.float64)
    _check(columns, hits, names, level)
    kept, dropped = _useful(columns, names)
    matrix = np.column_stack([np.ones(len(columns)), columns[:, kept]])
    if len(matrix) <= matrix.shape[1]:
        raise ConfigError(
            f"{len(matrix)} rows cannot fit {matrix.shape[1]} coefficients: give fewer columns or more rows"
        )
    separated = _is_separated(matrix, hits)
    method = "Firth's penalised likelihood" if separated else "maximum likelihood"
    beta = _newton(matrix, hits, firth=separated)
    weights = _weights(matrix, beta)
    covariance = np.linalg.pinv((matrix * weights[:, None]).T @ matrix)
    errors = np.sqrt(np.diag(covariance))
    from scipy.stats import norm

    reach = float(norm.ppf(0.5 + level / 2)) * errors
    return LogisticFit(
        names=("intercept", *(names[column] for column in kept)),
        coefficients=beta,
        covariance=covariance,
        low=beta - reach,
        high=beta + reach,
        p_values=2 * norm.sf(np.abs(beta) / errors),
        vif=np.concatenate([[np.nan], variance_inflation(columns[:, kept])]),
        method=method,
        rows=len(hits),
        failures=int(hits.sum()),
        dropped=dropped,
    )


def variance_inflation(design: np.ndarray) -> np.ndarray:
    """Return the variance inflation factors ``(P,)`` of the columns: 1 if uncorrelated, infinite if collinear.

    Args:
        design: ``(N, P)`` float64, no column constant.
    """
    centred = design - design.mean(axis=0)
    found = np.ones(design.shape[1])
    for column in range(design.shape[1]):
        others = np.delete(centred, column, axis=1)
        if not others.shape[1]:
            continue
        solution = np.linalg.lstsq(others, centred[:, column], rcond=None)[0]
        left = centred[:, column] - others @ solution
        total, rest = float(np.sum(centred[:, column] ** 2)), float(left @ left)
        found[column] = total / rest if rest > 1e-12 * total else np.inf
    return found


def _newton(matrix: np.ndarray, hits: np.ndarray, *, firth: bool) -> np.ndarray:
    beta = np.zeros(matrix.shape[1])
    value = _likelihood(matrix, hits, beta, firth=firth)
    for _ in range(_STEPS):
        chance = _sigmoid(matrix @ beta)
        weights = np.maximum(chance * (1.0 - chance), 1e-12)
        information = (matrix * weights[:, None]).T @ matrix
        inverse = np.linalg.pinv(information)
        residual = hits - chance
        if firth:
            leverage = weights * np.einsum("ij,jk,ik->i", matrix, inverse, matrix)
            residual = residual + leverage * (0.5 - chance)
        step = inverse @ (matrix.T @ residual)
        for _halving in range(_HALVINGS):
            trial = _likelihood(matrix, hits, beta + step, firth=firth)
            if trial >= value - 1e-12:
                break
            step = step / 2
        beta, value = beta + step, trial
        if np.abs(step).max() < _TOLERANCE * max(1.0, np.abs(beta).max()):
            break
    return beta


def _is_separated(matrix: np.ndarray, hits: np.ndarray) -> bool:
    """Return whether a plane separates the classes, rows on the plane allowed; likelihood then has no maximum.

    Reference:
        Konis, Linear programming algorithms for detecting separated data in binary logistic regression models, 2007.
    """
    from scipy.optimize import linprog

    signed = np.where(hits > 0.5, 1.0, -1.0)[:, None] * matrix / np.abs(matrix).max(axis=0)
    found = linprog(-signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(len(signed)), bounds=(-1.0, 1.0))
    return bool(found.status == 0 and -found.fun > 1e-6)


def _likelihood(matrix: np.ndarray, hits: np.ndarray, beta: np.ndarray, *, firth: bool) -> float:
    margin = matrix @ beta
    value = float(hits @ margin - np.logaddexp(0.0, margin).sum())
    if firth:
        weights = _weights(matrix, beta)
        value += 0.5 * float(np.linalg.slogdet((matrix * weights[:, None]).T @ matrix)[1])
    return value


def _weights(matrix: np.ndarray, beta: np.ndarray) -> np.ndarray:
    chance = _sigmoid(matrix @ beta)
    return np.maximum(chance * (1.0 - chance), 1e-12)


def _sigmoid(margin: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * margin)))


def _useful(columns: np.ndarray, names: Sequence[str]) -> tuple[list[int], dict[str, str]]:
    spread = np.ptp(columns, axis=0)
    scale = np.maximum(np.abs(columns).max(axis=0), 1.0)
    constant = spread <= 1e-12 * scale
    dropped = {
        names[column]: f"constant: {columns[0, column]:g} in every row"
        for column in np.flatnonzero(constant).tolist()
    }
    return [int(column) for column in np.flatnonzero(~constant)], dropped


def _check(columns: np.ndarray, hits: np.ndarray, names: Sequence[str], level: float) -> None:
    if columns.ndim != 2 or hits.shape != (len(columns),) or columns.shape[1] != len(names):
        raise ConfigError(
            f"expected a design (N, P), N outcomes and P names, got {columns.shape}, {hits.shape} and {len(names)}"
        )
    if not np.isfinite(columns).all() or not np.isin(hits, (0.0, 1.0)).all():
        raise ConfigError("a design must be finite and outcomes 0 or 1: leave out unknown rows")
    if len(hits) == 0 or hits.min() == hits.max():
        raise ConfigError("all outcomes are the same: there is nothing to fit")
    if not 0.0 < level < 1.0:
        raise ConfigError(f"level must be between 0 and 1, got {level}")
