"""Confidence intervals of scores, and paired tests of two models."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from videoreid.errors import ConfigError, ProtocolError
from videoreid.types import Ranking
from videoreid.utils import generator_from

__all__ = [
    "Interval",
    "PairedTest",
    "bootstrap_intervals",
    "bootstrap_means",
    "cmc_intervals",
    "holm",
    "mean_and_spread",
    "paired_test",
]


@dataclass(frozen=True)
class Interval:
    """A score and its confidence interval.

    Args:
        value: the score itself, 0..1.
        low: lower end.
        high: upper end.
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{100 * self.value:.1f} [{100 * self.low:.1f}, {100 * self.high:.1f}]"


@dataclass(frozen=True)
class PairedTest:
    """The difference of two models on the same queries.

    Args:
        difference: mean of second minus first, with its bootstrap interval.
        p_value: two-sided, of a sign-flip permutation test: the share of random sign flips of the differences whose
            mean is at least as large.
        queries: number of queries that are scored in both rankings.
    """

    difference: Interval
    p_value: float
    queries: int


def bootstrap_intervals(
    ranking: Ranking, *, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> dict[str, Interval]:
    """Return percentile bootstrap intervals of mAP, mINP and Rank-1 over the scored queries.

    Queries of one person are not independent, so the true uncertainty is larger than these intervals.

    Args:
        ranking: a scored ranking.
        level: share of the resamples inside the interval, between 0 and 1.
        resamples: number of resamples.
        seed: of the draws.

    Returns:
        Intervals by name: "mAP", "mINP", "rank1".

    Reference:
        Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    _check(level, resamples)
    names = ("mAP", "mINP", "rank1")
    values = np.stack([_per_query(ranking, name)[ranking.scored] for name in names], axis=1)
    means = _resampled_means(values, resamples, seed)
    return {
        name: _interval(values[:, column].mean(), means[:, column], level)
        for column, name in enumerate(names)
    }


def cmc_intervals(
    ranking: Ranking, *, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return percentile bootstrap bounds of the CMC curve, rank by rank, over the scored queries.

    Args:
        ranking: a scored ranking.
        level: share of the resamples inside the bounds at each rank.
        resamples: number of resamples.
        seed: of the draws.

    Returns:
        Lower and upper bound ``(max_rank,)`` each; NaN for a single gallery shot, whose curve is a mean over draws.
    """
    _check(level, resamples)
    ranks = np.arange(1, len(ranking.cmc) + 1)
    if ranking.protocol.gallery_shot == "single":
        return np.full(len(ranks), np.nan), np.full(len(ranks), np.nan)
    first = ranking.first_match[ranking.scored]
    found = (first[:, None] > 0) & (first[:, None] <= ranks)
    low, high = bootstrap_means(found.astype(np.float64), level=level, resamples=resamples, seed=seed)
    return low, high


def bootstrap_means(
    values: np.ndarray, *, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return percentile bootstrap bounds of the mean of each column.

    Args:
        values: ``(n, M)`` finite numbers, one row per independent observation, one or more.
        level: share of the resamples inside the bounds.
        resamples: number of resamples.
        seed: of the draws.

    Returns:
        Lower and upper bound ``(M,)`` each.
    """
    _check(level, resamples)
    means = _resampled_means(np.asarray(values, np.float64), resamples, seed)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm-adjusted p-values: rejecting all below a level keeps the probability of any false rejection below it.

    Args:
        p_values: of all tests that are made together.

    Reference:
        Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 1979.
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted, largest = [0.0] * len(p_values), 0.0
    for step, place in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - step) * p_values[place]))
        adjusted[place] = largest
    return adjusted


def paired_test(
    first: Ranking,
    second: Ranking,
    *,
    metric: str = "mAP",
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> PairedTest:
    """Test whether two models differ on the queries that are scored in both rankings.

    Pairing removes the difficulty of a query, which both models share. It therefore detects smaller differences than
    a comparison of two intervals.

    Args:
        first: ranking of one model.
        second: ranking of the other, same queries in the same order, same protocol.
        metric: "mAP", "mINP" or "rank1".
        level: of the interval.
        resamples: permutations and bootstrap resamples.
        seed: of the draws.

    Raises:
        ProtocolError: the rankings are not of the same queries under the same protocol.
        ConfigError: unknown metric, or a level outside 0..1.

    Reference:
        Smucker, Allan, Carterette, A comparison of statistical significance tests for information retrieval
        evaluation, CIKM 2007 (randomisation test).
    """
    _check(level, resamples)
    rules = [replace(ranking.protocol, note="") for ranking in (first, second)]  # a note is no rule
    if len(first.average_precision) != len(second.average_precision) or rules[0] != rules[1]:
        raise ProtocolError(
            f"the rankings hold {len(first.average_precision)} queries under {first.protocol.name!r} and "
            f"{len(second.average_precision)} under {second.protocol.name!r}; a paired test needs the same of both"
        )
    both = first.scored & second.scored
    if not both.any():
        raise ProtocolError("no query is scored in both rankings; are they of the same dataset?")
    values = (_per_query(second, metric) - _per_query(first, metric))[both]
    means = _resampled_means(values[:, None], resamples, seed)[:, 0]
    generator = generator_from(seed, 1)
    extreme = 0
    for _ in range(resamples):
        signs = generator.integers(0, 2, len(values)) * 2 - 1
        extreme += bool(abs((signs * values).mean()) >= abs(values.mean()) - 1e-15)
    interval = _interval(values.mean(), means, level)
    return PairedTest(interval, (extreme + 1) / (resamples + 1), len(values))


def mean_and_spread(rankings: Sequence[Ranking]) -> dict[str, tuple[float, float]]:
    """Return mean and sample standard deviation over the splits of a dataset (PRID-2011, iLIDS-VID: ten).

    Args:
        rankings: one per split.

    Returns:
        ``(mean, spread)`` by name: "mAP", "mINP", "rank1", "rank5", "rank10", "rank20"; the spread of one split is 0.

    Raises:
        ProtocolError: there is none, or their protocols differ.
    """
    if not rankings or len({replace(ranking.protocol, note="") for ranking in rankings}) != 1:
        raise ProtocolError(
            f"{len(rankings)} rankings of different protocols, or none; give one per split, all by one protocol"
        )
    names = ("mAP", "mINP", "rank1", "rank5", "rank10", "rank20")
    values = np.array([[float(ranking.summary()[name]) for name in names] for ranking in rankings])
    spread = values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros(len(names))
    return {name: (float(values[:, i].mean()), float(spread[i])) for i, name in enumerate(names)}


def _per_query(ranking: Ranking, metric: str) -> np.ndarray:
    if metric == "mAP":
        return ranking.average_precision
    if metric == "mINP":
        return ranking.inverse_negative_penalty
    if metric == "rank1":
        if ranking.protocol.gallery_shot == "single":
            raise ConfigError(
                "rank1 of a single gallery shot is a mean over draws, not one value per query; choose 'mAP' or 'mINP'"
            )
        return (ranking.first_match == 1).astype(np.float64)
    raise ConfigError(f"unknown metric {metric!r}; choose 'mAP', 'mINP' or 'rank1'")


def _resampled_means(values: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """Return ``(resamples, M)`` means over rows drawn with replacement, by how often each row is drawn."""
    generator, count = generator_from(seed, 0), len(values)
    share = np.full(count, 1.0 / count)
    step = max(1, (4 << 20) // count)
    parts = []
    for start in range(0, resamples, step):
        drawn = generator.multinomial(count, share, size=min(step, resamples - start))
        parts.append(drawn @ values / count)
    return np.concatenate(parts)


def _interval(value: float, means: np.ndarray, level: float) -> Interval:
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(value), float(low), float(high))


def _check(level: float, resamples: int) -> None:
    if not 0 < level < 1 or resamples < 1:
        raise ConfigError(
            f"level {level} and resamples {resamples}: the level must be between 0 and 1, resamples at least 1"
        )
