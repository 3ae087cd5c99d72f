"""Training steps that differ from the engine's: erased frames with their labels, and frames as samples of their own."""

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
    """Overwrite a random rectangle in some frames of a batch, and say in which.

    A rectangle covers 2 to 40 % of the frame at an aspect of 0.3 to 1 / 0.3. It may touch every border: its place is
    drawn from all that it fits into, the last ones included. As published, the fill is the mean colour of ImageNet
    written into frames that are normalised already.

    Args:
        frames: ``(B, T, 3, H, W)`` float, normalised.
        generator: where the draws come from.
        share: chance of a frame to be erased.

    Returns:
        The frames ``(B, T, 3, H, W)``, and the mask ``(B, T)`` bool of those erased.

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
    """Erases frames on the device and tells the criterion which, for the frame-attention loss.

    Args:
        args: as for `Engine`.
        share: chance of a frame to be erased.
        seed: names the draws, together with the number of the step.
        options: as for `Engine`.
    """

    def __init__(self, *args: Any, share: float, seed: int, **options: Any) -> None:
        super().__init__(*args, **options)
        self.share, self.seed = share, seed

    def step(self, clip: Clip) -> dict[str, Tensor]:
        """Return the scalar losses of one batch, some of its frames erased."""
        model: Any = self.model
        normal = normalise_frames(clip.frames, model.pixel_mean, model.pixel_std)
        draws = generator_from(self.seed, self.progress.epoch, self.progress.batch)
        frames, erased = erase_frames(normal, draws, share=self.share)
        output = self.forward(clip._replace(frames=frames))
        return dict(self.losses(output._replace(extras={**output.extras, "erased": erased}), clip))


class FrameEngine(Engine):
    """Trains on every frame of a clip as a sample of its own, as torchreid's video engine does."""

    def step(self, clip: Clip) -> dict[str, Tensor]:
        """Return the scalar losses of the ``B * T`` frames of one batch."""
        frames = clip.frames.flatten(0, 1)[:, None]
        repeats = clip.frames.shape[1]
        names = ("pid", "camid", "time", "index")
        repeated = {name: getattr(clip, name).repeat_interleave(repeats) for name in names}
        single = clip._replace(frames=frames, **repeated)
        return dict(self.losses(self.forward(single), single))
