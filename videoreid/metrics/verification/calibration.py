"""Calibration: the probability that two tracklets at a distance show the same person."""

from dataclasses import dataclass

import numpy as np

from videoreid.errors import ConfigError, ProtocolError
from videoreid.metrics.verification.curves import PairDistances

__all__ = [
    "IsotonicCalibration",
    "LogisticCalibration",
    "expected_calibration_error",
    "fit_isotonic",
    "fit_logistic",
]


@dataclass(frozen=True, eq=False)
class IsotonicCalibration:
    """A non-increasing curve, linear between its knots.

    Args:
        distances: ``(k,)`` ascending knots.
        probabilities: ``(k,)``, non-increasing.
    """

    distances: np.ndarray
    probabilities: np.ndarray

    def __call__(self, distances: np.ndarray) -> np.ndarray:
        """Return the probability of each distance; constant beyond the outermost knots."""
        return np.interp(np.asarray(distances, dtype=np.float64), self.distances, self.probabilities)


@dataclass(frozen=True)
class LogisticCalibration:
    """``1 / (1 + exp(slope * distance + offset))``.

    Args:
        slope: positive if a small distance means the same person.
        offset: shifts the curve.
    """

    slope: float
    offset: float

    def __call__(self, distances: np.ndarray) -> np.ndarray:
        """Return the probability of each distance."""
        values = self.slope * np.asarray(distances, dtype=np.float64) + self.offset
        return np.exp(-np.logaddexp(0.0, values))


def fit_isotonic(pairs: PairDistances, *, prior: float | None = None) -> IsotonicCalibration:
    """Fit the best non-increasing curve by pool adjacent violators; it needs many pairs and assumes no shape.

    Args:
        pairs: of a validation split.
        prior: share of genuine pairs in the data that the probabilities are for; as in ``pairs`` if not given.

    Raises:
        ConfigError: a prior outside 0..1.

    Reference:
        Zadrozny and Elkan, Transforming classifier scores into accurate multiclass probability estimates, KDD 2002.
    """
    from scipy.optimize import isotonic_regression

    distances, same, weights = _labelled(pairs, prior)
    # equal distances share one value; the fit is over distinct ones
    knots, place = np.unique(distances, return_inverse=True)
    mass = np.bincount(place, weights=weights)
    share = np.bincount(place, weights=weights * same) / mass
    fitted = isotonic_regression(share, weights=mass, increasing=False).x
    # of a run of equal probabilities only the ends are needed
    edge = np.ones(len(knots), dtype=bool)
    edge[1:-1] = (fitted[1:-1] != fitted[:-2]) | (fitted[1:-1] != fitted[2:])
    return IsotonicCalibration(knots[edge], fitted[edge])


def fit_logistic(pairs: PairDistances, *, prior: float | None = None) -> LogisticCalibration:
    """Fit a logistic curve by maximum likelihood, with Platt's soft targets; it needs few pairs and assumes a shape.

    Args:
        pairs: of a validation split.
        prior: as in `fit_isotonic`.

    Raises:
        ConfigError: a prior outside 0..1.

    Reference:
        Platt, Probabilistic outputs for support vector machines, 1999; Lin, Lin, Weng, A note on Platt's probabilistic
        outputs, Machine Learning 2007.
    """
    distances, same, weights = _labelled(pairs, prior)
    n, m = len(pairs.genuine), len(pairs.impostor)
    target = np.where(same > 0, (n + 1) / (n + 2), 1 / (m + 2))
    centre, scale = distances.mean(), distances.std() or 1.0
    x = (distances - centre) / scale
    share = np.average(target, weights=weights)
    parameters = np.array([0.0, np.log((1 - share) / share)])  # of slope and offset, in x

    def loss(values: np.ndarray) -> float:
        z = values[0] * x + values[1]
        return float(np.average(np.logaddexp(0.0, -z) + target * z, weights=weights))

    best = loss(parameters)
    for _ in range(100):
        probability = np.exp(-np.logaddexp(0.0, parameters[0] * x + parameters[1]))
        residual = weights * (target - probability)
        gradient = np.array([(residual * x).sum(), residual.sum()])
        curvature = weights * probability * (1 - probability)
        cross = (curvature * x).sum()
        hessian = np.array([[(curvature * x * x).sum(), cross], [cross, curvature.sum()]]) + 1e-12 * np.eye(2)
        step, size = np.linalg.solve(hessian, gradient), 1.0
        while size > 1e-8 and loss(parameters - size * step) > best:
            size /= 2
        parameters = parameters - size * step
        improved = best - loss(parameters)
        best -= improved
        if improved < 1e-14:
            break
    slope = parameters[0] / scale
    return LogisticCalibration(float(slope), float(parameters[1] - slope * centre))


def expected_calibration_error(probabilities: np.ndarray, same: np.ndarray, *, bins: int = 15) -> float:
    """Return the mean difference between predicted probabilities and observed shares, over bins of equal width.

    Args:
        probabilities: ``(n,)`` in 0..1.
        same: ``(n,)`` bool.
        bins: number of bins.

    Raises:
        ProtocolError: the lengths differ, nothing is given, or a probability is NaN or outside 0..1.

    Reference:
        Guo et al., On calibration of modern neural networks, ICML 2017, eq. 3.
    """
    probabilities, same = np.asarray(probabilities, np.float64), np.asarray(same, bool)
    if probabilities.shape != same.shape or probabilities.ndim != 1 or len(same) == 0:
        raise ProtocolError(
            f"{probabilities.shape} probabilities but {same.shape} outcomes; give one outcome each, one or more"
        )
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise ProtocolError("a probability is NaN or outside 0..1; give the output of a calibration")
    place = np.minimum((probabilities * bins).astype(int), bins - 1)
    predicted = np.bincount(place, weights=probabilities, minlength=bins)
    observed = np.bincount(place, weights=same, minlength=bins)
    return float(np.abs(predicted - observed).sum() / len(same))


def _labelled(pairs: PairDistances, prior: float | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n, m = len(pairs.genuine), len(pairs.impostor)
    if prior is not None and not 0 < prior < 1:
        raise ConfigError(f"prior is {prior}; the share of genuine pairs lies between 0 and 1")
    share = n / (n + m) if prior is None else prior
    distances = np.concatenate([pairs.genuine, pairs.impostor]).astype(np.float64)
    same = np.concatenate([np.ones(n), np.zeros(m)])
    weights = np.concatenate([np.full(n, share / n), np.full(m, (1 - share) / m)])
    return distances, same, weights
