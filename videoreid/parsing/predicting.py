"""Part probabilities, averaged over scales, mirror images and windows."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from videoreid.errors import ConfigError

__all__ = ["predict_probabilities", "predict_windows"]

Logits = Callable[[Tensor], Tensor]


def predict_probabilities(
    logits_of: Logits,
    images: Tensor,
    *,
    scales: Sequence[float] = (1.0,),
    mirror_order: Sequence[int] | None = None,
) -> Tensor:
    """Return the mean of the softmax over scales and, optionally, over the mirror image at each scale.

    Args:
        logits_of: function from images ``(N, 3, h, w)`` to logits ``(N, C, h', w')``, such as ``model.parse_logits``.
        images: ``(N, 3, H, W)``, normalised.
        scales: factors on the size of the images.
        mirror_order: ``(C,)`` class of each class in a mirror image (`LabelTable.mirror_order`); None uses no mirror
            image.

    Returns:
        ``(N, C, H, W)``; the sum over C is 1.

    Raises:
        ConfigError: there is no scale, a scale is not positive, or the order has another length.
    """
    if not scales or min(scales) <= 0:
        raise ConfigError(f"scales must be positive, one or more, got {tuple(scales)}")
    size = images.shape[2:]
    views = []
    for scale in scales:
        shown = images
        if scale != 1:
            target = [max(1, round(side * scale)) for side in size]
            shown = F.interpolate(
                images, size=target, mode="bilinear", align_corners=False, antialias=scale < 1
            )
        views.append(_softmax_at(logits_of(shown), size))
        if mirror_order is not None:
            mirrored = _softmax_at(logits_of(shown.flip(3)), size)
            if len(mirror_order) != mirrored.shape[1]:
                raise ConfigError(
                    f"the network has {mirrored.shape[1]} classes, the label table {len(mirror_order)}"
                )
            views.append(mirrored.flip(3)[:, list(mirror_order)])
    return torch.stack(views).mean(0)


def predict_windows(
    logits_of: Logits,
    images: Tensor,
    window: tuple[int, int],
    *,
    overlap: float = 0.5,
    scales: Sequence[float] = (1.0,),
    mirror_order: Sequence[int] | None = None,
) -> Tensor:
    """Return probabilities of images larger than the training size of the network, window by window.

    Windows overlap, and their probabilities are averaged; the last windows end at the border. An image smaller than the
    window is padded with zeros, the mean colour, and the result is cropped.

    Args:
        logits_of: see `predict_probabilities`.
        images: ``(N, 3, H, W)``, normalised.
        window: (height, width).
        overlap: share of a window that overlaps the next one, 0 to below 1.
        scales: see `predict_probabilities`, within each window.
        mirror_order: see `predict_probabilities`.

    Returns:
        ``(N, C, H, W)``; the sum over C is 1.

    Raises:
        ConfigError: an overlap out of range, or see `predict_probabilities`.
    """
    if not 0 <= overlap < 1:
        raise ConfigError(f"overlap must be 0 to below 1, got {overlap}")
    height, width = images.shape[2:]
    padded = F.pad(images, (0, max(0, window[1] - width), 0, max(0, window[0] - height)))
    rows = _starts(padded.shape[2], window[0], overlap)
    columns = _starts(padded.shape[3], window[1], overlap)
    total: Tensor | None = None
    for top in rows:
        for left in columns:
            place = (..., slice(top, top + window[0]), slice(left, left + window[1]))
            part = predict_probabilities(logits_of, padded[place], scales=scales, mirror_order=mirror_order)
            if total is None:
                total = part.new_zeros(len(images), part.shape[1], *padded.shape[2:])
            total[place] += part
    assert total is not None
    total = total[..., :height, :width]
    return total / total.sum(1, keepdim=True)


def _softmax_at(logits: Tensor, size: Sequence[int]) -> Tensor:
    full = F.interpolate(logits.float(), size=tuple(size), mode="bilinear", align_corners=True)
    return full.softmax(1)


def _starts(length: int, window: int, overlap: float) -> list[int]:
    """Return the starts of the windows; the last window ends at the border."""
    step = max(1, round(window * (1 - overlap)))
    return sorted({*range(0, length - window, step), length - window})
