"""k-reciprocal re-ranking: exact, sparse, streamed."""

from videoreid.metrics.reranking.k_reciprocal import (
    KReciprocal,
    k_reciprocal_rerank,
    k_reciprocal_rerank_blocks,
    k_reciprocal_rerank_distances,
    re_ranking,
)

__all__ = [
    "KReciprocal",
    "k_reciprocal_rerank",
    "k_reciprocal_rerank_blocks",
    "k_reciprocal_rerank_distances",
    "re_ranking",
]
