"""The spatial-temporal metric: appearance combined with the transition times of people between cameras."""

from videoreid.metrics.spatial_temporal.model import SpatialTemporalModel
from videoreid.metrics.spatial_temporal.reranking import JointKReciprocal
from videoreid.metrics.spatial_temporal.rules import JointRules

__all__ = [
    "JointKReciprocal",
    "JointRules",
    "SpatialTemporalModel",
]
