"""Cross-entropy over one vector per identity (text features), and over logits among a model's extras."""

from torch import Tensor, nn

from videoreid.errors import ConfigError
from videoreid.losses.cross_entropy import cross_entropy_loss
from videoreid.types import Clip, ReIDOutput

__all__ = ["ClassVectorTerm", "ExtraLogitsTerm"]


class ClassVectorTerm(nn.Module):
    """Cross-entropy of the dot products between one head and a fixed vector per identity.

    CLIP-ReID's second stage uses it between projected image features and the text features of all identities.

    Args:
        vectors: ``(K, D)`` float; they are neither normalised nor trained.
        head: index into ``output.features``; -1 is the last.
        label_smoothing: share of the target that is spread over all classes.

    Raises:
        ConfigError: vectors of another shape; (in forward) a head of another width than the vectors.
    """

    vectors: Tensor

    def __init__(self, vectors: Tensor, *, head: int = -1, label_smoothing: float = 0.1) -> None:
        super().__init__()
        if vectors.ndim != 2:
            raise ConfigError(
                f"expected one vector for each identity (K, D), got shape {tuple(vectors.shape)}"
            )
        self.register_buffer("vectors", vectors.detach().clone())
        self.head, self.label_smoothing = head, label_smoothing

    def forward(self, output: ReIDOutput, clip: Clip) -> Tensor:
        """Return the scalar loss of the head ``(B, D)``."""
        features = output.features[self.head]
        if features.shape[1] != self.vectors.shape[1]:
            raise ConfigError(
                f"the class vectors are {self.vectors.shape[1]} wide, the head {features.shape[1]}: choose the head "
                "that has the width of the class vectors"
            )
        return cross_entropy_loss(features @ self.vectors.t(), clip.pid, self.label_smoothing)


class ExtraLogitsTerm(nn.Module):
    """Cross-entropy of logits that a model returns among its extras.

    Args:
        extra: key of ``output.extras``; it holds ``(B, K)``, or ``(B, T, K)`` for logits of frames.
        label_smoothing: share of the target that is spread over all classes.
        hint: advice for the error message if the model does not return these logits.
    """

    def __init__(self, extra: str, label_smoothing: float = 0.1, *, hint: str = "") -> None:
        super().__init__()
        self.extra, self.label_smoothing, self.hint = extra, label_smoothing, hint

    def forward(self, output: ReIDOutput, clip: Clip) -> Tensor:
        """Return the scalar loss: the mean over all clips, or over all frames for logits of frames.

        Raises:
            ConfigError: the model does not return these logits.
        """
        if self.extra not in output.extras:
            raise ConfigError(
                f"output.extras lacks {self.extra!r}: {self.hint or 'train a network that returns it'}"
            )
        logits = output.extras[self.extra]
        pids = clip.pid
        if logits.ndim == 3:
            pids = pids.repeat_interleave(logits.shape[1])
            logits = logits.flatten(0, 1)
        return cross_entropy_loss(logits, pids, self.label_smoothing)
