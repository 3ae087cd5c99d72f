"""k-reciprocal re-ranking: exact, sparse, streamed, from features or from given distances.

Only the nearest neighbours of each row are kept. Memory grows with ``N * k1``, not with ``N * N``; time is that of
computing every pair of distances once, and the queries' once more.

Reference: Zhong, Zheng, Cao, Li, "Re-ranking person re-identification with k-reciprocal encoding", CVPR 2017.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from videoreid.distances import AllPairsSource, DistanceSource, FeaturePairs, MatrixPairs, StreamedSource
from videoreid.errors import ConfigError
from videoreid.metrics.reranking.jaccard import RerankedDistances
from videoreid.types import Features
from videoreid.utils import get_logger
from videoreid.utils.arrays import as_tensor

__all__ = [
    "KReciprocal",
    "k_reciprocal_rerank",
    "k_reciprocal_rerank_blocks",
    "k_reciprocal_rerank_distances",
    "re_ranking",
]


@dataclass(frozen=True)
class KReciprocal:
    """Settings of k-reciprocal re-ranking, and a refiner of `videoreid.metrics.evaluate_features`.

    Args:
        k1: size of the reciprocal neighbourhoods, at least 1; published: 20.
        k2: rows averaged by query expansion, at least 1; 1 skips it; published: 6.
        lambda_value: weight of the original distance, 0..1; published: 0.3.
        exponent: power the distances are raised to. The published code squares its input, even distances that are
            squared already; 1 leaves distances unchanged.
        metric: a key of `videoreid.distances.DISTANCES`, by which features are compared.
        chunk_size: rows of a tile; None chooses by device. It changes memory and speed, not the result.

    Raises:
        ConfigError: a value out of its range.

    Example:
        >>> import torch
        >>> features = torch.eye(6)
        >>> k_reciprocal_rerank(features[:2], features, k1=3, k2=2).argmin(1).tolist()
        [0, 1]
    """

    k1: int = 20
    k2: int = 6
    lambda_value: float = 0.3
    exponent: float = 2.0
    metric: str = "cosine"
    chunk_size: int | None = None

    def __post_init__(self) -> None:
        for name in ("k1", "k2", "chunk_size"):
            value = getattr(self, name)
            if value is None and name == "chunk_size":
                continue
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
                raise ConfigError(f"{name} must be an integer of at least 1, got {value!r}")
        if not 0 <= self.lambda_value <= 1:
            raise ConfigError(f"lambda_value must be within 0..1, got {self.lambda_value!r}")
        if not 0 < self.exponent < float("inf"):
            raise ConfigError(f"exponent must be positive (published: 2), got {self.exponent!r}")

    @property
    def name(self) -> str:
        """Name in the protocol line; exponent and metric are shown only if they differ from their defaults."""
        extra = "" if self.exponent == 2 else f", exponent={self.exponent:g}"
        extra += "" if self.metric == "cosine" else f", metric={self.metric}"
        return f"KReciprocal(k1={self.k1}, k2={self.k2}, lambda_value={self.lambda_value:g}{extra})"

    def __call__(self, distances: DistanceSource, query: Features, gallery: Features) -> StreamedSource:
        """Return the re-ranked distances of two sets of features; rows are computed on demand.

        Args:
            distances: of these features, by the metric of these settings.
            query: embeddings of the queries.
            gallery: embeddings of the gallery.

        Raises:
            ConfigError: ``distances`` are of another metric, or another refiner changed them.
        """
        self.check_metric(distances)
        return self.streamed(FeaturePairs(query.embeddings, gallery.embeddings, self.metric))

    def check_metric(self, distances: DistanceSource) -> None:
        """Raise ConfigError unless ``distances`` are those of the features by the metric of these settings."""
        if distances.metric != self.metric:
            raise ConfigError(
                f"{self.name} compares features by {self.metric!r}, but was given other distances "
                f"({distances.metric or 'changed, or of unknown metric'}): name their metric, put it before other "
                "refiners, or call k_reciprocal_rerank_distances"
            )

    def rerank(self, source: AllPairsSource) -> RerankedDistances:
        """Return the re-ranked distances of any source; this runs the costly part, over all pairs of rows."""
        if self.k1 >= source.num_rows:
            get_logger(__name__).warning(
                "k1=%d with %d rows in all: every row is a neighbour of every other", self.k1, source.num_rows
            )
        default = 2048 if source.device.type == "cpu" else 8192
        return RerankedDistances(
            source,
            k1=int(self.k1),
            k2=int(self.k2),
            lambda_value=float(self.lambda_value),
            exponent=float(self.exponent),
            chunk_size=int(self.chunk_size or default),
        )

    def streamed(self, source: AllPairsSource) -> StreamedSource:
        """Return the re-ranked distances as a source for an evaluation."""
        reranked = self.rerank(source)
        return StreamedSource(reranked.rows, reranked.shape, reranked.row_step)


def k_reciprocal_rerank(
    query: Tensor,
    gallery: Tensor,
    k1: int = 20,
    k2: int = 6,
    lambda_value: float = 0.3,
    metric: str = "cosine",
    *,
    exponent: float = 2.0,
    chunk_size: int | None = None,
) -> Tensor:
    """Return ``(Q, G)`` re-ranked distances of features.

    ``(1 - lambda) * Jaccard + lambda * original``, the original distance raised to ``exponent`` and divided by the
    largest of its query over queries and gallery. Ties among neighbours are resolved by row number, queries first.

    Args:
        query: ``(Q, D)`` float, on any device.
        gallery: ``(G, D)``, the same type and device.
        k1: size of the reciprocal neighbourhoods; a number above that of the rows means all rows.
        k2: rows averaged by query expansion; 1 skips it.
        lambda_value: weight of the original distance, 0..1.
        metric: a key of `videoreid.distances.DISTANCES`.
        exponent: 2 as published, also where ``metric`` is squared already; see `KReciprocal`.
        chunk_size: rows of a tile; None chooses by device.

    Raises:
        ConfigError: a setting out of range, or shapes, types or devices that differ.
        ProtocolError: a set is empty, or rows are NaN or infinite.

    Reference: Zhong et al., CVPR 2017, eq. 12.
    """
    settings = KReciprocal(k1, k2, lambda_value, exponent, metric, chunk_size)
    source = FeaturePairs(as_tensor("query", query), as_tensor("gallery", gallery), metric)
    return settings.streamed(source).dense()


def k_reciprocal_rerank_blocks(
    query: Tensor,
    gallery: Tensor,
    k1: int = 20,
    k2: int = 6,
    lambda_value: float = 0.3,
    metric: str = "cosine",
    *,
    exponent: float = 2.0,
    chunk_size: int | None = None,
) -> Iterator[tuple[slice, Tensor]]:
    """Yield ``(query rows, distances (rows, G))`` of `k_reciprocal_rerank`, without a ``(Q, G)`` matrix in memory.

    Args, Raises and Reference: those of `k_reciprocal_rerank`; ``chunk_size`` also limits the rows of a block.
    """
    settings = KReciprocal(k1, k2, lambda_value, exponent, metric, chunk_size)
    source = FeaturePairs(as_tensor("query", query), as_tensor("gallery", gallery), metric)
    return settings.rerank(source).blocks()


def k_reciprocal_rerank_distances(
    q_g: Tensor,
    q_q: Tensor,
    g_g: Tensor,
    k1: int = 20,
    k2: int = 6,
    lambda_value: float = 0.3,
    *,
    exponent: float = 2.0,
    chunk_size: int | None = None,
) -> Tensor:
    """Return ``(Q, G)`` re-ranked distances from given ones.

    The gallery-to-query part is the transpose of ``q_g``. Where ``q_q`` or ``g_g`` is asymmetric, the neighbours of
    a row are read down its column, as the published code does by transposing.

    Args:
        q_g: ``(Q, G)`` float, at least 0.
        q_q: ``(Q, Q)``, the same type and device.
        g_g: ``(G, G)``, the same type and device.
        k1: size of the reciprocal neighbourhoods.
        k2: rows averaged by query expansion; 1 skips it.
        lambda_value: weight of the original distance, 0..1.
        exponent: 2 as published, for any distances; 1 leaves distances unchanged.
        chunk_size: rows of a tile; None chooses by device.

    Raises:
        ConfigError: a setting out of range, or shapes, types or devices that do not fit.
        ProtocolError: a set is empty, or a distance is NaN, infinite or negative.
    """
    settings = KReciprocal(k1, k2, lambda_value, exponent, chunk_size=chunk_size)
    source = MatrixPairs(as_tensor("q_g", q_g), as_tensor("q_q", q_q), as_tensor("g_g", g_g))
    return settings.streamed(source).dense()


def re_ranking(
    q_g_dist: np.ndarray,
    q_q_dist: np.ndarray,
    g_g_dist: np.ndarray,
    k1: int = 20,
    k2: int = 6,
    lambda_value: float = 0.3,
) -> np.ndarray:
    """Return `k_reciprocal_rerank_distances` ``(Q, G)`` as NumPy, under torchreid's name and signature."""
    names = ("q_g_dist", "q_q_dist", "g_g_dist")
    matrices = zip(names, (q_g_dist, q_q_dist, g_g_dist), strict=True)
    q_g, q_q, g_g = (as_tensor(name, matrix) for name, matrix in matrices)
    return k_reciprocal_rerank_distances(q_g, q_q, g_g, k1, k2, lambda_value).cpu().numpy()
