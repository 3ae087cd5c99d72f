"""Cross-entropy over identities, with label smoothing."""

from torch import Tensor, nn
from torch.nn import functional as F

from videoreid.losses._checks import check_batch, check_labels

__all__ = ["CrossEntropyLoss", "cross_entropy_loss"]


def cross_entropy_loss(logits: Tensor, pids: Tensor, label_smoothing: float = 0.1) -> Tensor:
    """Return the mean cross-entropy of the logits against smoothed labels.

    The target is ``(1 - e)`` for the right class, plus ``e / K`` for every class.

    Args:
        logits: ``(B, K)`` float.
        pids: ``(B,)`` int64 in ``0 .. K-1``.
        label_smoothing: e, in 0..1; 0 is plain cross-entropy.

    Returns:
        A scalar.

    Raises:
        ConfigError: other shapes, an empty batch, or a label outside ``0 .. K-1``.

    Reference:
        Szegedy et al., Rethinking the Inception Architecture, CVPR 2016, section 7. https://arxiv.org/abs/1512.00567
    """
    check_batch(logits, pids, "logits")
    check_labels(pids, logits.shape[1])
    return F.cross_entropy(logits, pids, label_smoothing=label_smoothing)


class CrossEntropyLoss(nn.Module):
    """Module version of `cross_entropy_loss`.

    Args:
        label_smoothing: share of the target that is spread over all classes.
    """

    def __init__(self, label_smoothing: float = 0.1) -> None:
        super().__init__()
        self.label_smoothing = label_smoothing

    def forward(self, logits: Tensor, pids: Tensor) -> Tensor:
        """Return the loss of ``logits (B, K)`` for ``pids (B,)``."""
        return cross_entropy_loss(logits, pids, self.label_smoothing)
