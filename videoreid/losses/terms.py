"""The terms of a criterion: they say which part of a model's output each loss looks at."""

from collections.abc import Callable

from torch import Tensor, nn

from videoreid.errors import ConfigError
from videoreid.losses.center import CenterLoss
from videoreid.losses.circle import CircleLoss
from videoreid.losses.cross_entropy import cross_entropy_loss
from videoreid.losses.frame_attention import frame_attention_loss
from videoreid.losses.heads import Reduction, over_heads
from videoreid.losses.osm_caa import OSMCAALoss
from videoreid.losses.triplet import Distance, Mining, TripletLoss
from videoreid.types import Clip, ReIDOutput

__all__ = ["CenterTerm", "CircleTerm", "FrameAttentionTerm", "OSMCAATerm", "SoftmaxTerm", "TripletTerm"]


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


class CircleTerm(nn.Module):
    """Circle loss of every metric-learning head.

    Args:
        margin: the relaxation.
        scale: gamma.
        heads: "mean" or "sum" over the heads.
    """

    def __init__(self, margin: float = 0.25, scale: float = 256.0, *, heads: Reduction = "mean") -> None:
        super().__init__()
        self.loss = CircleLoss(margin, scale)
        self.heads: Reduction = heads

    def forward(self, output: ReIDOutput, clip: Clip) -> Tensor:
        """Return the loss of ``output.features``."""
        return over_heads(self.loss, output.features, clip.pid, self.heads)


class CenterTerm(nn.Module):
    """Centre loss of the first metric-learning head; the centres are parameters of this term.

    Args:
        num_classes: identities K.
        dim: width D of the head.
    """

    def __init__(self, num_classes: int, dim: int) -> None:
        super().__init__()
        self.loss = CenterLoss(num_classes, dim)

    @property
    def centers(self) -> Tensor:
        """``(K, D)``, learnt."""
        return self.loss.centers

    def forward(self, output: ReIDOutput, clip: Clip) -> Tensor:
        """Return the loss of the first of ``output.features``."""
        return over_heads(self.loss, output.features[:1], clip.pid)


class OSMCAATerm(nn.Module):
    """Online soft mining with class-aware attention on the first metric-learning head.

    Args:
        class_vectors: returns ``(K, D)``: ``lambda: model.classifier.weight``, or ``lambda: center_term.centers`` for
            class centres. A function, because what it returns is learnt elsewhere and must not be learnt twice.
        alpha: margin of negative pairs.
        l: share of the negative term.
        sigma: width of the positive weights.
    """

    def __init__(
        self,
        class_vectors: Callable[[], Tensor],
        *,
        alpha: float = 1.2,
        l: float = 0.5,  # noqa: E741 - the name it is published under
        sigma: float = 0.8,
    ) -> None:
        super().__init__()
        self.class_vectors = class_vectors
        self.loss = OSMCAALoss(alpha, l, sigma)

    def forward(self, output: ReIDOutput, clip: Clip) -> Tensor:
        """Return the loss of the first of ``output.features``."""
        return over_heads(self._loss, output.features[:1], clip.pid)

    def _loss(self, features: Tensor, pids: Tensor) -> Tensor:
        loss: Tensor = self.loss(features, pids, self.class_vectors())
        return loss


class FrameAttentionTerm(nn.Module):
    """Frame-attention loss of ``extras["frame_scores"]`` for ``extras["erased"]``.

    The model gives the scores; who erases the frames (a transform on the device, in an overridden `Engine.step`) adds
    the ``(B, T)`` mask to the extras.
    """

    def forward(self, output: ReIDOutput, clip: Clip) -> Tensor:
        """Return the loss of the named extras.

        Raises:
            ConfigError: one of them is missing.
        """
        missing = [name for name in ("frame_scores", "erased") if name not in output.extras]
        if missing:
            raise ConfigError(
                f"output.extras lacks {' and '.join(missing)}: use a model with temporal attention, and add the "
                "mask of erased frames in Engine.step"
            )
        return frame_attention_loss(output.extras["frame_scores"], output.extras["erased"])
