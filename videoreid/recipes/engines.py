"""Engines with another training step: random frames are erased, or every frame is a sample of its own."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from videoreid.engine import Engine
from videoreid.functional import normalise_frames
from videoreid.types import Clip
from videoreid.utils import generator_from

__all__ = ["ErasingEngine", "FrameEngine", "erase_frames"]

_FILL = (0.485, 0.456, 0.406)
_ATTEMPTS = 100


def erase_frames(
    frames: Tensor, generator: np.random.Generator, *, share: float = 0.5
) -> tuple[Tensor, Tensor]:
    """Overwrite a random rectangle in randomly chosen frames of a batch.

    A rectangle covers 2 to 40 % of the frame; its ratio of height to width is 0.3 to 1 / 0.3. Its position is uniform
    over the frame, borders included. As published, the fill is the mean colour of ImageNet, written into frames that
    are already normalised.

    Args:
        frames: ``(B, T, 3, H, W)`` float, normalised.
        generator: source of the random draws.
        share: probability that a frame is erased, 0..1.

    Returns:
        A copy of the frames ``(B, T, 3, H, W)``, and the mask ``(B, T)``, bool, True for erased frames.

    Reference:
        Pathak et al., Video Person Re-ID: Fantastic Techniques and Where to Find Them, AAAI 2020;
        Zhong et al., Random Erasing Data Augmentation, AAAI 2020.
    """
    frames, (height, width) = frames.clone(), frames.shape[-2:]
    erased = torch.from_numpy(generator.random(frames.shape[:2]) < share)
    fill = frames.new_tensor(_FILL).view(3, 1, 1)
    for clip, frame in erased.nonzero().tolist():
        for _ in range(_ATTEMPTS):
            area = height * width * generator.uniform(0.02, 0.4)
            aspect = generator.uniform(0.3, 1 / 0.3)
            h, w = round((area * aspect) ** 0.5), round((area / aspect) ** 0.5)
            if 0 < h < height and 0 < w < width:
                top, left = generator.integers(height - h + 1), generator.integers(width - w + 1)
                frames[clip, frame, :, top : top + h, left : left + w] = fill
                break
        else:
            erased[clip, frame] = False
    return frames, erased.to(frames.device)


class ErasingEngine(Engine):
    """An engine that erases random frames on the device and passes the mask to the criterion.

    The mask is ``output.extras["erased"]``, which the frame-attention loss reads.

    Args:
        args: as for `Engine`.
        share: probability that a frame is erased, 0..1.
        seed: decides the draws, together with epoch and batch.
        options: as for `Engine`.
    """

    def __init__(self, *args: Any, share: float, seed: int, **options: Any) -> None:
        super().__init__(*args, **options)
        self.share, self.seed = share, seed

    def step(self, clip: Clip) -> dict[str, Tensor]:
        """Return the scalar losses of one batch after some of its frames are erased."""
        model: Any = self.model
        normal = normalise_frames(clip.frames, model.pixel_mean, model.pixel_std)
        draws = generator_from(self.seed, self.progress.epoch, self.progress.batch)
        frames, erased = erase_frames(normal, draws, share=self.share)
        output = self.forward(clip._replace(frames=frames))
        return dict(self.losses(output._replace(extras={**output.extras, "erased": erased}), clip))


class FrameEngine(Engine):
    """An engine that trains on every frame of a clip as a separate sample, as torchreid's video engine does."""

    def step(self, clip: Clip) -> dict[str, Tensor]:
        """Return the scalar losses of the ``B * T`` frames of one batch."""
        frames = clip.frames.flatten(0, 1)[:, None]
        repeats = clip.frames.shape[1]
        names = ("pid", "camid", "time", "index")
        repeated = {name: getattr(clip, name).repeat_interleave(repeats) for name in names}
        single = clip._replace(frames=frames, **repeated)
        return dict(self.losses(self.forward(single), single))
