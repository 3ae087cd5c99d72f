"""Steps that change colours."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as F

__all__ = ["ColorJitter"]


@dataclass(frozen=True)
class ColorJitter:
    """Change brightness, contrast, saturation and hue by random factors, in random order.

    Args:
        brightness: the factor is drawn from ``1 - b .. 1 + b``; likewise the next two.
        contrast: see brightness.
        saturation: see brightness.
        hue: the shift is drawn from ``-h .. h``, a share of the colour circle, at most 0.5.
        p: probability of the change.
        per_frame: draw separately for every frame.
    """

    brightness: float = 0.2
    contrast: float = 0.15
    saturation: float = 0.0
    hue: float = 0.0
    p: float = 1.0
    per_frame: bool = False

    def __call__(self, frames: Tensor, generator: np.random.Generator) -> Tensor:
        """Change the colours of ``(T, 3, H, W)``."""
        if not self.per_frame:
            return self._jitter(frames, generator)
        return torch.stack([self._jitter(frame, generator) for frame in frames.unbind(0)])

    def _jitter(self, frames: Tensor, generator: np.random.Generator) -> Tensor:
        if generator.random() >= self.p:
            return frames
        operations = (
            (F.adjust_brightness, self.brightness, 1.0),
            (F.adjust_contrast, self.contrast, 1.0),
            (F.adjust_saturation, self.saturation, 1.0),
            (F.adjust_hue, self.hue, 0.0),
        )
        for position in generator.permutation(len(operations)):
            adjust, strength, centre = operations[position]
            if strength > 0:
                factor = generator.uniform(centre - strength, centre + strength)
                frames = adjust(frames, max(factor, 0.0) if centre else factor)
        return frames
