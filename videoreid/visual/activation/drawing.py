"""Maps over frames as a picture: the clip, below it the same frames with their maps, and frame weights as bars."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from videoreid.errors import ConfigError
from videoreid.functional import IMAGENET_MEAN, IMAGENET_STD
from videoreid.types import Clip
from videoreid.utils import atomic_write_bytes
from videoreid.visual.activation.maps import ActivationMaps
from videoreid.visual.activation.parts import stripe_bounds

__all__ = ["activation_sheet", "draw_activation_maps", "heat_overlay"]

_COLOURS = ("jet", "turbo", "viridis", "inferno")
_GAP, _BAR, _LABEL, _INK, _BAR_INK = 4, 26, 16, (20, 20, 20), (40, 90, 170)


def heat_overlay(
    frame: NDArray[np.uint8], heat: NDArray[np.float32], *, share: float = 0.6, colours: str = "jet"
) -> NDArray[np.uint8]:
    """Blend a map over a frame: ``share`` of the map's colour and the rest of the frame, as VPReID publishes it.

    The published pictures have red and blue exchanged, because OpenCV's BGR colours are laid over an RGB frame; here
    large values are red.

    Args:
        frame: ``(H, W, 3)`` RGB.
        heat: ``(H, W)`` in 0..1.
        share: weight of the map, 0..1.
        colours: "jet" as published, or "turbo", "viridis", "inferno".

    Raises:
        ConfigError: unknown colours, or unequal sizes.
    """
    import cv2

    if colours not in _COLOURS:
        raise ConfigError(f"unknown colours {colours!r}; choose one of {', '.join(_COLOURS)}")
    if frame.shape[:2] != heat.shape:
        raise ConfigError(f"a frame of {frame.shape[:2]} pixels and a map of {heat.shape}: give equal sizes")
    table = getattr(cv2, f"COLORMAP_{colours.upper()}")
    levels = np.floor(np.clip(heat, 0, 1) * 255).astype(np.uint8)
    coloured = cv2.cvtColor(cv2.applyColorMap(levels, table), cv2.COLOR_BGR2RGB)
    mixed = (1 - share) * frame.astype(np.float32) + share * coloured.astype(np.float32)
    return np.clip(mixed, 0, 255).astype(np.uint8)


def activation_sheet(
    found: ActivationMaps,
    clip: Tensor | Clip,
    *,
    other: Tensor | Clip | None = None,
    height: int = 128,
    colours: str = "jet",
    labels: Sequence[str] = (),
    normalisation: tuple[Sequence[float], Sequence[float]] = (IMAGENET_MEAN, IMAGENET_STD),
) -> NDArray[np.uint8]:
    """Draw clips and their maps, two lines per clip; with the method "pair", the other clip is drawn beside it.

    Args:
        found: result of `activation_maps`.
        clip: the clips that the maps were made from.
        other: the other clips, of the method "pair".
        height: of a drawn frame in pixels.
        colours: of the maps, see `heat_overlay`.
        labels: one line of text per clip; by default its number and score.
        normalisation: (mean, std) of the normalisation of float frames.

    Returns:
        RGB ``(h, w, 3)`` on white.

    Raises:
        ConfigError: the maps were not made from these clips.
    """
    pixels = _pixels(clip, found, normalisation)
    others = None if found.other is None or other is None else _pixels(other, found.other, normalisation)
    rows = []
    for number, frames in enumerate(pixels):
        text = labels[number] if number < len(labels) else _label(found, number)
        blocks = [_clip_block(frames, found, number, height, colours)]
        if others is not None and found.other is not None:
            blocks.append(_clip_block(others[number % len(others)], found.other, number, height, colours))
        rows.append(_with_label(_beside(blocks, 4 * _GAP), text))
    width = max(row.shape[1] for row in rows)
    padded = [
        np.pad(row, ((_GAP, _GAP), (_GAP, width - row.shape[1] + _GAP), (0, 0)), constant_values=255)
        for row in rows
    ]
    return np.vstack(padded)


def draw_activation_maps(
    found: ActivationMaps, clip: Tensor | Clip, path: str | os.PathLike[str], **options: object
) -> None:
    """Write `activation_sheet` as a picture, whole or not at all.

    Args:
        found: result of `activation_maps`.
        clip: the clips that the maps were made from, ``(B, T, 3, H, W)``.
        path: .png, .jpg or .jpeg; an existing file is replaced.
        **options: of `activation_sheet`.

    Raises:
        ConfigError: another ending, or an error of `activation_sheet`.
    """
    import cv2

    suffix = Path(path).suffix.lower()
    if suffix not in (".png", ".jpg", ".jpeg"):
        raise ConfigError(f"cannot write {path}: choose a name that ends in .png or .jpg")
    sheet = activation_sheet(found, clip, **options)  # type: ignore[arg-type]  # checked there
    done, data = cv2.imencode(suffix, cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    if not done:
        raise ConfigError(
            f"cannot write {path}: a picture of {sheet.shape[1]} x {sheet.shape[0]} is too large"
        )
    atomic_write_bytes(path, data.tobytes())


def _pixels(
    clip: Tensor | Clip, found: ActivationMaps, normalisation: tuple[Sequence[float], Sequence[float]]
) -> NDArray[np.uint8]:
    """Return frames ``(B, T, H, W, 3)`` of the clips that maps were made from."""
    frames = clip.frames if isinstance(clip, Clip) else clip
    frames = frames[None] if frames.ndim == 4 else frames
    expected = found.maps.shape
    if (*frames.shape[:2], *frames.shape[3:]) != expected and len(frames) != 1:
        raise ConfigError(
            f"the maps are of {expected[0]} clips of {expected[1]} frames of {expected[2]} x {expected[3]}, the clips "
            f"are {tuple(frames.shape)}: give the clips that they were made from"
        )
    frames = frames.detach().cpu()
    if frames.is_floating_point():
        mean, std = (torch.tensor(list(part)).view(3, 1, 1) for part in normalisation)
        frames = ((frames.float() * std + mean) * 255).round().clamp(0, 255)
    return frames.to(torch.uint8).permute(0, 1, 3, 4, 2).numpy()


def _clip_block(
    frames: NDArray[np.uint8], found: ActivationMaps, number: int, height: int, colours: str
) -> NDArray[np.uint8]:
    import cv2

    size = (max(round(frames.shape[2] * height / frames.shape[1]), 1), height)
    columns = []
    for index, frame in enumerate(frames):
        plain = cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR)
        heat = cv2.resize(found.maps[number, index], size, interpolation=cv2.INTER_LINEAR)
        hot = heat_overlay(np.asarray(plain, np.uint8), np.asarray(heat, np.float32), colours=colours)
        if found.part_scores is not None:
            for start, _ in stripe_bounds(height, found.part_scores.shape[1])[1:]:
                hot[start - 1 : start + 1] = 255
        cells = [np.asarray(plain, np.uint8), _white(_GAP, size[0]), hot]
        if found.frame_weights is not None:
            cells.append(_bar(found.frame_weights[number], index, size[0]))
        columns.append(np.vstack(cells))
    return _beside(columns, _GAP)


def _bar(weights: NDArray[np.float32], index: int, width: int) -> NDArray[np.uint8]:
    """Draw the weight of a frame as a bar, with a grey line at the weight of equal frames."""
    bar = _white(_BAR + _LABEL, width)
    top = max(float(weights.max()), 1e-12)
    most = _BAR - 2  # white between the bar and the frame
    filled = round(most * float(weights[index]) / top)
    bar[_BAR - filled : _BAR, 2 : width - 2] = _BAR_INK
    bar[_BAR - min(round(most / (len(weights) * top)), most)] = 170
    _write(bar, f"{weights[index]:.2f}", (1, _BAR + 12))
    return bar


def _label(found: ActivationMaps, number: int) -> str:
    text = f"clip {number}  {found.method}"
    if found.other is not None or found.scores[number] < 1 - 1e-4:
        text += f"  cosine {found.scores[number]:.3f}"
    if found.part_scores is not None:
        text += "  parts " + " ".join(f"{share:.2f}" for share in found.part_scores[number])
    return text


def _with_label(image: NDArray[np.uint8], text: str) -> NDArray[np.uint8]:
    import cv2

    plain = text.encode("ascii", "replace").decode()
    (wide, _), _ = cv2.getTextSize(plain, cv2.FONT_HERSHEY_SIMPLEX, 0.36, 1)
    line = _white(_LABEL, max(image.shape[1], wide + 4))
    _write(line, plain, (1, 11))
    return np.vstack(
        [line, np.pad(image, ((0, 0), (0, line.shape[1] - image.shape[1]), (0, 0)), constant_values=255)]
    )


def _beside(images: Sequence[NDArray[np.uint8]], gap: int) -> NDArray[np.uint8]:
    height = max(image.shape[0] for image in images)
    parts: list[NDArray[np.uint8]] = []
    for image in images:
        below = height - image.shape[0]
        parts += [np.pad(image, ((0, below), (0, 0), (0, 0)), constant_values=255), _white(height, gap)]
    return np.hstack(parts[:-1])


def _white(height: int, width: int) -> NDArray[np.uint8]:
    return np.full((height, width, 3), 255, np.uint8)


def _write(image: NDArray[np.uint8], text: str, origin: tuple[int, int]) -> None:
    import cv2

    cv2.putText(image, text, origin, cv2.FONT_HERSHEY_SIMPLEX, 0.36, _INK, 1, cv2.LINE_AA)
