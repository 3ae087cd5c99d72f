"""Checks and masks that every loss on a batch of identities shares."""

import torch
from torch import Tensor

from videoreid.errors import ConfigError

__all__ = ["check_batch", "check_labels", "positive_and_negative_pairs", "safe_sqrt", "same_identity"]


def check_batch(vectors: Tensor, pids: Tensor, name: str) -> None:
    """Refuse anything but ``(B, D)`` with ``(B,)`` labels and one row or more.

    Args:
        vectors: what the loss compares.
        pids: identity of each row.
        name: what ``vectors`` is called in the message ("embeddings", "logits").

    Raises:
        ConfigError: another shape, or an empty batch.
    """
    if vectors.ndim != 2 or pids.shape != vectors.shape[:1]:
        raise ConfigError(
            f"expected {name} (B, D) and pids (B,), got {tuple(vectors.shape)} and {tuple(pids.shape)}"
        )
    if len(vectors) == 0:
        raise ConfigError(f"{name} of an empty batch: a loss needs one row or more")


def check_labels(pids: Tensor, num_classes: int) -> None:
    """Refuse labels ``(B,)`` outside ``0 .. num_classes - 1``; on an accelerator the kernel refuses them.

    Raises:
        ConfigError: a label is out of range.
    """
    if pids.device.type != "cpu":
        return  # reading the labels back would make every step wait for the device
    bad = (pids < 0) | (pids >= num_classes)
    if bool(bad.any()):
        raise ConfigError(
            f"label {int(pids[bad][0])} is outside 0..{num_classes - 1}: training pids must be relabelled 0..K-1 and "
            "the loss built for K classes"
        )


def same_identity(pids: Tensor) -> Tensor:
    """Return ``(B, B)`` bool: rows of one person, the diagonal included."""
    return pids.unsqueeze(0) == pids.unsqueeze(1)


def positive_and_negative_pairs(pids: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``(positive, negative)`` masks ``(B, B)``: pairs of one person without the diagonal, and all others."""
    same = same_identity(pids)
    itself = torch.eye(len(pids), dtype=torch.bool, device=pids.device)
    return same & ~itself, ~same


def safe_sqrt(squares: Tensor) -> Tensor:
    """Return the square root ``(...)`` with a floor of 1e-12 under it: at 0 its gradient is infinite."""
    return squares.clamp_min(1e-12).sqrt()
