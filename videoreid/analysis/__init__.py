"""Analysis of many tracklets: identities across cameras and their scores."""

from videoreid.analysis.association import assign, associate, forbidden_pairs, threshold_at
from videoreid.analysis.scores import AssociationScores, association_scores

__all__ = [
    "AssociationScores",
    "assign",
    "associate",
    "association_scores",
    "forbidden_pairs",
    "threshold_at",
]
