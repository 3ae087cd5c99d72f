"""torchreid's metric functions."""

from collections.abc import Sequence

from torch import Tensor

from videoreid.metrics import compute_distance_matrix, evaluate_rank

__all__ = ["accuracy", "compute_distance_matrix", "evaluate_rank"]


def accuracy(output: Tensor | Sequence[Tensor], target: Tensor, topk: Sequence[int] = (1,)) -> list[Tensor]:
    """Return the share of right labels among the k largest logits, in percent, for each k.

    Args:
        output: logits ``(B, K)``, or several heads, of which the first counts.
        target: ``(B,)`` labels.
        topk: the k's.

    Returns:
        One tensor ``(1,)`` for each k.
    """
    logits = output if isinstance(output, Tensor) else output[0]
    best = logits.topk(min(max(topk), logits.shape[1]), dim=1).indices  # (B, max k)
    hits = best == target.unsqueeze(1)
    return [hits[:, :k].any(1).float().mean().mul(100.0).reshape(1) for k in topk]
