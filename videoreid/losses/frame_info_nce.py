"""InfoNCE over the frames of one person: frames at the same position of different clips are positives."""

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

    Frames with the same index in different clips of a person are positives. Frames with another index, in the same or
    another clip, are negatives. The denominator holds one positive and all negatives, not the other positives. The
    loss of an identity is the mean over its ordered positive pairs. Clips of eight frames are first cut into two clips
    of four, as published; a group of ``instances`` clips then comes from half as many clips of the batch.

    Args:
        frames: ``(B, T, D)`` float, one vector per frame.
        pids: ``(B,)`` int64; the ``instances`` clips of an identity are consecutive.
        temperature: divisor of the cosine similarities.
        instances: clips per identity K of the P x K batch.

    Returns:
        A scalar.

    Raises:
        ConfigError: other shapes; fewer than two clips or frames; clips of an identity that are not consecutive.

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
            f"a batch of {len(frames)} clips is no multiple of {instances} clips per identity (two or more): sample "
            "P x K batches and give K as instances"
        )
    if pids.device.type == "cpu" and bool(
        (pids.view(-1, instances) != pids.view(-1, instances)[:, :1]).any()
    ):
        raise ConfigError(
            f"the {instances} clips of an identity must be consecutive, got pids {pids.tolist()}"
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
    """Criterion term: frame InfoNCE of an entry of a model's extras.

    Args:
        extra: key of ``output.extras`` that holds ``(B, T, D)``.
        temperature: divisor of the cosine similarities.
        instances: clips per identity K of the P x K batch.
    """

    def __init__(
        self, extra: str = "projected_frames", temperature: float = 0.07, *, instances: int = 4
    ) -> None:
        super().__init__()
        self.extra, self.temperature, self.instances = extra, temperature, instances

    def forward(self, output: ReIDOutput, clip: Clip) -> Tensor:
        """Return the scalar loss of ``output.extras[extra]``, ``(B, T, D)``.

        Raises:
            ConfigError: the model does not return this entry.
        """
        if self.extra not in output.extras:
            raise ConfigError(
                f"output.extras lacks {self.extra!r}: train a network that returns a vector for each frame"
            )
        return frame_info_nce_loss(
            output.extras[self.extra], clip.pid, self.temperature, instances=self.instances
        )
