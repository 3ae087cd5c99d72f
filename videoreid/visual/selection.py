"""Selection and order of the queries to show."""

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from videoreid.errors import ConfigError
from videoreid.types import Ranking, Tracklet
from videoreid.utils import generator_from

__all__ = ["ORDERS", "order_queries", "select_queries"]

ORDERS = ("given", "worst", "best", "random")


def order_queries(ranking: Ranking, order: str = "given", *, seed: int = 0) -> NDArray[np.int64]:
    """Return all query rows in the given order; queries that were not scored come last.

    Args:
        ranking: the scored answers.
        order: "given", "worst" (lowest average precision first), "best" or "random".
        seed: of "random".

    Raises:
        ConfigError: an unknown order.
    """
    precision = np.nan_to_num(ranking.average_precision, nan=np.inf)
    if order == "given":
        return np.arange(len(precision))
    if order == "worst":
        return np.argsort(precision, kind="stable")
    if order == "best":
        return np.argsort(np.where(np.isinf(precision), np.inf, -precision), kind="stable")
    if order == "random":
        rows = generator_from(seed, len(precision)).permutation(len(precision))
        return np.concatenate([rows[np.isfinite(precision[rows])], rows[np.isinf(precision[rows])]])
    raise ConfigError(f"unknown order {order!r}; choose {', '.join(map(repr, ORDERS))}")


def select_queries(
    ranking: Ranking,
    query: Sequence[Tracklet],
    *,
    order: str = "worst",
    pids: Collection[int] | None = None,
    count: int | None = None,
    seed: int = 0,
) -> NDArray[np.int64]:
    """Return the rows of some queries, for the argument ``rows`` of the drawing functions.

    Args:
        ranking: the scored answers.
        query: Q tracklets, in the order of the ranking.
        order: see `order_queries`.
        pids: people whose queries are shown; None for all.
        count: largest number of queries; None for all.
        seed: of order "random".

    Raises:
        ConfigError: an unknown order, or no query of these people.
    """
    rows = order_queries(ranking, order, seed=seed)
    if len(rows) != len(query):
        raise ConfigError(f"the ranking holds {len(rows)} queries, got {len(query)} tracklets")
    if pids is not None:
        rows = np.array([row for row in rows.tolist() if query[row].pid in pids], np.int64)
        if not len(rows):
            raise ConfigError(f"no query shows person {', '.join(map(str, sorted(pids)))}")
    return rows[:count]
