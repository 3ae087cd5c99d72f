"""Contrast between the frames of one person: frames of the same place in a clip belong together, others do not."""

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from videoreid.errors import ConfigError
from videoreid.losses._labels import positive_and_negative_pairs, same_identity

__all__ = ["FrameInfoNCELoss", "frame_info_nce_loss"]


def frame_info_nce_loss(frames: Tensor, pids: Tensor, temperature: float = 0.07, *, group: int = 4) -> Tensor:
    """Return the InfoNCE loss that makes later frames of a clip say something else than earlier ones.

    Only clips of one person are compared. A frame and that of the same number in another clip are a positive pair,
    frames of other numbers, of the same clip too, its negatives; other positives are left out of the denominator.
    The loss is the mean over the pairs of a person, **summed** over the persons of the batch: so published.

    Args:
        frames: ``(B, T, D)`` float; compared by their cosine.
        pids: ``(B,)`` int64.
        temperature: by which cosines are divided.
        group: a longer clip is cut in groups of so many frames, each a clip of its own; T must be a multiple, or less.

    Returns:
        A scalar; 0 where no person has two clips.

    Raises:
        ConfigError: another shape, or a length that is not a multiple of the group.

    Reference:
        Bai et al., Salient-to-Broad Transition for Video Person Re-identification, CVPR 2022.
    """
    if frames.ndim != 3 or pids.shape != frames.shape[:1] or not len(pids):
        raise ConfigError(
            f"expected frames (B, T, D) and pids (B,), got {tuple(frames.shape)} and {tuple(pids.shape)}"
        )
    length = min(group, frames.shape[1])
    if frames.shape[1] % length:
        raise ConfigError(f"clips of {frames.shape[1]} frames cannot be cut in groups of {length}")
    clips = normalize(frames.float(), dim=2).unflatten(1, (-1, length))  # (B, T / t, t, D)
    pids = pids.repeat_interleave(clips.shape[1])
    numbers = torch.arange(length, device=pids.device).repeat(len(pids))
    logits = (rows := clips.flatten(0, 2)) @ rows.t() / temperature  # (N t, N t)
    pids = pids.repeat_interleave(length)
    related = same_identity(pids)
    same_number = same_identity(numbers)
    negatives = logits.masked_fill(~(related & ~same_number), -torch.inf).logsumexp(1, keepdim=True)
    positive = positive_and_negative_pairs(pids)[0] & same_number
    terms = torch.logaddexp(logits, negatives) - logits
    pairs = (positive & related).sum(1)  # of each frame; equal for the frames of one person
    total = torch.where(positive, terms, torch.zeros_like(terms)).sum(1)
    per_person = (related * pairs[:, None]).sum(0).clamp_min(1)  # pairs of the person that a row shows
    return (total / per_person).sum()


class FrameInfoNCELoss(nn.Module):
    """Module twin of `frame_info_nce_loss`.

    Args:
        temperature: by which cosines are divided.
    """

    def __init__(self, temperature: float = 0.07) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, frames: Tensor, pids: Tensor) -> Tensor:
        """Return the loss of ``frames (B, T, D)`` with ``pids (B,)``."""
        return frame_info_nce_loss(frames, pids, self.temperature)
