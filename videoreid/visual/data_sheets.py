"""Sheets that show training data: a batch, a dataset, the sampled frames."""

import os
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from videoreid.errors import ConfigError
from videoreid.functional import IMAGENET_MEAN, IMAGENET_STD
from videoreid.types import Clip, Tracklet
from videoreid.utils import generator_from
from videoreid.visual.arrangement import Cell, StripStyle
from videoreid.visual.sheet import check_picture_name, write_sheet
from videoreid.visual.strips import FrameReading, PatientReader, resized, tracklet_strip

__all__ = ["draw_batch", "draw_dataset", "draw_sampling", "pixels_of"]

_MOST_FRAMES = 24


def pixels_of(
    frames: torch.Tensor,
    mean: Sequence[float] = IMAGENET_MEAN,
    std: Sequence[float] = IMAGENET_STD,
) -> NDArray[np.uint8]:
    """Return frames as pictures; normalised frames are converted back to pixels.

    Args:
        frames: ``(..., 3, H, W)``, uint8, or normalised float.
        mean: of the normalisation, per channel on the 0..1 scale.
        std: likewise.

    Returns:
        ``(..., H, W, 3)`` uint8 RGB, rounded and clipped to 0..255.
    """
    if frames.is_floating_point():
        shape = (3, 1, 1)
        scale, shift = (torch.tensor(values, dtype=torch.float64).view(shape) for values in (std, mean))
        frames = ((frames.detach().cpu().double() * scale + shift) * 255).round().clamp(0, 255).byte()
    return np.asarray(frames.detach().cpu().movedim(-3, -1).contiguous().numpy(), np.uint8)


def draw_batch(
    batch: Clip,
    path: str | os.PathLike[str],
    *,
    title: str = "",
    mean: Sequence[float] = IMAGENET_MEAN,
    std: Sequence[float] = IMAGENET_STD,
    style: StripStyle | None = None,
) -> None:
    """Draw the clips of a batch, one per line, exactly as the network gets them.

    Args:
        batch: ``frames (B, T, 3, H, W)``, uint8 from a loader, or float after normalisation.
        path: the picture, .png, .jpg, .pdf or .svg.
        title: above the clips.
        mean: of the normalisation of float frames.
        std: likewise.
        style: only ``dpi`` is used; a frame is drawn with the pixels that the network gets.

    Raises:
        ConfigError: the batch is empty or of another shape, or the ending is not that of a picture.
    """
    style = style or StripStyle(dpi=100)
    if batch.frames.ndim != 5 or not batch.frames.numel():
        raise ConfigError(f"expected frames (B, T, 3, H, W) of a batch, got {tuple(batch.frames.shape)}")
    rows = []
    for number, clip in enumerate(pixels_of(batch.frames, mean, std)):
        words = [f"id {int(batch.pid[number])}", f"cam {int(batch.camid[number])}"]
        words += [f"tracklet {int(batch.index[number])}"]
        rows.append([Cell(image, words if place == 0 else ()) for place, image in enumerate(clip)])
    height, width = rows[0][0].image.shape[:2]
    footer = [f"{len(rows)} clips of {len(rows[0])} frames, {height} x {width} pixels"]
    write_sheet(rows, path, dpi=style.dpi, title=title, footer=footer)


