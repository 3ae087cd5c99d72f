"""The baseline that needs no training: colour histograms of six stripes."""

import itertools
from collections.abc import Sequence

import numpy as np
import torch

from videoreid.data.frames import FrameReader
from videoreid.errors import ConfigError
from videoreid.types import Features, Tracklet

__all__ = ["HISTOGRAM_BINS", "colour_histogram", "histogram_features"]

HISTOGRAM_BINS = (8, 4, 4)
"""Bins of hue, saturation and value; they are counted jointly."""


def colour_histogram(frame: np.ndarray, stripes: int = 6) -> np.ndarray:
    """Return the HSV histogram of each horizontal stripe, one after the other.

    An entry is the square root of a bin's share of the stripe: the Euclidean distance of two histograms is then, up to
    a factor, the Hellinger distance, and a large bin, such as a wall in the background, does not outweigh small ones.

    Args:
        frame: ``(H, W, 3)`` uint8 RGB, of any size with at least one row per stripe.
        stripes: equal parts from head to foot.

    Returns:
        ``(stripes * 128,)`` float32.

    Raises:
        ConfigError: fewer rows than stripes.

    Reference:
        Farenzena et al., "Person Re-identification by Symmetry-Driven Accumulation of Local Features", CVPR 2010, for
        the idea of comparing colours part by part.
    """
    import cv2

    height, width = frame.shape[:2]
    if stripes < 1 or height < stripes:
        raise ConfigError(f"a frame of {height} rows cannot be cut into {stripes} stripes")
    hsv = cv2.cvtColor(frame, cv2.COLOR_RGB2HSV)
    edges = [height * number // stripes for number in range(stripes + 1)]
    shares = []
    for top, bottom in itertools.pairwise(edges):
        counts = cv2.calcHist(
            [hsv[top:bottom]], [0, 1, 2], None, list(HISTOGRAM_BINS), [0, 180, 0, 256, 0, 256]
        )
        shares.append(counts.ravel() / ((bottom - top) * width))
    return np.sqrt(np.concatenate(shares)).astype(np.float32)


def histogram_features(
    tracklets: Sequence[Tracklet], *, stripes: int = 6, max_frames: int | None = None
) -> Features:
    """Describe tracklets by the mean of their frames' histograms; compare them by "euclidean" or "cosine".

    Args:
        tracklets: one split of a dataset.
        stripes: see `colour_histogram`.
        max_frames: use at most this many frames of a tracklet, evenly spread; None uses all.

    Returns:
        Embeddings ``(N, stripes * 128)`` float32 with the labels of the tracklets.

    Raises:
        ConfigError: no tracklet, or ``max_frames`` below one.
        FrameError: a frame cannot be read.
    """
    if not tracklets or (max_frames is not None and max_frames < 1):
        raise ConfigError(f"{len(tracklets)} tracklets and max_frames={max_frames}: both must be 1 or more")
    reader = FrameReader()
    rows = []
    for tracklet in tracklets:
        count = min(len(tracklet), max_frames or len(tracklet))
        picked = [tracklet.frames[(2 * place + 1) * len(tracklet) // (2 * count)] for place in range(count)]
        rows.append(np.mean([colour_histogram(frame, stripes) for frame in reader.read(picked)], axis=0))
    return Features.of(torch.from_numpy(np.stack(rows)), tracklets)
