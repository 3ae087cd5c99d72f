"""InfoNCE over the frames of one person: what is seen at one moment, against what is seen at the others."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from videoreid.errors import ConfigError
from videoreid.types import Clip, ReIDOutput

__all__ = ["FrameInfoNCETerm", "frame_info_nce_loss"]

_FRAMES = 4


def frame_info_nce_loss(
    frames: Tensor, pids: Tensor, temperature: float = 0.07, *, instances: int = 4
) -> Tensor:
    """Return the InfoNCE loss of the frames of each identity, summed over the identities of the batch.

    Frames with the same place in different clips of a person are positives, frames with another place, in the same or
    another clip, are negatives; other positives stay out of the denominator. The mean is over ordered positive pairs.
    Clips of eight frames are cut in two of four first, as published, so that a group holds half as many clips.

    Args:
        frames: ``(B, T, D)`` float, one vector a frame.
        pids: ``(B,)`` int64; the clips of an identity stand together, ``instances`` of each.
        temperature: by which cosine similarities are divided.
        instances: clips per identity K of the P x K batch.

    Returns:
        A scalar.

    Raises:
        ConfigError: other shapes; fewer than two clips or frames; clips of an identity that do not stand together.

    Reference:
        Bai et al., Salient-to-Broad Transition for Video Person Re-identification, CVPR 2022 (there with weight 0.001).
    """
    if frames.ndim != 3 or pids.shape != frames.shape[:1] or frames.shape[1] < 2:
        raise ConfigError(
            f"expected frames (B, T, D) of two frames or more and pids (B,), got {tuple(frames.shape)} and "
            f"{tuple(pids.shape)}"
        )
    if instances < 2 or len(frames) == 0 or len(frames) % instances:
        raise ConfigError(
            f"a batch of {len(frames)} clips is no multiple of {instances} clips an identity (two or more): sample "
            "P x K batches and give K as instances"
        )
    if pids.device.type == "cpu" and bool(
        (pids.view(-1, instances) != pids.view(-1, instances)[:, :1]).any()
    ):
        raise ConfigError(
            f"the clips of an identity must stand together, {instances} of each, got {pids.tolist()}"
        )
    if frames.shape[1] == 2 * _FRAMES:
        frames = frames.unflatten(1, (2, _FRAMES)).flatten(0, 1)
    rows = F.normalize(frames, dim=2).unflatten(0, (-1, instances)).transpose(1, 2)  # (P, T, K, D)
    length = rows.shape[1]
    rows = rows.flatten(1, 2)
    logits = rows @ rows.transpose(1, 2) / temperature  # (P, T * K, T * K)
    place = torch.arange(length, device=frames.device).repeat_interleave(instances)
    same = place[:, None] == place[None]
    others = logits.masked_fill(same, -torch.inf).logsumexp(2, keepdim=True)
    log_probabilities = logits - torch.logaddexp(others, logits)
    positive = same & ~torch.eye(len(place), dtype=torch.bool, device=frames.device)
    return -torch.where(positive, log_probabilities, 0.0).sum() / positive.sum()


class FrameInfoNCETerm(nn.Module):
    """Frame InfoNCE of one of a model's extras.

    Args:
        extra: key of ``output.extras`` that holds ``(B, T, D)``.
        temperature: by which cosine similarities are divided.
        instances: clips per identity K of the P x K batch.
    """

    def __init__(
        self, extra: str = "projected_frames", temperature: float = 0.07, *, instances: int = 4
    ) -> None:
        super().__init__()
        self.extra, self.temperature, self.instances = extra, temperature, instances

    def forward(self, output: ReIDOutput, clip: Clip) -> Tensor:
        """Return the scalar loss of the named extra ``(B, T, D)``.

        Raises:
            ConfigError: the model does not return it.
        """
        if self.extra not in output.extras:
            raise ConfigError(
                f"output.extras lacks {self.extra!r}: train a network that returns a vector for each frame"
            )
        return frame_info_nce_loss(
            output.extras[self.extra], clip.pid, self.temperature, instances=self.instances
        )
