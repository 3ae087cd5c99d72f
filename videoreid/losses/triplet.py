"""Triplet loss over all anchors of a batch, with batch-hard or batch-all mining."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from videoreid.errors import ConfigError
from videoreid.functional import cosine_distance, squared_euclidean_distance
from videoreid.losses._checks import check_batch, positive_and_negative_pairs, safe_sqrt, same_identity

__all__ = ["TripletLoss", "triplet_loss"]

Distance = Literal["euclidean", "cosine"]
Mining = Literal["hard", "all"]


def triplet_loss(
    embeddings: Tensor,
    pids: Tensor,
    margin: float | None = 0.3,
    distance: Distance = "euclidean",
    *,
    mining: Mining = "hard",
) -> Tensor:
    """Return the triplet loss of a batch in which every row is an anchor.

    Batch hard takes the farthest positive and the nearest negative of each anchor and averages over the anchors; the
    anchor counts as its own positive, at distance 0. Batch all averages over the triplets with a positive loss. Without
    negatives (a batch of one identity), or in batch all without positives, the loss is 0 with a zero gradient.

    Args:
        embeddings: ``(B, D)`` float.
        pids: ``(B,)`` int64.
        margin: m of ``max(0, d_ap - d_an + m)``; None is the soft margin ``ln(1 + exp(d_ap - d_an))``.
        distance: "euclidean" on unnormalised rows, or "cosine": ``max(0, s_an - s_ap + m)`` on cosine similarities.
        mining: "hard" or "all".

    Returns:
        A scalar.

    Raises:
        ConfigError: other shapes, an empty batch, or an unknown distance or mining.

    Reference:
        Hermans et al., In Defense of the Triplet Loss, 2017, equations 5 and 6. https://arxiv.org/abs/1703.07737
    """
    check_batch(embeddings, pids, "embeddings")
    distances = _distances(embeddings, distance)
    if mining == "hard":
        gaps = _hard_gaps(distances, same_identity(pids))
    elif mining == "all":
        gaps = _all_gaps(distances, pids)
    else:
        raise ConfigError(f"unknown mining {mining!r}; choose 'hard' or 'all'")
    if gaps.numel() == 0:
        return embeddings.sum() * 0.0  # stays in the graph, so that a backward pass is possible
    if margin is None:
        return F.softplus(gaps).mean()
    losses = (gaps + margin).clamp_min(0.0)
    return losses.mean() if mining == "hard" else losses.sum() / (losses > 0).sum().clamp_min(1)


def _distances(embeddings: Tensor, distance: str) -> Tensor:
    if distance == "euclidean":
        return safe_sqrt(squared_euclidean_distance(embeddings, embeddings))
    if distance == "cosine":
        return cosine_distance(embeddings, embeddings)
    raise ConfigError(f"unknown distance {distance!r}; choose 'euclidean' or 'cosine'")


def _hard_gaps(distances: Tensor, same: Tensor) -> Tensor:
    """Return ``d_ap - d_an`` of every anchor with a negative: ``(B,)``, or ``(0,)`` in a batch of one identity."""
    hardest_positive = distances.masked_fill(~same, -torch.inf).amax(1)
    hardest_negative = distances.masked_fill(same, torch.inf).amin(1)
    has_negative = ~same.all(1)  # the same for all rows: false in a batch of one identity
    return (hardest_positive - hardest_negative)[has_negative]


def _all_gaps(distances: Tensor, pids: Tensor) -> Tensor:
    """Return ``d_ap - d_an`` of every valid triplet as one axis; at most ``B^3`` values."""
    positive, negative = positive_and_negative_pairs(pids)
    gaps = distances.unsqueeze(2) - distances.unsqueeze(1)  # (B, B) -> (anchor, positive, negative)
    return gaps[positive.unsqueeze(2) & negative.unsqueeze(1)]


class TripletLoss(nn.Module):
    """Module version of `triplet_loss`.

    Args:
        margin: m, or None for the soft margin.
        distance: "euclidean" or "cosine".
        mining: "hard" or "all".
    """

    def __init__(
        self, margin: float | None = 0.3, distance: Distance = "euclidean", *, mining: Mining = "hard"
    ) -> None:
        super().__init__()
        self.margin = margin
        self.distance: Distance = distance
        self.mining: Mining = mining

    def forward(self, embeddings: Tensor, pids: Tensor) -> Tensor:
        """Return the loss of ``embeddings (B, D)`` for ``pids (B,)``."""
        return triplet_loss(embeddings, pids, self.margin, self.distance, mining=self.mining)
