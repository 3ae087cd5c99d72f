"""Scores of groups of queries with bootstrap intervals over people; queries of one person are not independent."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from videoreid.metrics import Interval
from videoreid.utils import generator_from

__all__ = ["GroupScores", "QueryScores", "Resamples", "score_group"]


@dataclass(frozen=True, eq=False)
class QueryScores:
    """Scores of each of the S scored queries.

    Args:
        rows: ``(S,)`` int64 rows of the queries in the ranking.
        pids: ``(S,)`` int64 pids of the queries.
        precision: ``(S,)`` float64 average precision.
        hit: ``(S,)`` float64, 1 where the first answer is right.
    """

    rows: np.ndarray
    pids: np.ndarray
    precision: np.ndarray
    hit: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class GroupScores:
    """Scores of a group of queries.

    Args:
        queries: number of queries in the group.
        coverage: share of the scored queries.
        mean_average_precision: with its interval; None for an empty group.
        rank1: with its interval; None for an empty group.
    """

    queries: int
    coverage: float
    mean_average_precision: Interval | None
    rank1: Interval | None


class Resamples:
    """People drawn with replacement: how often each query counts in each resample.

    Args:
        scores: of the S scored queries.
        resamples: number of resamples.
        seed: of the draws.
        level: share of the resamples inside an interval.
    """

    def __init__(self, scores: QueryScores, *, resamples: int, seed: int, level: float) -> None:
        people, self._person = np.unique(scores.pids, return_inverse=True)
        generator = generator_from(seed, 0)
        share = np.full(len(people), 1.0 / len(people))
        self._drawn = generator.multinomial(len(people), share, size=resamples).astype(np.float64)
        self._level = level

    def means(self, values: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Return ``(R,)`` means of ``values`` over the queries in ``mask``; NaN where a resample has none of them."""
        count = self._drawn.shape[1]
        sums = np.bincount(self._person[mask], weights=values[mask], minlength=count)
        sizes = np.bincount(self._person[mask], minlength=count)
        total = self._drawn @ sizes
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray((self._drawn @ sums) / np.where(total > 0, total, np.nan))

    def interval(self, value: float, draws: np.ndarray) -> Interval:
        """Return a value with the percentile interval of its draws ``(R,)``; NaN bounds if all draws are NaN."""
        known = draws[~np.isnan(draws)]
        if not len(known):
            return Interval(value, float("nan"), float("nan"))
        low, high = np.quantile(known, [(1 - self._level) / 2, (1 + self._level) / 2])
        return Interval(value, float(low), float(high))


def score_group(scores: QueryScores, mask: np.ndarray, resamples: Resamples) -> GroupScores:
    """Score the queries in a mask ``(S,)`` bool."""
    count = int(mask.sum())
    if not count:
        return GroupScores(0, 0.0, None, None)
    found: Sequence[Interval] = [
        resamples.interval(float(values[mask].mean()), resamples.means(values, mask))
        for values in (scores.precision, scores.hit)
    ]
    return GroupScores(count, count / len(scores), found[0], found[1])
