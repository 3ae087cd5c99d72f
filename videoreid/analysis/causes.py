"""Named causes of failure: which queries they affect, and how many points each costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from videoreid.analysis.logistic import LogisticFit
from videoreid.analysis.resampling import GroupScores, QueryScores, Resamples, score_group
from videoreid.errors import ConfigError
from videoreid.metrics import Interval
from videoreid.utils import generator_from

__all__ = ["CAUSES", "Cause", "CauseCost", "adjusted_points", "cause_costs", "cause_flags", "find_causes"]


@dataclass(frozen=True)
class Cause:
    """A cause of failure.

    Args:
        name: printed name.
        attribute: the measured attribute.
        threshold: a tracklet whose attribute is beyond it is affected.
        above: beyond means above the threshold; otherwise below.
        hardness: name of its proxy in the regression, where higher is harder.
    """

    name: str
    attribute: str
    threshold: float
    above: bool
    hardness: str

    def touches(self, values: np.ndarray) -> np.ndarray:
        """Return ``(Q,)`` bool: which values ``(Q,)`` are beyond the threshold; NaN is not."""
        with np.errstate(invalid="ignore"):
            return np.asarray(values > self.threshold if self.above else values < self.threshold)


CAUSES = (
    Cause("occlusion", "occlusion", 0.35, True, "occlusion"),  # noqa: FBT003 - a table reads best in columns
    Cause("several people", "people", 0.35, True, "people"),  # noqa: FBT003
    Cause("low resolution", "resolution", 64.0, False, "coarseness"),  # noqa: FBT003
    Cause("low light", "light", 60 / 255, False, "scene darkness"),  # noqa: FBT003
    Cause("dark clothes", "clothing_darkness", 0.60, True, "clothing darkness"),  # noqa: FBT003
)
"""The five causes of the study, with the thresholds of docs/error_analysis.md."""


def find_causes(thresholds: Mapping[str, float]) -> tuple[Cause, ...]:
    """Return the causes with some thresholds replaced, by name of the cause.

    Raises:
        ConfigError: a name is not that of a cause.
    """
    known = {cause.name for cause in CAUSES}
    if unknown := sorted(set(thresholds) - known):
        raise ConfigError(f"no cause is called {unknown[0]!r}; choose {', '.join(sorted(known))}")
    return tuple(
        Cause(c.name, c.attribute, float(thresholds.get(c.name, c.threshold)), c.above, c.hardness)
        for c in CAUSES
    )


@dataclass(frozen=True)
class CauseCost:
    """The cost of a cause.

    Args:
        name: of the cause.
        touched: scores of the queries that are affected, or whose best true match is.
        others: scores of the other queries.
        map_points: points of mAP, 0..100, that the whole would gain if affected queries scored as the others do; None
            if no query or every query is affected.
        rank1_points: the same for Rank-1.
        adjusted_points: points of Rank-1 that the regression attributes to it, adjusted for the other proxies; None
            without a regression.
    """

    name: str
    touched: GroupScores
    others: GroupScores
    map_points: Interval | None
    rank1_points: Interval | None
    adjusted_points: Interval | None


def cause_flags(
    causes: Sequence[Cause], query: Mapping[str, np.ndarray], match: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return, by cause, ``(Q,)`` bool: whether it affects the query or its best true match."""
    return {
        cause.name: cause.touches(query[cause.attribute]) | cause.touches(match[cause.attribute])
        for cause in causes
    }


def cause_costs(
    causes: Sequence[Cause],
    flags: Mapping[str, np.ndarray],
    scores: QueryScores,
    resamples: Resamples,
    adjusted: Mapping[str, Interval],
) -> tuple[CauseCost, ...]:
    """Score the queries that each cause affects against the others; the most costly cause comes first.

    Args:
        causes: the causes.
        flags: result of `cause_flags`, ``(Q,)`` bool for all Q queries.
        scores: of the S scored queries.
        resamples: for the intervals.
        adjusted: points by cause of `adjusted_points`; empty without a regression.
    """
    found = []
    for cause in causes:
        mask = flags[cause.name][scores.rows]
        points = [_points(values, mask, resamples) for values in (scores.precision, scores.hit)]
        found.append(
            CauseCost(
                cause.name,
                score_group(scores, mask, resamples),
                score_group(scores, ~mask, resamples),
                points[0],
                points[1],
                adjusted.get(cause.name),
            )
        )
    key = "adjusted_points" if adjusted else "rank1_points"
    return tuple(sorted(found, key=lambda cost: _cost_value(getattr(cost, key)), reverse=True))


def adjusted_points(
    fit: LogisticFit, design: np.ndarray, columns: Mapping[str, tuple[int, float]], *, seed: int, level: float
) -> dict[str, Interval]:
    """Return, by cause, how many points the failure rate would fall if no query were beyond the threshold.

    Values beyond the threshold are set to the median of the others, all other columns are kept, and the mean of the
    predicted failures is taken before and after. The interval comes from coefficients drawn from their normal
    approximation.

    Args:
        fit: of failure on the design.
        design: ``(N, P)`` the columns that were fitted.
        columns: by cause, its column and the threshold in the column's unit. A cause is left out if no query or every
            query is beyond it, because there is nothing to compare with.
        seed: of the draws.
        level: of the interval.
    """
    generator = generator_from(seed, 3)
    size = (400, len(fit.coefficients))
    root = np.linalg.cholesky(fit.covariance + 1e-12 * np.eye(size[1]))
    draws = fit.coefficients + generator.standard_normal(size) @ root.T
    draws = np.vstack([fit.coefficients, draws])
    found = {}
    for name, (column, threshold) in columns.items():
        changed = design.copy()
        beyond = design[:, column] > threshold
        if not beyond.any() or beyond.all():
            continue
        changed[beyond, column] = np.median(design[~beyond, column])
        before, after = (_mean_failure(draws, matrix) for matrix in (design, changed))
        points = 100.0 * (before - after)
        low, high = np.quantile(points[1:], [(1 - level) / 2, (1 + level) / 2])
        found[name] = Interval(float(points[0]) / 100, float(low) / 100, float(high) / 100)
    return found


def _mean_failure(draws: np.ndarray, design: np.ndarray) -> np.ndarray:
    margins = draws[:, :1] + draws[:, 1:] @ design.T
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * margins))).mean(axis=1)


def _points(values: np.ndarray, mask: np.ndarray, resamples: Resamples) -> Interval | None:
    """Return the mean over the unaffected queries minus the mean over all queries."""
    if not mask.any() or mask.all():
        return None
    every = np.ones_like(mask)
    draws = resamples.means(values, ~mask) - resamples.means(values, every)
    return resamples.interval(float(values[~mask].mean() - values.mean()), draws)


def _cost_value(interval: Interval | None) -> float:
    return interval.value if interval is not None else -np.inf
