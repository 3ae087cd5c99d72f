"""The results of an error analysis as plain values, for JSON, CSV and pages; NaN becomes None."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from videoreid.analysis.causes import CauseCost
from videoreid.analysis.logistic import LogisticFit
from videoreid.analysis.regressions import Interaction, Regressions
from videoreid.analysis.resampling import GroupScores
from videoreid.metrics import Interval

__all__ = [
    "BinScores",
    "CameraPair",
    "cause_line",
    "plain_bins",
    "plain_cost",
    "plain_pairs",
    "plain_regressions",
]


@dataclass(frozen=True)
class BinScores:
    """Scores of the queries whose proxy lies between two values.

    Args:
        low: smallest value in the group.
        high: largest value.
        scores: of its queries.
    """

    low: float
    high: float
    scores: GroupScores


@dataclass(frozen=True)
class CameraPair:
    """Scores of the queries from one camera whose best true match is from another.

    Args:
        query: camera of the query.
        match: camera of its match.
        scores: of these queries.
    """

    query: int
    match: int
    scores: GroupScores


def plain_cost(cost: CauseCost) -> dict[str, Any]:
    """Return the cost of a cause."""
    return {
        "cause": cost.name,
        "touched": plain_group(cost.touched),
        "others": plain_group(cost.others),
        "map_points": _points(cost.map_points),
        "rank1_points": _points(cost.rank1_points),
        "adjusted_rank1_points": _points(cost.adjusted_points),
    }


def plain_bins(bins: Sequence[BinScores]) -> list[dict[str, Any]]:
    """Return the groups of a proxy, from easy to hard."""
    return [{"low": item.low, "high": item.high, **plain_group(item.scores)} for item in bins]


def plain_pairs(pairs: Sequence[CameraPair]) -> list[dict[str, Any]]:
    """Return the scores of camera pairs."""
    return [{"query": item.query, "match": item.match, **plain_group(item.scores)} for item in pairs]


def plain_regressions(found: Regressions) -> dict[str, Any]:
    """Return the fits, and the reasons why one is missing."""
    return {
        "pair": None if found.pair is None else _fit(found.pair),
        "sides": None if found.sides is None else _fit(found.sides),
        "interaction": _interaction(found.interaction),
        "left_out": dict(found.left_out),
        "missing": dict(found.reasons),
    }


def plain_group(group: GroupScores) -> dict[str, Any]:
    """Return the scores of a group of queries."""
    return {
        "queries": group.queries,
        "coverage": group.coverage,
        "mAP": _interval(group.mean_average_precision),
        "rank1": _interval(group.rank1),
    }


def cause_line(costs: Sequence[Mapping[str, Any]], failures: int, queries: int) -> str:
    """Return the causes in one line, the most costly first.

    Args:
        costs: results of `plain_cost`, the most costly first.
        failures: number of queries whose first answer is wrong.
        queries: number of scored queries.
    """
    parts = []
    adjusted = any(cost["adjusted_rank1_points"] for cost in costs)
    key = "adjusted_rank1_points" if adjusted else "rank1_points"
    for cost in costs:
        coverage = f"affects {100 * cost['touched']['coverage']:.0f} %"
        points = cost[key]
        text = (
            "no estimate"
            if points is None
            else f"{points['value']:+.1f} [{points['low']:.1f}, {points['high']:.1f}]"
        )
        parts.append(f"{cost['cause']} {text} ({coverage})")
    kind = "points of Rank-1, adjusted for the others" if adjusted else "points of Rank-1, unadjusted"
    return f"causes ({kind}) | {failures} of {queries} queries fail | " + " > ".join(parts)


def number(value: float) -> float | None:
    """Return a number for JSON; None for NaN and infinity."""
    return float(value) if math.isfinite(value) else None


def _interval(interval: Interval | None) -> dict[str, float | None] | None:
    if interval is None:
        return None
    return {key: number(getattr(interval, key)) for key in ("value", "low", "high")}


def _points(interval: Interval | None) -> dict[str, float] | None:
    if interval is None:
        return None
    return {key: 100.0 * getattr(interval, key) for key in ("value", "low", "high")}


def _interaction(found: Interaction) -> dict[str, Any]:
    cells = [
        {"dark_scene": scene, "dark_clothes": clothes, **plain_group(group)}
        for (scene, clothes), group in found.cells.items()
    ]
    return {
        "cells": cells,
        "fit": None if found.fit is None else _fit(found.fit),
        "missing": found.reason,
    }


def _fit(fit: LogisticFit) -> dict[str, Any]:
    arrays = {
        "coefficient": fit.coefficients,
        "low": fit.low,
        "high": fit.high,
        "p_value": fit.p_values,
        "vif": fit.vif,
    }
    rows = [
        {"name": name, **{key: number(float(np.asarray(values)[place])) for key, values in arrays.items()}}
        for place, name in enumerate(fit.names)
    ]
    return {
        "method": fit.method,
        "queries": fit.rows,
        "failures": fit.failures,
        "columns": rows,
        "dropped": dict(fit.dropped),
    }