def draw_dataset(
    tracklets: Sequence[Tracklet],
    path: str | os.PathLike[str],
    *,
    read_frames: FrameReading,
    per_camera: int = 4,
    seed: int = 0,
    title: str = "",
    style: StripStyle | None = None,
) -> None:
    """Draw random tracklets of every camera, one strip per tracklet.

    Args:
        tracklets: a part of a dataset.
        path: the picture, .png, .jpg, .pdf or .svg.
        read_frames: reads frame keys into RGB images; a frame that cannot be read is drawn hatched, with a warning.
        per_camera: tracklets per camera; all if a camera has fewer.
        seed: of the choice.
        title: above the tracklets.
        style: frames and their size.

    Raises:
        ConfigError: there is no tracklet, or ``per_camera`` is less than 1.
    """
    style = style or StripStyle(frames=6)
    if not len(tracklets) or per_camera < 1:
        raise ConfigError(
            f"nothing to draw: {len(tracklets)} tracklets, {per_camera} per camera; give one or more"
        )
    check_picture_name(path)
    reader, rows = PatientReader(read_frames), []
    size = style.pixels(style.size[0]), style.pixels(style.size[1])
    for camera in sorted({tracklet.camid for tracklet in tracklets}):
        mine = [n for n, tracklet in enumerate(tracklets) if tracklet.camid == camera]
        draws = generator_from(seed, camera + 1).permutation(len(mine))[:per_camera]
        for n in sorted(mine[draw] for draw in draws.tolist()):
            shown = tracklets[n]
            strip = tracklet_strip(shown, reader.read, count=style.frames, size=size, gap=style.pixels(2))
            words = [f"camera {camera}", f"id {shown.pid}", f"row {n}", f"{len(shown)} frames"]
            rows.append([Cell(strip, words)])
    reader.report()
    columns = max(1, min(3, round((len(rows) / 6) ** 0.5 + 0.4)))
    lines = [[cell for row in rows[at : at + columns] for cell in row] for at in range(0, len(rows), columns)]
    write_sheet(lines, path, dpi=style.dpi, title=title)


def draw_sampling(
    tracklet: Tracklet,
    clips: Mapping[str, NDArray[np.int64]],
    path: str | os.PathLike[str],
    *,
    read_frames: FrameReading,
    max_clips: int = 3,
    title: str = "",
    style: StripStyle | None = None,
) -> None:
    """Draw a tracklet, and below it the frames that sampling rules choose, each with its number.

    Args:
        tracklet: the sampled tracklet.
        clips: by name of the rule, ``(num_clips, T)`` frame numbers, as `videoreid.data.sample_indices` returns them.
        path: the picture, .png, .jpg, .pdf or .svg.
        read_frames: reads frame keys into RGB images; a frame that cannot be read is drawn hatched, with a warning.
        max_clips: clips shown per rule.
        title: above the frames.
        style: size of a frame.

    Raises:
        ConfigError: no rule, or a frame number that the tracklet does not have.
    """
    style = style or StripStyle(size=(64, 32))
    check_picture_name(path)
    numbers = np.concatenate([np.ravel(rows) for rows in clips.values()]) if clips else np.empty(0)
    if not len(numbers) or numbers.min() < 0 or numbers.max() >= len(tracklet):
        raise ConfigError(
            f"expected rules with frame numbers from 0 to {len(tracklet) - 1}, got {dict(clips)}"
        )
    reader = PatientReader(read_frames)
    size = style.pixels(style.size[0]), style.pixels(style.size[1])

    def line(frames: Sequence[int], label: str, *, chosen: bool) -> list[Cell]:
        images = reader.read([tracklet.frames[n] for n in frames])
        blank = np.full((size[0], style.pixels(150), 3), 255, np.uint8)
        cells = [Cell(blank, [label])]
        for n, image in zip(frames, images, strict=True):
            cells.append(Cell(resized(image, size), [str(n)], "hit" if chosen else "plain"))
        return cells

    step = -(-len(tracklet) // _MOST_FRAMES)
    whole = list(range(0, len(tracklet), step))
    every = "every frame" if step == 1 else f"every {step}th frame"
    rows = [line(whole, f"the tracklet, {every}", chosen=False)]
    for rule, found in clips.items():
        for n, clip in enumerate(found[:max_clips].tolist()):
            rows.append(line(clip, f"{rule}, clip {n + 1} of {len(found)}", chosen=True))
    reader.report()
    write_sheet(rows, path, dpi=style.dpi, title=title)
