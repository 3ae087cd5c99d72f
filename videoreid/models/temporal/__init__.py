"""Temporal heads: they fuse the frame vectors of a clip into one vector."""

from videoreid.models.temporal.attention import AttentionPool
from videoreid.models.temporal.average import AveragePool
from videoreid.models.temporal.gem import GeMPool
from videoreid.models.temporal.maximum import MaximumPool
from videoreid.models.temporal.recurrent import GRUPool, LSTMPool
from videoreid.models.temporal.registry import TEMPORAL, TemporalHead, build_temporal
from videoreid.models.temporal.self_attention import SelfAttentionPool

__all__ = [
    "AttentionPool",
    "AveragePool",
    "GRUPool",
    "GeMPool",
    "LSTMPool",
    "MaximumPool",
    "SelfAttentionPool",
    "TEMPORAL",
    "TemporalHead",
    "build_temporal",
]
