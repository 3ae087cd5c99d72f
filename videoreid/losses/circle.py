"""Circle loss: every similarity has a weight that grows with the distance to its target value."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from videoreid.losses._checks import check_batch, positive_and_negative_pairs

__all__ = ["CircleLoss", "circle_loss"]


def circle_loss(embeddings: Tensor, pids: Tensor, margin: float = 0.25, scale: float = 256.0) -> Tensor:
    """Return the mean circle loss of the anchors that have a positive and a negative in the batch.

    It pulls the cosine similarity of positives above ``1 - margin`` and pushes that of negatives below ``margin``. If
    no anchor of the batch has both, the loss is 0 with a zero gradient.

    Args:
        embeddings: ``(B, D)`` float; compared by cosine similarity.
        pids: ``(B,)`` int64.
        margin: m, the relaxation.
        scale: gamma; 256 in the paper's retrieval experiments. A smaller scale gives smaller gradients.

    Returns:
        A scalar.

    Raises:
        ConfigError: other shapes or an empty batch.

    Reference:
        Sun et al., Circle Loss: A Unified Perspective of Pair Similarity Optimization, CVPR 2020, equations 4-8.
        https://arxiv.org/abs/2002.10857
    """
    check_batch(embeddings, pids, "embeddings")
    rows = F.normalize(embeddings, dim=1)
    similarities = rows @ rows.t()  # (B, B)
    positive, negative = positive_and_negative_pairs(pids)
    both = positive.any(1) & negative.any(1)
    if not bool(both.any()):
        return embeddings.sum() * 0.0
    # the weights depend on the similarities, but no gradient flows through them (section 3.2)
    pull = (1.0 + margin - similarities.detach()).clamp_min(0.0)
    push = (similarities.detach() + margin).clamp_min(0.0)
    pull_logits = (-scale * pull * (similarities - (1.0 - margin))).masked_fill(~positive, -torch.inf)
    push_logits = (scale * push * (similarities - margin)).masked_fill(~negative, -torch.inf)
    return F.softplus(pull_logits[both].logsumexp(1) + push_logits[both].logsumexp(1)).mean()


class CircleLoss(nn.Module):
    """Module version of `circle_loss`.

    Args:
        margin: m, the relaxation.
        scale: gamma.
    """

    def __init__(self, margin: float = 0.25, scale: float = 256.0) -> None:
        super().__init__()
        self.margin, self.scale = margin, scale

    def forward(self, embeddings: Tensor, pids: Tensor) -> Tensor:
        """Return the loss of ``embeddings (B, D)`` for ``pids (B,)``."""
        return circle_loss(embeddings, pids, self.margin, self.scale)
