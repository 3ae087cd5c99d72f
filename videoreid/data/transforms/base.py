"""A clip transform: steps that share their random draws over the frames of a clip.

Everything works on uint8 ``(T, 3, H, W)`` and draws from a NumPy generator that is passed in, so that a clip's
augmentation depends on (seed, epoch, index) alone. The pixel arithmetic is torchvision's (`transforms.v2.functional`).
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from videoreid.data.transforms.planes import stack_frames, to_planes
from videoreid.errors import FrameError

__all__ = ["ClipStep", "ClipTransform", "as_tensors"]


class ClipStep(Protocol):
    """One step of a clip transform."""

    def __call__(self, frames: Tensor, generator: np.random.Generator) -> Tensor:
        """Transform ``(T, 3, H, W)`` uint8 frames; the input may be changed in place.

        Pixels are usually interleaved in memory (channels last), as decoders return them; any order may be returned.
        """


class ClipTransform:
    """A chain of steps.

    Args:
        steps: in the order of application. Frames of mixed sizes are accepted if the first step resizes.

    Example:
        >>> import numpy as np
        >>> from videoreid.data.transforms import HorizontalFlip, Resize
        >>> transform = ClipTransform([Resize((256, 128)), HorizontalFlip()])
        >>> frames = [np.zeros((64, 32, 3), np.uint8)] * 4
        >>> transform(frames, np.random.default_rng(0)).shape
        torch.Size([4, 3, 256, 128])
    """

    def __init__(self, steps: Sequence[ClipStep]) -> None:
        self.steps = tuple(steps)

    def __call__(self, frames: Sequence[np.ndarray] | Tensor, generator: np.random.Generator) -> Tensor:
        """Transform the frames of one clip.

        Args:
            frames: one ``(H, W, 3)`` uint8 RGB array per frame, or ``(T, 3, H, W)`` uint8.
            generator: source of the random draws of every step.

        Returns:
            ``(T, 3, H', W')`` uint8, contiguous, sharing no memory with the input.

        Raises:
            FrameError: frames of mixed sizes and no step that resizes them.
        """
        tensors = as_tensors(frames)
        steps = self.steps
        if steps and hasattr(steps[0], "resize_mixed"):
            clip = steps[0].resize_mixed(tensors, generator)
            steps = steps[1:]
        else:
            sizes = {tuple(frame.shape[1:]) for frame in tensors}
            if len(sizes) > 1:
                raise FrameError(
                    f"frames of mixed sizes in one clip: {sorted(sizes)} (height, width); begin the transform with "
                    "Resize"
                )
            clip = stack_frames(tensors)
        for step in steps:
            clip = step(clip, generator)
        return to_planes(clip)

    def __repr__(self) -> str:
        return f"ClipTransform([{', '.join(repr(step) for step in self.steps)}])"


def as_tensors(frames: Sequence[np.ndarray] | Tensor) -> list[Tensor]:
    """View frames, ``(H, W, 3)`` arrays or ``(T, 3, H, W)``, as a list of ``(3, H, W)`` tensors."""
    if isinstance(frames, Tensor):
        return list(frames.unbind(0))
    return [torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1) for frame in frames]
