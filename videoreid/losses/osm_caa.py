"""Online soft mining with class-aware attention: a contrastive loss that weights every pair of a batch."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from videoreid.errors import ConfigError
from videoreid.functional import squared_euclidean_distance
from videoreid.losses._checks import check_batch, check_labels, positive_and_negative_pairs, safe_sqrt

__all__ = ["OSMCAALoss", "osm_caa_loss"]


def osm_caa_loss(
    embeddings: Tensor,
    pids: Tensor,
    class_vectors: Tensor,
    *,
    alpha: float = 1.2,
    l: float = 0.5,  # noqa: E741 - the name it is published and searched under
    sigma: float = 0.8,
) -> Tensor:
    """Return the weighted contrastive loss of all pairs of a batch.

    The nearer the two rows of a pair are, the larger is its weight, for positive pairs (soft mining trusts near
    positives) and for negative pairs (near negatives are hard). Each weight is multiplied by the smaller class-aware
    attention of the two rows; the attention of a row is the softmax probability of its own class. Gradients flow
    through the weights. Without positive pairs the positive term is 0, without negative pairs the negative term is 0.

    Args:
        embeddings: ``(B, D)`` float; compared after L2 normalisation.
        pids: ``(B,)`` int64 in ``0 .. K-1``.
        class_vectors: ``(K, D)``: the weights of the last classifier, or class centres ("CL centres").
        alpha: margin of negative pairs; distances of unit vectors are at most 2.
        l: weight of the negative term, in 0..1; the positive term has ``1 - l``.
        sigma: width of the Gaussian that weights positive pairs.

    Returns:
        A scalar.

    Raises:
        ConfigError: other shapes, an empty batch, or a label without a class vector.

    Reference:
        Wang et al., Deep Metric Learning by Online Soft Mining and Class-Aware Attention, AAAI 2019, equations 2-9.
        https://arxiv.org/abs/1811.01459
    """
    check_batch(embeddings, pids, "embeddings")
    if class_vectors.ndim != 2 or class_vectors.shape[1] != embeddings.shape[1]:
        raise ConfigError(
            f"expected class_vectors (K, {embeddings.shape[1]}), as wide as the embeddings, got "
            f"{tuple(class_vectors.shape)}; a classifier's weight is (K, D) already"
        )
    check_labels(pids, len(class_vectors))
    rows = F.normalize(embeddings, dim=1)
    squares = squared_euclidean_distance(rows, rows).clamp_min(1e-12)  # (B, B)
    gaps = (alpha - safe_sqrt(squares)).clamp_min(1e-12)
    attention = _class_attention(rows, pids, class_vectors)
    positive, negative = positive_and_negative_pairs(pids)
    positive_term = _weighted_mean(squares, torch.exp(-squares / sigma**2) * attention, positive)
    negative_term = _weighted_mean(gaps.square(), gaps * attention, negative)
    return 0.5 * ((1.0 - l) * positive_term + l * negative_term)


def _class_attention(rows: Tensor, pids: Tensor, class_vectors: Tensor) -> Tensor:
    """Return ``(B, B)``: the smaller of the two rows' softmax probabilities of their own class."""
    probabilities = F.softmax(rows @ F.normalize(class_vectors, dim=1).t(), dim=1)  # (B, K)
    own = probabilities.gather(1, pids.unsqueeze(1))  # (B, 1)
    return torch.minimum(own, own.t())


def _weighted_mean(values: Tensor, weights: Tensor, mask: Tensor) -> Tensor:
    """Return the weighted mean of the ``values (B, B)`` inside the mask; 0 if the mask is empty."""
    weights = weights * mask
    total = weights.sum()
    # an empty mask has numerator 0 and total 0; the clamp makes the quotient 0 instead of NaN
    return (weights * values).sum() / total.clamp_min(torch.finfo(total.dtype).tiny)


class OSMCAALoss(nn.Module):
    """Module version of `osm_caa_loss`.

    Args:
        alpha: margin of negative pairs.
        l: weight of the negative term.
        sigma: width of the Gaussian that weights positive pairs.
    """

    def __init__(self, alpha: float = 1.2, l: float = 0.5, sigma: float = 0.8) -> None:  # noqa: E741 - see above
        super().__init__()
        self.alpha, self.l, self.sigma = alpha, l, sigma

    def forward(self, embeddings: Tensor, pids: Tensor, class_vectors: Tensor) -> Tensor:
        """Return the loss of ``embeddings (B, D)`` for ``pids (B,)`` and ``class_vectors (K, D)``."""
        return osm_caa_loss(embeddings, pids, class_vectors, alpha=self.alpha, l=self.l, sigma=self.sigma)
