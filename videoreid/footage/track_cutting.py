"""Cutting of tracks at gaps and at jumps of the appearance."""

import numpy as np

from videoreid.errors import ConfigError
from videoreid.footage.track_files import Tracks

__all__ = ["appearance_jumps", "cut_at_gaps", "describe_crop", "local_peaks"]

_STRIPES = 3
_BINS = (16, 8, 8)  # hue, saturation, value
_RANGES = ((0, 180), (0, 256), (0, 256))


def cut_at_gaps(tracks: Tracks, max_gap: int) -> np.ndarray:
    """Number the pieces of tracks between gaps.

    Args:
        tracks: rows in the order of (track, frame).
        max_gap: largest number of missing frames within a piece; 0 cuts at every missing frame.

    Returns:
        ``(N,)`` int64 piece numbers from 0, rising; no piece spans two tracks.

    Raises:
        ConfigError: a negative gap.
    """
    if max_gap < 0:
        raise ConfigError(f"max_gap is a number of missing frames, 0 or more, got {max_gap}")
    if not len(tracks):
        return np.empty(0, dtype=np.int64)
    new = (np.diff(tracks.track_ids) != 0) | (np.diff(tracks.frames) > max_gap + 1)
    return np.concatenate([[0], np.cumsum(new)]).astype(np.int64)


def describe_crop(image: np.ndarray) -> np.ndarray:
    """Return histograms of hue, saturation and value in three horizontal stripes, ``(96,)`` float32, each of sum 1.

    The outer fifth on the left and right is mostly background and left out.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
    """
    import cv2

    margin = image.shape[1] // 5
    inner = np.ascontiguousarray(image[:, margin : image.shape[1] - margin])
    hsv = cv2.cvtColor(inner, cv2.COLOR_RGB2HSV)
    parts = []
    for stripe in np.array_split(hsv, _STRIPES):
        for channel, (bins, limits) in enumerate(zip(_BINS, _RANGES, strict=True)):
            counts = np.histogram(stripe[..., channel], bins, limits)[0]
            parts.append(counts / max(stripe[..., channel].size, 1))
    return np.concatenate(parts).astype(np.float32)


def appearance_jumps(
    pieces: np.ndarray, descriptors: np.ndarray, *, window: int = 8, threshold: float = 0.3
) -> np.ndarray:
    """Mark rows where a piece may change to another person.

    The mean descriptor of the ``window`` rows before a row is compared with that of the ``window`` rows from it on; a
    row is marked where the distance is above the threshold and the largest within a window. A mark is not certain: a
    person who turns or walks into shadow can cause the same jump.

    Args:
        pieces: ``(N,)`` piece numbers, rising.
        descriptors: ``(N, D)``, as `describe_crop` returns them.
        window: rows on either side; a piece shorter than two windows is not marked.
        threshold: half the mean absolute difference of the histograms, 0 (equal) to 1 (nothing in common).

    Returns:
        ``(N,)`` bool, True at the first row of a possible other person.

    Raises:
        ConfigError: a window below 1, a threshold out of range, or lengths that differ.
    """
    if window < 1 or not 0 < threshold <= 1 or len(pieces) != len(descriptors):
        raise ConfigError(
            f"expected a window of 1 or more, a threshold above 0 and at most 1 and as many pieces as descriptors; got "
            f"{window}, {threshold}, {len(pieces)} and {len(descriptors)}"
        )
    marked = np.zeros(len(pieces), dtype=bool)
    for rows in np.split(np.arange(len(pieces)), np.flatnonzero(np.diff(pieces)) + 1):
        if len(rows) < 2 * window:
            continue
        sums = np.cumsum(descriptors[rows], axis=0, dtype=np.float64)
        means = np.concatenate([sums[window - 1 : window], sums[window:] - sums[:-window]]) / window
        histograms = _STRIPES * len(_BINS)  # each sums to 1, so the difference of each is at most 2
        jump = np.abs(means[window:] - means[:-window]).sum(axis=1) / (2 * histograms)
        for place in local_peaks(jump, threshold, window):
            marked[rows[place + window]] = True
    return marked


def local_peaks(values: np.ndarray, threshold: float, window: int) -> list[int]:
    """Return the positions where ``values (N,)`` exceed the threshold and are the first maximum within ``window``."""
    peaks: list[int] = []
    for place in np.flatnonzero(values > threshold).tolist():
        low = max(0, place - window)
        if int(np.argmax(values[low : place + window + 1])) + low == place:
            peaks.append(place)
    return peaks
