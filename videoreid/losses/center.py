"""Centre loss: it pulls every embedding towards the learnt centre of its identity."""

import torch
from torch import Tensor, nn

from videoreid.errors import ConfigError
from videoreid.losses._checks import check_batch, check_labels

__all__ = ["CenterLoss", "center_loss"]


def center_loss(embeddings: Tensor, pids: Tensor, centers: Tensor) -> Tensor:
    """Return the mean squared distance of each embedding to the centre of its identity.

    Squared distances are clamped to 1e-12 .. 1e12, as published: outside this range an embedding gets no gradient.

    Args:
        embeddings: ``(B, D)`` float.
        pids: ``(B,)`` int64 in ``0 .. K-1``.
        centers: ``(K, D)`` float.

    Returns:
        A scalar.

    Raises:
        ConfigError: other shapes, an empty batch, or a label without a centre.

    Reference:
        Wen et al., A Discriminative Feature Learning Approach for Deep Face Recognition, ECCV 2016, equation 2
        (here without the factor 1/2, and averaged over the batch).
    """
    check_batch(embeddings, pids, "embeddings")
    if centers.ndim != 2 or centers.shape[1] != embeddings.shape[1]:
        raise ConfigError(
            f"expected centers (K, {embeddings.shape[1]}), as wide as the embeddings, got {tuple(centers.shape)}"
        )
    check_labels(pids, len(centers))
    squares = (embeddings - centers[pids]).square().sum(1)  # (B, D) -> (B,)
    return squares.clamp(1e-12, 1e12).mean()


class CenterLoss(nn.Module):
    """Module version of `center_loss` that owns the centres.

    Train the centres with a separate optimiser, see `videoreid.optim.build_center_optimizer`.

    Args:
        num_classes: identities K.
        dim: width D of the embeddings.
    """

    def __init__(self, num_classes: int, dim: int) -> None:
        super().__init__()
        self.centers = nn.Parameter(torch.randn(num_classes, dim))

    def forward(self, embeddings: Tensor, pids: Tensor) -> Tensor:
        """Return the loss of ``embeddings (B, D)`` for ``pids (B,)``."""
        return center_loss(embeddings, pids, self.centers)
