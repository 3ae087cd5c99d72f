"""Interleaved pixels, as decoders give them, to colour planes, as networks take them."""

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["stack_frames", "to_planes"]


def stack_frames(frames: Sequence[Tensor]) -> Tensor:
    """Stack frames of one size, ``(3, h, w)`` each, in the memory order they have.

    Views of decoded ``(h, w, 3)`` arrays become one clip in channels-last order, which resizes twice as fast.
    """
    pixels = [frame.permute(1, 2, 0) for frame in frames]
    if all(frame.is_contiguous() for frame in pixels):
        return torch.stack(pixels).permute(0, 3, 1, 2)
    return torch.stack(list(frames))


def to_planes(clip: Tensor) -> Tensor:
    """Return ``(T, 3, H, W)`` uint8 in contiguous order; OpenCV splits channels many times faster than PyTorch."""
    pixels = clip.permute(0, 2, 3, 1)
    if clip.is_contiguous() or not pixels.is_contiguous():
        return clip.contiguous()
    import cv2

    out = torch.empty_like(clip, memory_format=torch.contiguous_format)
    for frame, planes in zip(pixels.numpy(), out.numpy(), strict=True):
        cv2.split(frame, list(planes))
    return out
