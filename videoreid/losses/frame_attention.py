"""Frame-attention loss: it lowers the attention scores of erased frames."""

from torch import Tensor, nn

from videoreid.errors import ConfigError

__all__ = ["FrameAttentionLoss", "frame_attention_loss"]


def frame_attention_loss(frame_scores: Tensor, erased: Tensor) -> Tensor:
    """Return the summed attention scores of the erased frames, averaged over the clips.

    Args:
        frame_scores: ``(B, T)`` float, at least 0: the scores before the softmax over time.
        erased: ``(B, T)`` 0 or 1, or bool: which frames were erased.

    Returns:
        A scalar; 0 if no frame was erased.

    Raises:
        ConfigError: shapes that differ, or an empty batch.

    Reference:
        Pathak et al., Video Person Re-ID: Fantastic Techniques and Where to Find Them, AAAI 2020 (student abstract),
        attention loss. https://arxiv.org/abs/1912.05295
    """
    if frame_scores.ndim != 2 or frame_scores.shape != erased.shape or len(frame_scores) == 0:
        raise ConfigError(
            f"expected frame_scores and erased (B, T), got {tuple(frame_scores.shape)} and {tuple(erased.shape)}"
        )
    return (frame_scores * erased.to(frame_scores.dtype)).sum(1).mean()


class FrameAttentionLoss(nn.Module):
    """Module version of `frame_attention_loss`."""

    def forward(self, frame_scores: Tensor, erased: Tensor) -> Tensor:
        """Return the loss of ``frame_scores (B, T)`` for ``erased (B, T)``."""
        return frame_attention_loss(frame_scores, erased)
