"""Scores of retrieval and of verification, each with the rules it was made by."""

from videoreid.metrics._st_rerank import JointKReciprocal
from videoreid.metrics._st_rules import JointRules
from videoreid.metrics.compatibility import compute_distance_matrix, evaluate_rank
from videoreid.metrics.evaluation import Refiner, evaluate_distances, evaluate_features
from videoreid.metrics.precision import (
    average_precision,
    cumulative_matching,
    inverse_negative_penalty,
    precision_recall,
)
from videoreid.metrics.protocols import PROTOCOLS, get_protocol, list_protocols, protocol_line
from videoreid.metrics.rerank import (
    KReciprocal,
    k_reciprocal_rerank,
    k_reciprocal_rerank_blocks,
    k_reciprocal_rerank_distances,
    re_ranking,
)
from videoreid.metrics.spatial_temporal import SpatialTemporalModel

__all__ = [
    "JointKReciprocal",
    "JointRules",
    "KReciprocal",
    "PROTOCOLS",
    "Refiner",
    "SpatialTemporalModel",
    "average_precision",
    "compute_distance_matrix",
    "cumulative_matching",
    "evaluate_distances",
    "evaluate_features",
    "evaluate_rank",
    "get_protocol",
    "inverse_negative_penalty",
    "k_reciprocal_rerank",
    "k_reciprocal_rerank_blocks",
    "k_reciprocal_rerank_distances",
    "list_protocols",
    "precision_recall",
    "protocol_line",
    "re_ranking",
]
