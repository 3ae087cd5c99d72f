"""The loss of CE2P: cross-entropy of the parsing heads and of the edge head."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from videoreid.errors import ConfigError
from videoreid.parsing.edges import edge_targets
from videoreid.parsing.tables import IGNORE

__all__ = ["edge_loss", "parsing_loss", "pixel_cross_entropy", "resize_logits"]


def parsing_loss(parsing_logits: Sequence[Tensor], edge_logits: Tensor, labels: Tensor) -> Tensor:
    """Return the published total: the cross-entropy of every parsing head plus the edge loss, each with weight 1.

    Args:
        parsing_logits: ``(B, C, h, w)`` of each head; they are resized to the labels.
        edge_logits: ``(B, 2, h, w)``.
        labels: ``(B, H, W)`` integers in 0 .. C-1; 255 is ignored.

    Raises:
        ConfigError: a label out of range, or shapes that do not fit.

    Reference:
        Ruan et al., Devil in the Details: Towards Accurate Single and Multiple Human Parsing, AAAI 2019.
    """
    if not parsing_logits:
        raise ConfigError("expected the logits of one parsing head or more, got none")
    heads = [pixel_cross_entropy(resize_logits(logits, labels), labels) for logits in parsing_logits]
    return torch.stack(heads).sum() + edge_loss(edge_logits, labels)


def pixel_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross-entropy of the pixels that are not ignored; 0 if all are ignored.

    Args:
        logits: ``(B, C, H, W)``.
        labels: ``(B, H, W)`` integers; 255 is ignored.

    Raises:
        ConfigError: a label out of range, or shapes that do not fit.
    """
    check_labels(logits, labels)
    total = F.cross_entropy(logits, labels.long(), ignore_index=IGNORE, reduction="sum")
    return total / (labels != IGNORE).sum().clamp_min(1)


def edge_loss(edge_logits: Tensor, labels: Tensor) -> Tensor:
    """Return the cross-entropy of the edge head, with equal total weight of edge pixels and other pixels.

    Each class is weighted by the share of the other class in this batch. A batch with only one of the two classes
    gives 0.

    Args:
        edge_logits: ``(B, 2, h, w)`` of "no edge" and "edge"; they are resized to the labels.
        labels: ``(B, H, W)`` part labels, from which the edges are computed.

    Raises:
        ConfigError: shapes that do not fit.
    """
    if edge_logits.ndim != 4 or edge_logits.shape[1] != 2:
        raise ConfigError(f"expected edge logits (B, 2, h, w), got {tuple(edge_logits.shape)}")
    edges = edge_targets(labels)
    share = edges.float().mean()
    weights = torch.where(edges == 1, 1 - share, share)
    losses = F.cross_entropy(resize_logits(edge_logits, labels), edges, reduction="none")
    return (weights * losses).sum() / weights.sum().clamp_min(torch.finfo(weights.dtype).tiny)


def resize_logits(logits: Tensor, labels: Tensor) -> Tensor:
    """Resize logits ``(B, C, h, w)`` bilinearly to the size of labels ``(B, H, W)``, with aligned corners.

    Raises:
        ConfigError: shapes that do not fit.
    """
    if logits.ndim != 4 or labels.ndim != 3 or len(logits) != len(labels):
        raise ConfigError(
            f"expected logits (B, C, h, w) and labels (B, H, W), got {tuple(logits.shape)} and {tuple(labels.shape)}"
        )
    if logits.shape[2:] == labels.shape[1:]:
        return logits
    return F.interpolate(logits, size=labels.shape[1:], mode="bilinear", align_corners=True)


def check_labels(logits: Tensor, labels: Tensor) -> None:
    """Refuse labels ``(B, H, W)`` that are not classes of the logits ``(B, C, H, W)``.

    Raises:
        ConfigError: a label out of range, or shapes that do not fit.
    """
    if labels.is_floating_point() or logits.shape[:1] + logits.shape[2:] != labels.shape:
        raise ConfigError(
            f"expected logits (B, C, H, W) and integer labels (B, H, W), got {tuple(logits.shape)} and {labels.dtype} "
            f"{tuple(labels.shape)}"
        )
    wrong = ((labels < 0) | (labels >= logits.shape[1])) & (labels != IGNORE)
    if bool(wrong.any()):
        raise ConfigError(
            f"label {int(labels[wrong][0])} is out of range: the logits have {logits.shape[1]} classes; expected 0 to "
            f"{logits.shape[1] - 1}, or {IGNORE} to ignore"
        )
