"""Analysis of many tracklets: identities across cameras and their scores."""

from videoreid.analysis.association import assign, associate, forbidden_pairs, threshold_at
from videoreid.analysis.calibration import (
    LabelledPairs,
    calibrate_pairs,
    held_out_probabilities,
    pairs_of_gallery,
    read_pairs,
)
from videoreid.analysis.scores import AssociationScores, association_scores

__all__ = [
    "AssociationScores",
    "LabelledPairs",
    "assign",
    "associate",
    "association_scores",
    "calibrate_pairs",
    "forbidden_pairs",
    "held_out_probabilities",
    "pairs_of_gallery",
    "read_pairs",
    "threshold_at",
]
