"""Single gallery shot (CUHK03): CMC over random galleries of one row per person."""

import numpy as np

from videoreid.distances import DistanceSource
from videoreid.metrics.precision import cumulative_matching
from videoreid.metrics.ranking.counting import ranks_of_matches
from videoreid.metrics.ranking.pairs import SamePersonPairs
from videoreid.types import EvaluationProtocol
from videoreid.utils import generator_from

__all__ = ["single_shot_cmc"]

_DRAWS = 10


def single_shot_cmc(
    source: DistanceSource,
    pairs: SamePersonPairs,
    g_pids: np.ndarray,
    rules: EvaluationProtocol,
    *,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the first rank of every query and the CMC, averaged over ten random galleries of one row per person.

    A draw is one gallery for all queries, and for each query one of its own true matches. Published code, such as
    torchreid's ``eval_cuhk03``, draws for the CMC only, so AP is not computed here.

    Args:
        source: the distances.
        pairs: matches and junk of every query.
        g_pids: ``(G,)`` int64.
        rules: the protocol.
        seed: of the draws.

    Returns:
        ``(Q,)`` int64, the median over the draws, rounded up, 0 without a match; ``(max_rank,)`` float64.
    """
    has_match = np.diff(pairs.match_offsets) > 0
    ranks = np.zeros((_DRAWS, pairs.num_queries), dtype=np.int64)
    for draw in range(_DRAWS):
        generator = generator_from(seed, draw)
        ranks[draw, has_match] = ranks_of_matches(source, _draw(pairs, g_pids, generator))
    scored = pairs.num_queries if rules.unmatched == "zero" else int(has_match.sum())
    cmc = np.mean([cumulative_matching(row, scored, rules.max_rank) for row in ranks], axis=0)
    return np.ceil(np.median(ranks, axis=0)).astype(np.int64), cmc


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
