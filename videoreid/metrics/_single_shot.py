"""CUHK03's rule: a gallery of one random row per person, drawn ten times."""

import numpy as np

from videoreid.metrics._counting import ranks_of_matches
from videoreid.metrics._pairs import SamePersonPairs
from videoreid.metrics._scores import Scores
from videoreid.metrics.precision import cumulative_matching
from videoreid.types import EvaluationProtocol
from videoreid.utils import generator_from

__all__ = ["single_shot_scores"]

_DRAWS = 10


def single_shot_scores(
    scores: Scores, pairs: SamePersonPairs, g_pids: np.ndarray, rules: EvaluationProtocol, *, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return AP, mINP's term, first rank and CMC, averaged over ten random galleries of one row per person.

    A draw is one gallery for all queries, and for each query one of its own true matches. With a single match
    AP and mINP's term are both ``1 / rank``; the first rank is the median over the draws, rounded up.

    Args:
        scores: the distances.
        pairs: matches and junk of every query.
        g_pids: ``(G,)`` int64.
        rules: the protocol.
        seed: of the draws.

    Returns:
        ``(Q,)`` float64, ``(Q,)`` float64, ``(Q,)`` int64, ``(max_rank,)`` float64.
    """
    offsets = pairs.match_offsets
    has_match = np.diff(offsets) > 0
    ranks = np.zeros((_DRAWS, pairs.num_queries), dtype=np.int64)
    for draw in range(_DRAWS):
        generator = generator_from(seed, draw)
        ranks[draw, has_match] = ranks_of_matches(scores, _draw(pairs, g_pids, generator))
    reciprocal = np.full(pairs.num_queries, np.nan)
    reciprocal[has_match] = (1.0 / ranks[:, has_match]).mean(axis=0)
    first = np.ceil(np.median(ranks, axis=0)).astype(np.int64)
    scored = pairs.num_queries if rules.unmatched == "zero" else int(has_match.sum())
    cmc = np.mean([cumulative_matching(row, scored, rules.max_rank) for row in ranks], axis=0)
    return reciprocal, reciprocal.copy(), first, cmc


def _draw(pairs: SamePersonPairs, g_pids: np.ndarray, generator: np.random.Generator) -> SamePersonPairs:
    """Hide all but one row of every person, and of each query's person all but one match."""
    visible = np.setdiff1d(np.arange(len(g_pids)), pairs.excluded)
    shuffled = generator.permutation(visible)
    _, first = np.unique(g_pids[shuffled], return_index=True)
    kept = shuffled[first]
    matches = np.flatnonzero(pairs.is_match)
    order = matches[np.lexsort((generator.random(len(matches)), pairs.queries[matches]))]
    _, one = np.unique(pairs.queries[order], return_index=True)
    is_match = np.zeros(len(pairs.queries), dtype=bool)
    is_match[order[one]] = True
    return SamePersonPairs(
        pairs.queries, pairs.rows, is_match, pairs.num_queries, np.setdiff1d(np.arange(len(g_pids)), kept)
    )
