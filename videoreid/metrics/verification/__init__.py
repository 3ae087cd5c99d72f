"""Verification of pairs, calibration of distances, open sets."""

from videoreid.metrics.verification.calibration import (
    IsotonicCalibration,
    LogisticCalibration,
    expected_calibration_error,
    fit_isotonic,
    fit_logistic,
)
from videoreid.metrics.verification.curves import (
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
from videoreid.metrics.verification.open_set import OpenSetScore, detection_identification_rate

__all__ = [
    "IsotonicCalibration",
    "LogisticCalibration",
    "OpenSetScore",
    "PairDistances",
    "Roc",
    "ThresholdCheck",
    "check_threshold",
    "detection_identification_rate",
    "equal_error_rate",
    "expected_calibration_error",
    "fit_isotonic",
    "fit_logistic",
    "pair_distances",
    "roc_curve",
    "score_histograms",
    "threshold_at_fmr",
    "tpr_at_fpr",
]
