"""Attributes that make a tracklet hard to recognise: medians over its frames, length and jitter."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from videoreid.analysis.attributes import ATTRIBUTES, frame_attributes, motion_blur
from videoreid.analysis.images import luminance, shrink
from videoreid.analysis.part_labels import ParsedFolderLabels, PartMaps, occlusion_of, part_areas
from videoreid.errors import ConfigError, DatasetError
from videoreid.parsing import LabelTable
from videoreid.types import Tracklet

__all__ = ["FrameReading", "TrackletAttributes", "tracklet_attributes"]

FrameReading = Callable[[Sequence[str]], Sequence[np.ndarray]]
"""Reads frame keys into RGB images ``(H, W, 3)`` uint8: ``FrameReader().read`` of `videoreid.data`, or your own."""

_BATCH = 128  # frames that are measured together, which is much faster than one by one
_LEAST_RESPONSE = 0.1  # of a phase correlation, below which the shift is noise


@dataclass(frozen=True, eq=False)
class TrackletAttributes:
    """Measured attributes of N tracklets.

    Args:
        values: by name, ``(N,)`` float64 medians over the measured frames (`frame_attributes`), "occlusion_p80" and
            "people_p80" (80th percentile, for short occlusions), "length" (frames of the tracklet), "jitter" (shift of
            the person in the box between measured frames, as a share of its height) and "blur" (`motion_blur`). NaN is
            unknown.
        frames: ``(N,)`` int64, number of measured frames.
        missing: ``(N,)`` int64, number of chosen frames that could not be read.
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

    A frame that cannot be read is counted and left out. A tracklet without a readable frame is NaN in everything but
    its length.

    Args:
        tracklets: N tracklets.
        read_frames: reads frame keys into images.
        frames: number of frames to measure; all if a tracklet has fewer.
        labels: part labels, and for each tracklet its side and its row there; None measures pixels alone.

    Raises:
        ConfigError: fewer than one frame.
        DatasetError: part labels are missing or damaged.
    """
    if frames < 1:
        raise ConfigError(f"frames must be 1 or more, got {frames}")
    count = len(tracklets)
    jitter, missing = np.full(count, np.nan), np.zeros(count, np.int64)
    owners: list[int] = []
    done: list[dict[str, np.ndarray]] = []
    images: list[np.ndarray] = []
    maps: list[np.ndarray] = []
    for row, tracklet in enumerate(tracklets):
        found, places, missing[row] = _read(tracklet, _spread(len(tracklet), frames), read_frames)
        images += found
        owners += [row] * len(found)
        jitter[row] = _jitter(found)
        if labels is not None:
            maps += labels[0].read(*labels[1][row], places)
        if len(images) >= _BATCH:
            done.append(_measure(images, maps, None if labels is None else labels[0].table))
            images, maps = [], []
    table = _joined(done, images, maps, None if labels is None else labels[0].table)
    read = np.bincount(np.array(owners, dtype=np.int64), minlength=count)
    starts = np.cumsum(read)[:-1]
    pieces = {name: np.split(column, starts) if count else [] for name, column in table.items()}
    values = {name: np.array([_quantile(one, 0.5) for one in pieces[name]]) for name in (*ATTRIBUTES, "blur")}
    for name in ("occlusion", "people"):
        values[f"{name}_p80"] = np.array([_quantile(one, 0.8) for one in pieces[name]])
    values["length"] = np.array([float(len(tracklet)) for tracklet in tracklets])
    values["jitter"] = jitter
    return TrackletAttributes(values, read.astype(np.int64), missing)


def _measure(
    images: list[np.ndarray], maps: list[np.ndarray], table: LabelTable | None
) -> dict[str, np.ndarray]:
    """Return the attributes of each frame, and the areas of its parts if there are labels."""
    found = frame_attributes(images, label_maps=None if table is None else maps, table=table)
    found["blur"] = motion_blur(images)
    if table is not None:
        found["areas"] = part_areas(PartMaps.of(maps, table))
    return found


def _joined(
    done: list[dict[str, np.ndarray]],
    images: list[np.ndarray],
    maps: list[np.ndarray],
    table: LabelTable | None,
) -> dict[str, np.ndarray]:
    """Join batches; occlusion by part labels is computed here, because it needs the part areas of all frames."""
    if images:
        done = [*done, _measure(images, maps, table)]
    if not done:
        return {name: np.empty(0) for name in (*ATTRIBUTES, "blur")}
    joined = {name: np.concatenate([part[name] for part in done]) for name in done[0]}
    if "areas" in joined:
        hidden = occlusion_of(joined.pop("areas"))
        joined["occlusion"] = np.where(np.isnan(joined["occlusion"]), np.nan, hidden)
    return joined


def _spread(length: int, count: int) -> list[int]:
    return [int(row) for row in np.unique(np.linspace(0, length - 1, num=min(count, length)).round())]


def _read(
    tracklet: Tracklet, places: list[int], read_frames: FrameReading
) -> tuple[list[np.ndarray], list[int], int]:
    """Return the frames that can be read, their places, and how many cannot."""
    keys = [tracklet.frames[place] for place in places]
    try:
        return list(read_frames(keys)), places, 0
    except (DatasetError, FileNotFoundError):  # read one by one, to find which frames fail
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
    """Return the median shift between neighbouring frames, by phase correlation of the middle of the box."""
    if len(images) < 2:
        return float("nan")
    levels = luminance(shrink(images, (96, 48)))
    window = np.outer(np.hanning(96), np.hanning(48)).astype(np.float32)
    found = [cv2.phaseCorrelate(one, two, window) for one, two in itertools.pairwise(levels)]
    shifts = [float(np.hypot(s[0], s[1])) for s, response in found if response > _LEAST_RESPONSE]
    return float(np.median(shifts)) / 96.0 if shifts else float("nan")
