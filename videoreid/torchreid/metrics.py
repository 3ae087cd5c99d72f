"""torchreid's metric functions."""

from videoreid.metrics import compute_distance_matrix, evaluate_rank

__all__ = ["compute_distance_matrix", "evaluate_rank"]
