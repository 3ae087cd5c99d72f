"""Images of several forms as a list of RGB arrays, and small versions of them for measuring."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch

from videoreid.errors import ConfigError

__all__ = ["GRID", "Images", "as_images", "luminance", "shrink"]

Images = np.ndarray | torch.Tensor | Sequence[np.ndarray]
GRID = (48, 24)
"""Height and width at which regions are measured; a person is about half as wide as the box."""
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def as_images(images: Images) -> list[np.ndarray]:
    """Return N arrays ``(H, W, 3)`` uint8 RGB.

    Args:
        images: an array ``(N, H, W, 3)``, a tensor ``(N, 3, H, W)``, or a sequence of arrays ``(H, W, 3)`` of any
            sizes; always uint8 RGB.

    Raises:
        ConfigError: another shape or type.
    """
    if isinstance(images, torch.Tensor):
        if images.ndim != 4 or images.shape[1] != 3 or images.dtype != torch.uint8:
            raise ConfigError(
                f"a tensor of images must be (N, 3, H, W) uint8, got {tuple(images.shape)} {images.dtype}"
            )
        return list(images.detach().cpu().permute(0, 2, 3, 1).contiguous().numpy())
    if isinstance(images, np.ndarray) and (images.ndim != 4 or images.shape[-1] != 3):
        raise ConfigError(f"an array of images must be (N, H, W, 3) uint8, got {images.shape}")
    found = [np.asarray(image) for image in images]
    for place, image in enumerate(found):
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise ConfigError(
                f"image {place} must be (H, W, 3) uint8 RGB with pixels in it, got {image.shape} {image.dtype}"
            )
    return found


def shrink(images: Sequence[np.ndarray], size: tuple[int, int] = GRID) -> np.ndarray:
    """Return all images at one small size, ``(N, h, w, 3)`` float32 in 0..255."""
    small = np.empty((len(images), *size, 3), np.float32)
    for place, image in enumerate(images):
        method = cv2.INTER_AREA if image.shape[0] >= size[0] else cv2.INTER_LINEAR
        small[place] = cv2.resize(image, (size[1], size[0]), interpolation=method)
    return small


def luminance(rgb: np.ndarray) -> np.ndarray:
    """Return Y ``(...)`` float32 of RGB ``(..., 3)``, in the units of the input."""
    return np.asarray(rgb, dtype=np.float32) @ _LUMA
