"""Online hard example mining: cross-entropy of the pixels with the largest loss."""

import torch
from torch import Tensor
from torch.nn import functional as F

from videoreid.errors import ConfigError
from videoreid.parsing.losses import check_labels
from videoreid.parsing.tables import IGNORE

__all__ = ["ohem_cross_entropy"]


def ohem_cross_entropy(
    logits: Tensor, labels: Tensor, *, threshold: float = 0.7, min_kept: int = 100_000
) -> Tensor:
    """Return the mean cross-entropy of the pixels whose true class has a probability of ``threshold`` or less.

    If fewer than ``min_kept`` pixels are that hard, the hardest ``min_kept`` are used, or all if there are fewer.

    Args:
        logits: ``(B, C, H, W)``.
        labels: ``(B, H, W)`` integers; 255 is ignored.
        threshold: probability, 0 to 1.
        min_kept: smallest number of pixels used per batch, 1 or more.

    Raises:
        ConfigError: a number or a label out of range, or shapes that do not fit.

    Reference:
        Shrivastava et al., Training Region-based Object Detectors with Online Hard Example Mining, CVPR 2016,
        https://arxiv.org/abs/1604.03540
    """
    if not 0 <= threshold <= 1 or min_kept < 1:
        raise ConfigError(
            f"expected a threshold of 0 to 1 and min_kept of 1 or more, got {threshold} and {min_kept}"
        )
    check_labels(logits, labels)
    losses = F.cross_entropy(logits, labels.long(), ignore_index=IGNORE, reduction="none")
    losses = losses[labels != IGNORE]
    if not losses.numel():
        return logits.sum() * 0
    # p <= threshold is equivalent to -log p >= -log threshold
    hard = losses.detach() >= -torch.log(torch.tensor(threshold, device=losses.device))
    if int(hard.sum()) < min_kept:
        return losses.topk(min(min_kept, losses.numel())).values.mean()
    return losses[hard].mean()
