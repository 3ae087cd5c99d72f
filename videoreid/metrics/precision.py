"""CMC, AP, mINP and precision-recall from the ranks of true matches."""

from itertools import pairwise
from typing import Literal

import numpy as np

__all__ = ["average_precision", "cumulative_matching", "inverse_negative_penalty", "precision_recall"]


def average_precision(
    ranks: np.ndarray, offsets: np.ndarray, kind: Literal["standard", "trapezoidal"] = "standard"
) -> np.ndarray:
    """Return the AP of every query; NaN where a query has no match.

    Standard: the mean over matches of ``i / r_i`` (``i``-th match at 1-based rank ``r_i``). Trapezoidal: each
    term is averaged with the precision just before the match, ``(i - 1) / (r_i - 1)``, 1 at the first rank;
    never larger than the standard value.

    Args:
        ranks: ``(P,)`` ranks of the matches, query by query, ascending in each.
        offsets: ``(Q + 1,)``; query ``q`` owns ``ranks[offsets[q]:offsets[q + 1]]``.
        kind: which definition.

    Returns:
        ``(Q,)`` float64.

    Reference:
        Philbin et al., Object retrieval with large vocabularies, CVPR 2007 (the trapezoidal form); Zheng et al.,
        Scalable person re-identification, ICCV 2015 (its use on Market-1501).
    """
    counts = np.diff(offsets)
    ordinal = np.arange(len(ranks)) - np.repeat(offsets[:-1], counts)  # 0-based position among the matches
    terms = (ordinal + 1) / ranks
    if kind == "trapezoidal":
        before = np.where(ranks > 1, ordinal / np.maximum(ranks - 1, 1), 1.0)
        terms = (terms + before) / 2
    owner = np.repeat(np.arange(len(counts)), counts)
    total = np.bincount(owner, weights=terms, minlength=len(counts))
    return np.where(counts > 0, total / np.maximum(counts, 1), np.nan)


def inverse_negative_penalty(ranks: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Return ``number of matches / rank of the last match`` of every query; NaN where there is no match.

    Args:
        ranks: as in `average_precision`.
        offsets: as in `average_precision`.

    Returns:
        ``(Q,)`` float64; its mean is mINP.

    Reference:
        Ye et al., Deep learning for person re-identification: a survey and outlook, TPAMI 2021, eq. 3.
    """
    counts = np.diff(offsets)
    result = np.full(len(counts), np.nan)
    some = counts > 0
    result[some] = counts[some] / ranks[offsets[1:][some] - 1]
    return result


def cumulative_matching(first_match: np.ndarray, queries: int, max_rank: int) -> np.ndarray:
    """Return the share of ``queries`` whose first match is within each rank ``1 .. max_rank``.

    If the gallery is smaller than ``max_rank``, the curve stays at its last value.

    Args:
        first_match: ``(n,)`` 1-based ranks of the first matches; 0 for none.
        queries: the denominator.
        max_rank: length of the curve.

    Returns:
        ``(max_rank,)`` float64, non-decreasing.
    """
    found = first_match[(first_match > 0) & (first_match <= max_rank)]
    return np.cumsum(np.bincount(found, minlength=max_rank + 1)[1:]) / max(queries, 1)


def precision_recall(
    ranks: np.ndarray, offsets: np.ndarray, points: int = 101
) -> tuple[np.ndarray, np.ndarray]:
    """Return recall levels and the interpolated precision there, averaged over the queries with a match.

    Args:
        ranks: as in `average_precision`.
        offsets: as in `average_precision`.
        points: number of recall levels from 0 to 1.

    Returns:
        Recall ``(points,)`` and precision ``(points,)``, both 0..1.
    """
    recall = np.linspace(0.0, 1.0, points)
    total, scored = np.zeros(points), 0
    for start, stop in pairwise(offsets):
        count = stop - start
        if count == 0:
            continue
        precision = np.arange(1, count + 1) / ranks[start:stop]
        envelope = np.maximum.accumulate(precision[::-1])[::-1]
        # index of the first match at which this recall is reached
        index = np.maximum(np.ceil(recall * count - 1e-9).astype(int) - 1, 0)
        total += envelope[index]
        scored += 1
    return recall, total / max(scored, 1)
