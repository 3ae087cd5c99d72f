"""Supervised contrastive loss within one set of vectors or between two sets."""

import torch
from torch import Tensor
from torch.nn import functional as F

from videoreid.errors import ConfigError
from videoreid.losses._checks import check_batch

__all__ = ["supervised_contrastive_loss"]


def supervised_contrastive_loss(
    vectors: Tensor,
    pids: Tensor,
    others: Tensor | None = None,
    other_pids: Tensor | None = None,
    *,
    temperature: float = 0.07,
    normalise: bool = True,
) -> Tensor:
    """Return the negative log-probability of the positives: the mean over an anchor's positives, then over anchors.

    Without ``others`` every anchor is compared with all other anchors. With ``others`` every anchor is compared with
    all of ``others``: CLIP-ReID's first stage is the sum of the losses from images to texts and from texts to images,
    with temperature 1 and vectors that are not normalised. Anchors without a positive are left out; a batch without
    any positive gives 0 with a zero gradient.

    Args:
        vectors: ``(B, D)`` float, the anchors.
        pids: ``(B,)`` int64.
        others: ``(M, D)`` float, the vectors to compare with; None takes ``vectors``.
        other_pids: ``(M,)`` int64, the identities of ``others``.
        temperature: divisor of the similarities, greater than 0.
        normalise: compare by cosine similarity; False takes the dot product of the unnormalised vectors.

    Returns:
        A scalar.

    Raises:
        ConfigError: other shapes, an empty batch, only one of ``others`` and ``other_pids``, or a temperature of 0 or
            less.

    Reference:
        Khosla et al., Supervised Contrastive Learning, NeurIPS 2020, equation 2. https://arxiv.org/abs/2004.11362;
        Li et al., CLIP-ReID, AAAI 2023, equations 3 and 4.
    """
    check_batch(vectors, pids, "vectors")
    if (others is None) != (other_pids is None):
        raise ConfigError("others and other_pids belong together: give both, or neither")
    if temperature <= 0:
        raise ConfigError(f"temperature must be greater than 0, got {temperature}")
    itself = others is None or other_pids is None
    if others is None or other_pids is None:
        others, other_pids = vectors, pids
    check_batch(others, other_pids, "others")
    if normalise:
        vectors, others = F.normalize(vectors, dim=1), F.normalize(others, dim=1)
    logits = vectors @ others.t() / temperature  # (B, M)
    positive = pids[:, None] == other_pids[None]
    if itself:
        diagonal = torch.eye(len(pids), dtype=torch.bool, device=pids.device)
        positive = positive & ~diagonal
        logits = logits.masked_fill(diagonal, -torch.inf)
    log_probabilities = logits.log_softmax(1)
    sums = torch.where(positive, log_probabilities, 0.0).sum(1)
    counts = positive.sum(1)
    anchors = counts > 0
    means = sums / counts.clamp_min(1)
    return -(means * anchors).sum() / anchors.sum().clamp_min(1)
