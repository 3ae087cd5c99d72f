"""Terms of a criterion: each applies a loss to one part of a model's output."""

from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn

from videoreid.errors import ConfigError
from videoreid.losses.frame_attention import frame_attention_loss
from videoreid.losses.heads import Reduction, over_heads
from videoreid.types import Clip, ReIDOutput

__all__ = ["FeatureTerm", "FrameAttentionTerm", "LogitTerm"]

Loss = Callable[[Tensor, Tensor], Tensor]


class LogitTerm(nn.Module):
    """A classification loss on the logits of every classifier head.

    Args:
        loss: ``(logits (B, K), pids (B,)) -> scalar``: `CrossEntropyLoss`, or a function.
        heads: "mean" or "sum" over the heads.
    """

    def __init__(self, loss: Loss, *, heads: Reduction = "mean") -> None:
        super().__init__()
        self.loss = loss
        self.heads: Reduction = heads

    def forward(self, output: ReIDOutput, clip: Clip) -> Tensor:
        """Return the scalar loss of ``output.logits``, ``(B, K)`` each."""
        return over_heads(self.loss, output.logits, clip.pid, self.heads)


class FeatureTerm(nn.Module):
    """A metric-learning loss on the features of the network's heads.

    Args:
        loss: ``(features (B, D), pids (B,)) -> scalar``: `TripletLoss`, `CircleLoss`, `CenterLoss`, or a function.
        heads: "mean" or "sum" over the heads.
        which: "all" heads, or only the "first" (for losses whose class centres have one width).

    Raises:
        ConfigError: an unknown ``which``.
    """

    def __init__(
        self, loss: Loss, *, heads: Reduction = "mean", which: Literal["all", "first"] = "all"
    ) -> None:
        super().__init__()
        if which not in ("all", "first"):
            raise ConfigError(f"unknown which {which!r}; choose 'all' or 'first'")
        self.loss = loss
        self.heads: Reduction = heads
        self.which = which

    def forward(self, output: ReIDOutput, clip: Clip) -> Tensor:
        """Return the scalar loss of all ``output.features``, ``(B, D)`` each, or of the first one."""
        features = output.features if self.which == "all" else output.features[:1]
        return over_heads(self.loss, features, clip.pid, self.heads)


class FrameAttentionTerm(nn.Module):
    """Frame-attention loss of ``extras["frame_scores"]`` for ``extras["erased"]``.

    The model returns the scores. The code that erases the frames (a transform on the device, in an overridden
    `Engine.step`) adds the mask ``(B, T)`` to the extras.
    """

    def forward(self, output: ReIDOutput, clip: Clip) -> Tensor:
        """Return the scalar loss of these two extras, ``(B, T)`` each.

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
