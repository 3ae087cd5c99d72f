"""The terms of a criterion: they say which part of a model's output each loss looks at."""

from torch import Tensor, nn

from videoreid.losses.cross_entropy import cross_entropy_loss
from videoreid.losses.heads import Reduction, over_heads
from videoreid.losses.triplet import Distance, Mining, TripletLoss
from videoreid.types import Clip, ReIDOutput

__all__ = ["SoftmaxTerm", "TripletTerm"]


class SoftmaxTerm(nn.Module):
    """Cross-entropy of every classifier head.

    Args:
        label_smoothing: share of the target that is spread over all classes.
        heads: "mean" or "sum" over the heads.
    """

    def __init__(self, label_smoothing: float = 0.1, *, heads: Reduction = "mean") -> None:
        super().__init__()
        self.label_smoothing = label_smoothing
        self.heads: Reduction = heads

    def forward(self, output: ReIDOutput, clip: Clip) -> Tensor:
        """Return the loss of ``output.logits``."""
        return over_heads(self._loss, output.logits, clip.pid, self.heads)

    def _loss(self, logits: Tensor, pids: Tensor) -> Tensor:
        return cross_entropy_loss(logits, pids, self.label_smoothing)


class TripletTerm(nn.Module):
    """Triplet loss of every metric-learning head.

    Args:
        margin: m, or None for the soft margin.
        distance: "euclidean" or "cosine".
        mining: "hard" or "all".
        heads: "mean" or "sum" over the heads.
    """

    def __init__(
        self,
        margin: float | None = 0.3,
        *,
        distance: Distance = "euclidean",
        mining: Mining = "hard",
        heads: Reduction = "mean",
    ) -> None:
        super().__init__()
        self.loss = TripletLoss(margin, distance, mining=mining)
        self.heads: Reduction = heads

    def forward(self, output: ReIDOutput, clip: Clip) -> Tensor:
        """Return the loss of ``output.features``."""
        return over_heads(self.loss, output.features, clip.pid, self.heads)
