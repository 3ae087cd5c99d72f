"""torchreid's two metric functions, with its names and rules."""

import numpy as np
from torch import Tensor

from videoreid.distances import pairwise_distance
from videoreid.metrics.ranking.evaluation import evaluate_distances
from videoreid.types import EvaluationProtocol

__all__ = ["compute_distance_matrix", "evaluate_rank"]


def compute_distance_matrix(input1: Tensor, input2: Tensor, metric: str = "euclidean") -> Tensor:
    """Return the distance matrix as torchreid does: its "euclidean" is the SQUARED Euclidean distance.

    Rankings by both are the same, thresholds are not. In `pairwise_distance`, "euclidean" is not squared.

    Args:
        input1: ``(N, D)`` float.
        input2: ``(M, D)`` float.
        metric: "euclidean" (squared) or "cosine".

    Returns:
        ``(N, M)`` float.

    Raises:
        ConfigError: unknown metric, or widths that differ.
    """
    return pairwise_distance(input1, input2, "squared_euclidean" if metric == "euclidean" else metric)


def evaluate_rank(
    distmat: Tensor | np.ndarray,
    q_pids: np.ndarray,
    g_pids: np.ndarray,
    q_camids: np.ndarray,
    g_camids: np.ndarray,
    max_rank: int = 50,
    use_metric_cuhk03: bool = False,  # noqa: FBT001, FBT002 - torchreid's signature
    use_cython: bool = True,  # noqa: FBT001, FBT002 - torchreid's signature
) -> tuple[np.ndarray, float]:
    """Return the CMC curve and mAP by torchreid's rule: same person in the same camera is junk, nothing else.

    The curve always has ``max_rank`` entries (torchreid cuts it to the size of a small gallery, and its mean over
    splits then fails). There is no extension to compile, so ``use_cython`` changes nothing.

    Args:
        distmat: ``(Q, G)`` distances.
        q_pids: ``(Q,)`` integers.
        g_pids: ``(G,)`` integers.
        q_camids: ``(Q,)`` integers.
        g_camids: ``(G,)`` integers.
        max_rank: length of the curve.
        use_metric_cuhk03: the CMC is the mean over random galleries of one row per person. mAP is over all kept rows,
            as in torchreid.
        use_cython: accepted, unused.

    Returns:
        CMC ``(max_rank,)`` float32, and mAP.

    Raises:
        ProtocolError: as `evaluate_distances`.
    """
    del use_cython
    rules = EvaluationProtocol(
        "torchreid",
        junk_pids=(),
        gallery_shot="single" if use_metric_cuhk03 else "multi",
        max_rank=max_rank,
    )
    ranking = evaluate_distances(distmat, q_pids, g_pids, q_camids, g_camids, protocol=rules, top_k=0)
    return ranking.cmc.astype(np.float32), ranking.mean_average_precision
