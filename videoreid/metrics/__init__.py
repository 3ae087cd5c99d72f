"""Scores of retrieval and of verification, each with the rules it was made by."""

from videoreid.metrics.calibration import (
    IsotonicCalibration,
    LogisticCalibration,
    expected_calibration_error,
    fit_isotonic,
    fit_logistic,
)
from videoreid.metrics.compatibility import compute_distance_matrix, evaluate_rank
from videoreid.metrics.ensembles import ensemble_distances, ensemble_features
from videoreid.metrics.open_set import OpenSetScore, detection_identification_rate
from videoreid.metrics.precision import (
    average_precision,
    cumulative_matching,
    inverse_negative_penalty,
    precision_recall,
)
from videoreid.metrics.query_expansion import augment_database, expand_queries
from videoreid.metrics.ranking import (
    PROTOCOLS,
    Refiner,
    evaluate_distances,
    evaluate_features,
    get_protocol,
    list_protocols,
    protocol_line,
)
from videoreid.metrics.reranking import (
    KReciprocal,
    k_reciprocal_rerank,
    k_reciprocal_rerank_blocks,
    k_reciprocal_rerank_distances,
    re_ranking,
)
from videoreid.metrics.significance import (
    Interval,
    PairedTest,
    bootstrap_intervals,
    mean_and_spread,
    paired_test,
)
from videoreid.metrics.spatial_temporal import JointKReciprocal, JointRules, SpatialTemporalModel
from videoreid.metrics.verification import (
    PairDistances,
    Roc,
    ThresholdCheck,
    check_threshold,
    equal_error_rate,
    pair_distances,
    roc_curve,
    score_histograms,
    threshold_at_fmr,
    tpr_at_fpr,
)

__all__ = [
    "Interval",
    "IsotonicCalibration",
    "JointKReciprocal",
    "JointRules",
    "KReciprocal",
    "LogisticCalibration",
    "OpenSetScore",
    "PROTOCOLS",
    "PairDistances",
    "PairedTest",
    "Refiner",
    "Roc",
    "SpatialTemporalModel",
    "ThresholdCheck",
    "augment_database",
    "average_precision",
    "bootstrap_intervals",
    "check_threshold",
    "compute_distance_matrix",
    "cumulative_matching",
    "detection_identification_rate",
    "ensemble_distances",
    "ensemble_features",
    "equal_error_rate",
    "evaluate_distances",
    "evaluate_features",
    "evaluate_rank",
    "expand_queries",
    "expected_calibration_error",
    "fit_isotonic",
    "fit_logistic",
    "get_protocol",
    "inverse_negative_penalty",
    "k_reciprocal_rerank",
    "k_reciprocal_rerank_blocks",
    "k_reciprocal_rerank_distances",
    "list_protocols",
    "mean_and_spread",
    "pair_distances",
    "paired_test",
    "precision_recall",
    "protocol_line",
    "re_ranking",
    "roc_curve",
    "score_histograms",
    "threshold_at_fmr",
    "tpr_at_fpr",
]
