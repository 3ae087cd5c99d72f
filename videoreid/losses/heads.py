"""Sum or mean of a loss over several heads of a network."""

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

from videoreid.errors import ConfigError

__all__ = ["Reduction", "over_heads"]

Reduction = Literal["mean", "sum", "half_first"]


def over_heads(
    loss: Callable[[Tensor, Tensor], Tensor],
    heads: Sequence[Tensor],
    pids: Tensor,
    reduction: Reduction = "mean",
) -> Tensor:
    """Return the mean, the sum or another combination of a loss over the heads of a network.

    Args:
        loss: ``(head, pids) -> scalar``.
        heads: one tensor ``(B, ...)`` per head.
        pids: ``(B,)`` int64.
        reduction: "mean" (deep supervision, PSTA, MRA), "sum" (GCM, PCB of st-ReID), or "half_first": the mean of the
            first head's loss and of the mean loss of the others (TransReID); a single head has weight 1.

    Returns:
        A scalar.

    Raises:
        ConfigError: no head, or an unknown reduction.
    """
    if reduction not in ("mean", "sum", "half_first"):
        raise ConfigError(f"unknown reduction {reduction!r}; choose 'mean', 'sum' or 'half_first'")
    if not heads:
        raise ConfigError(
            "the model returned no head for this loss; build it with num_classes > 0 and train in train mode"
        )
    values = torch.stack([loss(head, pids) for head in heads])
    if reduction == "half_first" and len(values) > 1:
        return (values[0] + values[1:].mean()) / 2
    return values.sum() if reduction == "sum" else values.mean()
