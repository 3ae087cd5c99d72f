"""Input checks and pair masks that the losses share."""

import torch
from torch import Tensor

from videoreid.errors import ConfigError

__all__ = ["check_batch", "check_labels", "positive_and_negative_pairs", "safe_sqrt", "same_identity"]


def check_batch(vectors: Tensor, pids: Tensor, name: str) -> None:
    """Raise unless ``vectors`` is ``(B, D)`` and ``pids`` is ``(B,)``, with B of 1 or more.

    Args:
        vectors: ``(B, D)``, the rows that the loss compares.
        pids: ``(B,)``, the identity of each row.
        name: name of ``vectors`` in the message ("embeddings", "logits").

    Raises:
        ConfigError: another shape, or an empty batch.
    """
    if vectors.ndim != 2 or pids.shape != vectors.shape[:1]:
        raise ConfigError(
            f"expected {name} (B, D) and pids (B,), got {tuple(vectors.shape)} and {tuple(pids.shape)}"
        )
    if len(vectors) == 0:
        raise ConfigError(f"{name} of an empty batch: a loss needs at least one row")


def check_labels(pids: Tensor, num_classes: int) -> None:
    """Raise if a label of ``pids (B,)`` is outside ``0 .. num_classes - 1``.

    On an accelerator this does nothing; there the kernel of the loss fails on such a label.

    Raises:
        ConfigError: a label is out of range.
    """
    if pids.device.type != "cpu":
        return  # copying the labels to the CPU would make every step wait for the device
    bad = (pids < 0) | (pids >= num_classes)
    if bool(bad.any()):
        raise ConfigError(
            f"label {int(pids[bad][0])} is outside 0..{num_classes - 1}: training pids must be relabelled 0..K-1 and "
            "the loss built for K classes"
        )


def same_identity(pids: Tensor) -> Tensor:
    """Return ``(B, B)`` bool: true where two rows have the same identity, the diagonal included."""
    return pids.unsqueeze(0) == pids.unsqueeze(1)


def positive_and_negative_pairs(pids: Tensor) -> tuple[Tensor, Tensor]:
    """Return the masks ``(positive, negative)``, ``(B, B)`` bool each; the diagonal is in neither of them."""
    same = same_identity(pids)
    itself = torch.eye(len(pids), dtype=torch.bool, device=pids.device)
    return same & ~itself, ~same


def safe_sqrt(squares: Tensor) -> Tensor:
    """Return the square root ``(...)`` of values clamped to at least 1e-12, because its gradient at 0 is infinite."""
    return squares.clamp_min(1e-12).sqrt()
