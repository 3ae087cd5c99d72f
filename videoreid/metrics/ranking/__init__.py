"""Ranking and its scores: evaluation by named protocols."""

from videoreid.metrics.ranking.evaluation import Refiner, evaluate_distances, evaluate_features
from videoreid.metrics.ranking.protocols import PROTOCOLS, get_protocol, list_protocols, protocol_line

__all__ = [
    "PROTOCOLS",
    "Refiner",
    "evaluate_distances",
    "evaluate_features",
    "get_protocol",
    "list_protocols",
    "protocol_line",
]
