"""The Lovász-softmax loss: a differentiable surrogate of the intersection over union."""

import torch
from torch import Tensor

from videoreid.parsing.losses import check_labels
from videoreid.parsing.tables import IGNORE

__all__ = ["lovasz_softmax_loss"]


def lovasz_softmax_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the Lovász extension of the Jaccard loss of the softmax, averaged over the classes in the batch.

    Args:
        logits: ``(B, C, H, W)``.
        labels: ``(B, H, W)`` integers; 255 is ignored.

    Returns:
        A scalar in 0..1; 0 if every pixel is ignored.

    Raises:
        ConfigError: a label out of range, or shapes that do not fit.

    Reference:
        Berman et al., The Lovász-Softmax Loss: A Tractable Surrogate for the Optimization of the
        Intersection-over-Union Measure in Neural Networks, CVPR 2018, https://arxiv.org/abs/1705.08790
    """
    check_labels(logits, labels)
    kept = labels != IGNORE
    truth = labels[kept].long()
    probabilities = logits.movedim(1, -1)[kept].softmax(1)  # (P, C)
    losses = []
    for label in truth.unique():
        is_class = (truth == label).to(probabilities.dtype)
        errors = (is_class - probabilities[:, label]).abs()
        errors, order = errors.sort(descending=True)
        losses.append(errors @ _jaccard_steps(is_class[order]))
    return torch.stack(losses).mean() if losses else logits.sum() * 0


def _jaccard_steps(is_class: Tensor) -> Tensor:
    """Return by how much each next wrong pixel, worst first, increases the Jaccard loss, ``(P,)``."""
    total = is_class.sum()
    intersection = total - is_class.cumsum(0)
    union = total + (1 - is_class).cumsum(0)
    jaccard = 1 - intersection / union
    return torch.cat([jaccard[:1], jaccard.diff()])
