"""The regressions of an error analysis: all proxies, query and match separately, and dark scenes by dark clothes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from videoreid.analysis.causes import Cause, adjusted_points
from videoreid.analysis.logistic import LogisticFit, fit_logistic
from videoreid.analysis.proxies import Design, cause_columns, design_of
from videoreid.analysis.resampling import GroupScores, QueryScores, Resamples, score_group
from videoreid.metrics import Interval

__all__ = ["Interaction", "Regressions", "regress_failure"]

_SCENE, _CLOTHES = "scene darkness", "clothing darkness"


@dataclass(frozen=True, eq=False)
class Interaction:
    """Interaction of dark scenes and dark clothes.

    Args:
        cells: scores by (scene is dark, clothes are dark), of query or match.
        fit: regression on all proxies and the product of the two; None without a regression.
        reason: why there is no regression.
    """

    cells: Mapping[tuple[bool, bool], GroupScores]
    fit: LogisticFit | None
    reason: str = ""


@dataclass(frozen=True, eq=False)
class Regressions:
    """Regressions of failure at Rank-1.

    Args:
        pair: on the proxies of each query and its match, the harder of the two; None if it cannot be fitted.
        sides: on the five attributes of the query and of the match separately; None if it cannot be fitted.
        interaction: of dark scenes and dark clothes.
        points: by cause, points of Rank-1 that the pair regression attributes to it.
        left_out: proxies left out, by name with the reason.
        reasons: why a regression is missing, by its name.
    """

    pair: LogisticFit | None
    sides: LogisticFit | None
    interaction: Interaction
    points: Mapping[str, Interval]
    left_out: Mapping[str, str]
    reasons: Mapping[str, str]


def regress_failure(
    scores: QueryScores,
    proxies: Mapping[str, np.ndarray],
    sides: tuple[Mapping[str, np.ndarray], Mapping[str, np.ndarray]],
    flags: Mapping[str, np.ndarray],
    causes: Sequence[Cause],
    resamples: Resamples,
    *,
    rules: tuple[int, int, float],
) -> Regressions:
    """Fit the regressions for which there are enough failures.

    Args:
        scores: of the scored queries.
        proxies: result of `pair_proxies`, ``(Q,)`` each.
        sides: results of `hardness`, of the queries and of their matches.
        flags: result of `cause_flags`.
        causes: the causes.
        resamples: for the intervals of the cells.
        rules: least number of failures, seed of the draws, level of the intervals.
    """
    least, seed, level = rules
    failure = scores.hit < 0.5
    design = design_of(proxies, scores.rows)
    pair, why = _fit(design.names, design.matrix, failure[design.rows], least=least, level=level)
    points = {}
    if pair is not None:
        points = adjusted_points(pair, design.matrix, cause_columns(design, causes), seed=seed, level=level)
    both = design_of(
        {f"{side}: {cause.hardness}": values[cause.hardness]
         for side, values in zip(("query", "match"), sides, strict=True) for cause in causes}, scores.rows
    )  # fmt: skip
    apart, no_sides = _fit(both.names, both.matrix, failure[both.rows], least=2 * least, level=level)
    interaction = _interaction(scores, design, flags, failure, resamples, rules)
    reasons = {name: reason for name, reason in (("pair", why), ("sides", no_sides)) if reason}
    return Regressions(pair, apart, interaction, points, design.left_out, reasons)


def _fit(
    names: tuple[str, ...], matrix: np.ndarray, failure: np.ndarray, *, least: int, level: float
) -> tuple[LogisticFit | None, str]:
    """Return a fit, or None and the reason."""
    failures = int(failure.sum())
    fewer = min(failures, len(failure) - failures)
    if not names:
        return None, "every proxy is unknown or constant"
    if fewer < least:
        return None, (
            f"{failures} failures in {len(failure)} queries with all proxies known: a regression needs "
            f"{least} failures and {least} hits or more"
        )
    if len(failure) <= len(names) + 1:
        return None, f"{len(failure)} queries cannot fit {len(names) + 1} coefficients"
    return fit_logistic(matrix, failure, names=names, level=level), ""


def _interaction(
    scores: QueryScores,
    design: Design,
    flags: Mapping[str, np.ndarray],
    failure: np.ndarray,
    resamples: Resamples,
    rules: tuple[int, int, float],
) -> Interaction:
    scene, clothes = (flags[name][scores.rows] for name in ("low light", "dark clothes"))
    cells = {
        (dim, dark): score_group(scores, (scene == dim) & (clothes == dark), resamples)
        for dim in (False, True)
        for dark in (False, True)
    }
    if _SCENE not in design.names or _CLOTHES not in design.names:
        missing = _SCENE if _SCENE not in design.names else _CLOTHES
        return Interaction(cells, None, f"the proxy {missing} is unknown or constant")
    names, matrix = design.with_product(_SCENE, _CLOTHES)
    fit, why = _fit(names, matrix, failure[design.rows], least=rules[0], level=rules[2])
    return Interaction(cells, fit, why)
