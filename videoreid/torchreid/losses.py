"""torchreid's losses, with its names and arguments."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from videoreid.losses import TripletLoss, cross_entropy_loss

__all__ = ["CrossEntropyLoss", "DeepSupervision", "TripletLoss"]


class CrossEntropyLoss(nn.Module):
    """Cross-entropy with smoothed labels.

    Args:
        num_classes: number of training identities K; an attribute only, the loss takes K from the logits.
        eps: share of the target that is spread over all classes.
        use_gpu: accepted and ignored: the loss runs where the logits are.
        label_smooth: smooth the labels.
    """

    def __init__(
        self,
        num_classes: int,
        eps: float = 0.1,
        use_gpu: bool = True,  # noqa: FBT001, FBT002 - torchreid's signature
        label_smooth: bool = True,  # noqa: FBT001, FBT002
    ) -> None:
        super().__init__()
        del use_gpu
        self.num_classes = num_classes
        self.eps = eps if label_smooth else 0.0

    def forward(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of logits ``(B, K)`` for labels ``(B,)``."""
        return cross_entropy_loss(inputs, targets, self.eps)


def DeepSupervision(  # noqa: N802 - torchreid's name
    criterion: Callable[[Tensor, Tensor], Tensor], xs: Sequence[Tensor], y: Tensor
) -> Tensor:
    """Return the mean of a loss over several heads.

    Args:
        criterion: ``(head, labels) -> scalar``.
        xs: one tensor per head.
        y: ``(B,)`` labels.
    """
    return torch.stack([criterion(x, y) for x in xs]).mean()
