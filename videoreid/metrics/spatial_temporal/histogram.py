"""Histogram of transition times between cameras: visits, votes, smoothing."""

from typing import NamedTuple

import numpy as np
from scipy.ndimage import correlate1d

from videoreid.errors import ConfigError, ProtocolError

__all__ = [
    "Visits",
    "cluster_visits",
    "mean_visits",
    "smooth_histogram",
    "training_visits",
    "transition_histogram",
]

EPSILON = 1e-7
"""Added to every divisor, as in the published code; without it a difference of exactly one bin falls one bin higher."""


class Visits(NamedTuple):
    """Visits of identities to cameras.

    Args:
        pids: ``(V,)`` int64.
        camids: ``(V,)`` int64.
        starts: ``(V,)`` float64.
        ends: ``(V,)`` float64.
        middles: ``(V,)`` float64, the times that order visits.
    """

    pids: np.ndarray
    camids: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    middles: np.ndarray


def training_visits(
    pids: np.ndarray,
    cameras: np.ndarray,
    starts: np.ndarray,
    ends: np.ndarray,
    *,
    num_cameras: int,
    gap: float | None,
) -> Visits:
    """Return the visits of a training set, without junk and without rows of unknown place or time.

    Args:
        pids: ``(N,)`` int64, junk below 0.
        cameras: ``(N,)`` int64, ``num_cameras`` where place or time are unknown.
        starts: ``(N,)`` float64.
        ends: ``(N,)`` float64.
        num_cameras: C.
        gap: absence that ends a visit; None for one visit per identity and camera.

    Raises:
        ProtocolError: no row is left, or there is only one camera.
    """
    known = (cameras < num_cameras) & (pids >= 0)
    if num_cameras < 2 or not known.any():
        raise ProtocolError(
            f"nothing to fit: {num_cameras} cameras and {int(known.sum())} of {len(pids)} rows with an identity, "
            "a camera and a time; transitions need two cameras and known times"
        )
    rows = pids[known], cameras[known], starts[known], ends[known]
    return mean_visits(*rows) if gap is None else cluster_visits(*rows, gap)


def mean_visits(pids: np.ndarray, camids: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> Visits:
    """Merge all rows ``(N,)`` of an identity and a camera into one visit at their mean time, as published."""
    cameras = int(camids.max()) + 1
    key, group = np.unique(pids * cameras + camids, return_inverse=True)
    means = np.bincount(group, (starts + ends) / 2) / (np.bincount(group) + EPSILON)
    return Visits(key // cameras, key % cameras, means, means, means)


def cluster_visits(
    pids: np.ndarray, camids: np.ndarray, starts: np.ndarray, ends: np.ndarray, gap: float
) -> Visits:
    """Split the rows ``(N,)`` of an identity and a camera into visits, at absences longer than ``gap``."""
    order = np.lexsort((starts, camids, pids))
    pids, camids, starts, ends = pids[order], camids[order], starts[order], ends[order]
    same = (pids[1:] == pids[:-1]) & (camids[1:] == camids[:-1])
    group = np.concatenate([[0], np.cumsum(~same)])
    # the latest end so far within each group: a running maximum of ranks, because adding to times would round them
    ordered = np.sort(ends)
    rank = np.searchsorted(ordered, ends)
    latest = ordered[np.maximum.accumulate(rank + group * len(ends)) - group * len(ends)]
    first = np.concatenate([[True], ~same | (starts[1:] - latest[:-1] > gap)])
    begin = np.flatnonzero(first)
    end = np.maximum.reduceat(ends, begin)
    return Visits(pids[begin], camids[begin], starts[begin], end, (starts[begin] + end) / 2)


def transition_histogram(
    visits: Visits, *, num_cameras: int, interval: float, num_bins: int, gaps: bool
) -> np.ndarray:
    """Return ``(C, C, bins)`` float64 [to][from][bin]: shares of the transitions of each ordered camera pair.

    The visits of an identity to two cameras are sorted by time, and each change of camera is one vote. With one visit
    per camera this is the published vote. Of two visits at the same time, the one to the camera of the higher number
    counts as later.

    Args:
        visits: at most one per identity and camera, or several.
        num_cameras: C.
        interval: width of a bin in the unit of the times.
        num_bins: bins.
        gaps: measure from the end of the earlier visit to the start of the later one, not between their middles.

    Raises:
        ConfigError: a transition takes longer than the histogram reaches.
        ProtocolError: there is no transition.
    """
    order = np.lexsort((visits.camids, visits.middles, visits.pids))
    visits = Visits(*(values[order] for values in visits))
    histogram = np.zeros((num_cameras, num_cameras, num_bins))
    for low in range(num_cameras):
        for high in range(low + 1, num_cameras):
            both = np.flatnonzero((visits.camids == low) | (visits.camids == high))
            earlier, later = both[:-1], both[1:]
            votes = (visits.pids[earlier] == visits.pids[later]) & (
                visits.camids[earlier] != visits.camids[later]
            )
            earlier, later = earlier[votes], later[votes]
            if gaps:
                times = np.maximum(visits.starts[later] - visits.ends[earlier], 0)
            else:
                times = visits.middles[later] - visits.middles[earlier]
            bins = np.floor(times / interval).astype(np.int64)
            if len(bins) and bins.max() >= num_bins:
                raise ConfigError(
                    f"a transition between cameras {low} and {high} takes {times.max():g}, but {num_bins} bins of "
                    f"{interval:g} end at {num_bins * interval:g}: pass num_bins={int(bins.max()) + 1} or more"
                )
            np.add.at(histogram, (visits.camids[later], visits.camids[earlier], bins), 1)
    if not histogram.any():
        raise ProtocolError("no identity was seen by two cameras at known times: there is nothing to learn")
    return histogram / (histogram.sum(axis=2, keepdims=True) + EPSILON)


def smooth_histogram(histogram: np.ndarray, sigma: float) -> np.ndarray:
    """Convolve ``(C, C, bins)`` by row with a Gaussian of ``sigma`` bins, cut at 3 sigma; normalise it again.

    Nothing is reflected at the borders, as published: the normalisation makes up for what is lost there.
    """
    if sigma == 0:
        return histogram
    reach = np.arange(-int(3 * sigma), int(3 * sigma) + 1)
    kernel = np.exp(-(reach**2) / (2 * sigma**2)) / (sigma * np.sqrt(2 * np.pi))
    smoothed = np.zeros_like(histogram)
    seen = histogram.any(axis=2)
    smoothed[seen] = correlate1d(histogram[seen], kernel, axis=1, mode="constant")
    return smoothed / (smoothed.sum(axis=2, keepdims=True) + EPSILON)
