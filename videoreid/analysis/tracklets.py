"""What makes a tracklet hard to recognise: its frames' attributes, and what only several frames together show."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from videoreid.analysis.attributes import ATTRIBUTES, frame_attributes, motion_blur
from videoreid.analysis.images import luminance, shrink
from videoreid.analysis.part_labels import ParsedFolderLabels
from videoreid.errors import ConfigError, DatasetError
from videoreid.types import Tracklet

__all__ = ["FrameReading", "TrackletAttributes", "tracklet_attributes"]

FrameReading = Callable[[Sequence[str]], Sequence[np.ndarray]]
"""Reads frame keys into RGB images ``(H, W, 3)`` uint8: ``FrameReader().read`` of `videoreid.data`, or your own."""

_LEAST_RESPONSE = 0.1  # of a phase correlation, below which noise alone gives the shift


@dataclass(frozen=True, eq=False)
class TrackletAttributes:
    """What was measured of N tracklets.

    Args:
        values: by name, ``(N,)`` float64 medians over the frames looked at (`frame_attributes`), "occlusion_p80" and
            "people_p80" (80th percentile: trouble that passes), "length" (frames of the tracklet), "jitter" (how far
            the person jumps in the box between frames looked at, share of its height) and "blur" (`motion_blur`).
            NaN is unknown.
        frames: ``(N,)`` int64, frames that were looked at.
        missing: ``(N,)`` int64, frames among the chosen ones that could not be read.
    """

    values: dict[str, np.ndarray]
    frames: np.ndarray
    missing: np.ndarray


def tracklet_attributes(
    tracklets: Sequence[Tracklet],
    *,
    read_frames: FrameReading,
    frames: int = 6,
    labels: tuple[ParsedFolderLabels, Sequence[tuple[str, int]]] | None = None,
) -> TrackletAttributes:
    """Measure tracklets on some of their frames, evenly spread.

    A frame that cannot be read is counted and left out; a tracklet of which none can be read is NaN throughout, but for
    its length.

    Args:
        tracklets: N tracklets.
        read_frames: reads frame keys into images.
        frames: how many to look at, all where there are fewer.
        labels: part labels, and of each tracklet its side and its row in it; None measures pixels alone.

    Raises:
        ConfigError: fewer than one frame.
        DatasetError: part labels are missing or damaged.
    """
    if frames < 1:
        raise ConfigError(f"frames must be 1 or more, got {frames}")
    names = (*ATTRIBUTES, "occlusion_p80", "people_p80", "length", "jitter", "blur")
    values = {name: np.full(len(tracklets), np.nan) for name in names}
    read, missing = np.zeros(len(tracklets), np.int64), np.zeros(len(tracklets), np.int64)
    for row, tracklet in enumerate(tracklets):
        values["length"][row] = len(tracklet)
        places = _spread(len(tracklet), frames)
        images, places, missing[row] = _read(tracklet, places, read_frames)
        read[row] = len(images)
        if not images:
            continue
        maps = table = None
        if labels is not None:
            folder, owners = labels
            maps, table = folder.read(*owners[row], places), folder.table
        found = frame_attributes(images, label_maps=maps, table=table)
        for name, column in found.items():
            values[name][row] = _quantile(column, 0.5)
        for name in ("occlusion", "people"):
            values[f"{name}_p80"][row] = _quantile(found[name], 0.8)
        values["jitter"][row] = _jitter(images)
        values["blur"][row] = _quantile(motion_blur(images), 0.5)
    return TrackletAttributes(values, read, missing)


def _spread(length: int, count: int) -> list[int]:
    return [int(row) for row in np.unique(np.linspace(0, length - 1, num=min(count, length)).round())]


def _read(
    tracklet: Tracklet, places: list[int], read_frames: FrameReading
) -> tuple[list[np.ndarray], list[int], int]:
    """Return the frames that can be read, their places, and how many cannot."""
    keys = [tracklet.frames[place] for place in places]
    try:
        return list(read_frames(keys)), places, 0
    except (DatasetError, FileNotFoundError):  # which one: read them one by one
        images, kept = [], []
        for key, place in zip(keys, places, strict=True):
            try:
                images.append(next(iter(read_frames([key]))))
            except (DatasetError, FileNotFoundError):
                continue
            kept.append(place)
        return images, kept, len(keys) - len(kept)


def _quantile(values: np.ndarray, share: float) -> float:
    known = values[~np.isnan(values)]
    return float(np.quantile(known, share)) if len(known) else float("nan")


def _jitter(images: Sequence[np.ndarray]) -> float:
    """Return the median shift between neighbours among the frames, by phase correlation of the middle of the box."""
    if len(images) < 2:
        return float("nan")
    levels = luminance(shrink(images, (96, 48)))
    window = np.outer(np.hanning(96), np.hanning(48)).astype(np.float32)
    found = [cv2.phaseCorrelate(one, two, window) for one, two in itertools.pairwise(levels)]
    shifts = [float(np.hypot(s[0], s[1])) for s, response in found if response > _LEAST_RESPONSE]
    return float(np.median(shifts)) / 96.0 if shifts else float("nan")
