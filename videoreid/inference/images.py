"""Conversion of the images of trackers to uint8 pixels of one size."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from videoreid.errors import ConfigError
from videoreid.utils.pictures import decode_frame, read_bytes

__all__ = ["crops_of_boxes", "to_pixels"]

_KINDS = (
    "paths, PIL images, RGB uint8 arrays (H, W, 3), a uint8 batch (N, H, W, 3) or a normalised float tensor"
)


def to_pixels(images: Any, size: tuple[int, int]) -> Iterator[Tensor]:
    """Yield one ``(3, height, width)`` uint8 tensor per image.

    Args:
        images: a path, a PIL image, an RGB array ``(H, W, 3)`` or tensor ``(H, W, 3)`` or ``(3, H, W)``, all uint8; a
            batch of them on a first axis; or a list of any of them.
        size: (height, width) they are resized to.

    Raises:
        FrameError: an image cannot be read.
        ConfigError: an image has no pixels, or an input is not an image; the message gives its place.
    """
    for place, image in enumerate(_one_by_one(images)):
        pixels = _read(image, place)
        if 0 in pixels.shape:
            raise ConfigError(
                f"image {place} has no pixels, (height, width) is {tuple(pixels.shape[1:])}: its box has no area or "
                "lies outside the picture; clip boxes to the picture and leave out empty ones"
            )
        yield _resized(pixels, size)


def crops_of_boxes(frame: Any, boxes: Any) -> tuple[list[np.ndarray], np.ndarray]:
    """Cut the boxes of a tracker out of a frame.

    Args:
        frame: ``(H, W, 3)`` uint8 BGR.
        boxes: ``(N, 4)`` or wider, left, top, right, bottom in pixels.

    Returns:
        The crops that have a pixel, RGB, and ``(N,)`` bool, which boxes have one.

    Raises:
        ConfigError: the frame has another form, or boxes are not finite numbers.
    """
    if not isinstance(frame, np.ndarray) or frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
        raise ConfigError(
            f"boxes need one BGR frame (H, W, 3) uint8, got {getattr(frame, 'shape', type(frame).__name__)}"
        )
    table = np.asarray(boxes.detach().cpu() if isinstance(boxes, Tensor) else boxes, np.float64)
    table = table.reshape(0, 4) if not table.size else table
    if table.ndim != 2 or table.shape[1] < 4 or not np.isfinite(table[:, :4]).all():
        raise ConfigError(f"boxes must be finite rows (N, 4) of left, top, right, bottom; got {table.shape}")
    limits = np.array([frame.shape[1], frame.shape[0]] * 2)
    edges = np.clip(np.rint(table[:, :4]), 0, limits).astype(int)
    inside = np.asarray((edges[:, 2:] > edges[:, :2]).all(axis=1))
    cut = [frame[top:bottom, left:right, ::-1] for left, top, right, bottom in edges[inside].tolist()]
    return cut, inside


def _one_by_one(images: Any) -> Iterable[Any]:
    if isinstance(images, np.ndarray | Tensor):
        if images.ndim in (3, 4):
            return images if images.ndim == 4 else [images]
        if images.ndim == 1 and len(images) == 0:  # np.array([])
            return []
        raise ConfigError(f"expected {_KINDS}; got {images.dtype} of shape {tuple(images.shape)}")
    if isinstance(images, str | Path) or _is_pil(images):
        return [images]
    if not isinstance(images, Iterable):
        raise ConfigError(f"expected {_KINDS}; got {type(images).__name__}")
    return images


def _read(image: Any, place: int) -> Tensor:
    if isinstance(image, str | Path):
        return _decode(Path(image).expanduser())
    if _is_pil(image):
        image = np.asarray(image.convert("RGB"))
    if isinstance(image, np.ndarray):
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ConfigError(
                f"image {place}: an array must be RGB uint8 (H, W, 3), got {image.dtype} {image.shape}"
            )
        # copied, because torch cannot share read-only memory or memory with negative strides
        return torch.from_numpy(np.array(image)).permute(2, 0, 1)
    if isinstance(image, Tensor):
        if image.ndim != 3 or image.dtype != torch.uint8 or 3 not in (image.shape[0], image.shape[2]):
            raise ConfigError(
                f"image {place}: a tensor must be RGB uint8 (H, W, 3) or (3, H, W), got {image.dtype} "
                f"{tuple(image.shape)}; normalised float images come as one tensor (N, 3, H, W)"
            )
        return image if image.shape[0] == 3 else image.permute(2, 0, 1)
    raise ConfigError(f"image {place}: expected {_KINDS}; got {type(image).__name__}")


def _decode(path: Path) -> Tensor:
    return torch.from_numpy(decode_frame(read_bytes(path), str(path))).permute(2, 0, 1)


def _resized(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    from torchvision.transforms.v2.functional import resize

    resized: Tensor = resize(pixels, list(size))
    return resized


def _is_pil(image: Any) -> bool:
    """Recognise a PIL image by its methods, so that PIL is not imported if it is not needed."""
    return hasattr(image, "convert") and hasattr(image, "getbands")
