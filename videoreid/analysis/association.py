"""Association of tracklets across cameras: average-linkage clustering under cannot-link constraints."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from videoreid.errors import ConfigError, ProtocolError
from videoreid.metrics import KReciprocal, SpatialTemporalModel, k_reciprocal_rerank
from videoreid.types import Features

__all__ = ["assign", "associate", "centre_cameras", "forbidden_pairs", "threshold_at"]


def associate(
    features: Features,
    *,
    threshold: float,
    forbidden: np.ndarray | None = None,
    rerank: KReciprocal | None = None,
    spatial_temporal: SpatialTemporalModel | None = None,
) -> np.ndarray:
    """Cluster tracklets into persons; the number of persons need not be known.

    The two clusters with the smallest mean distance between their tracklets are joined, until no two are within the
    threshold. Two tracklets of one camera that overlap in time are two people, so they are never joined.

    Args:
        features: N tracklets.
        threshold: largest mean distance at which clusters are joined. Distances are cosine distances; with
            ``spatial_temporal`` 1 - joint score; with ``rerank`` those of k-reciprocal re-ranking. Choose it on a
            validation split (`threshold_at`).
        forbidden: ``(N, N)`` bool, pairs that cannot be one person; None takes `forbidden_pairs`.
        rerank: k-reciprocal distances in place of cosine distances.
        spatial_temporal: a fitted model that combines appearance and transition times. Not with ``rerank``.

    Returns:
        ``(N,)`` int64 identities, numbered from 0 in the order of their first tracklets.

    Raises:
        ConfigError: the threshold is NaN, or both kinds of distances are given.
        ProtocolError: ``forbidden`` is not a symmetric bool matrix of N rows.

    Reference:
        Sokal and Michener, A statistical method for evaluating systematic relationships, 1958 (average linkage);
        Davidson and Ravi, Agglomerative hierarchical clustering with constraints, PKDD 2005.
    """
    _check(threshold)
    apart = _symmetric(forbidden, len(features)) if forbidden is not None else forbidden_pairs(features)
    if len(features) == 0:
        return np.empty(0, np.int64)
    distances = _distances(features, rerank, spatial_temporal)
    distances[apart] = np.inf
    return _numbered(_agglomerate(distances, threshold))


def assign(
    features: Features,
    known: Features,
    identities: np.ndarray,
    *,
    threshold: float,
    transit: np.ndarray | None = None,
) -> np.ndarray:
    """Assign new tracklets, one after another, to known identities; the online variant of `associate`.

    A tracklet is assigned to the identity with the smallest mean cosine distance, if that is within the threshold and
    no tracklet of the identity is forbidden. Otherwise it starts a new identity, which later tracklets may join. No
    assignment is changed later.

    Args:
        features: N new tracklets, in the order in which they arrive.
        known: M tracklets on the same clocks, 0 or more.
        identities: ``(M,)`` int64 identities of the known tracklets.
        threshold: largest mean cosine distance.
        transit: see `forbidden_pairs`.

    Returns:
        ``(N,)`` int64; new identities get the next free numbers.

    Raises:
        ConfigError: the threshold is NaN.
        ProtocolError: the number of identities differs from that of the known tracklets.
    """
    _check(threshold)
    identities = np.asarray(identities)
    if identities.shape != (len(known),) or (len(known) and identities.dtype.kind not in "iu"):
        raise ProtocolError(
            f"{len(known)} known tracklets need as many whole numbers, got {identities.shape}"
        )
    everything = known.concat(features) if len(known) else features
    apart = forbidden_pairs(everything, transit=transit)
    unit = _unit(everything)
    names = np.concatenate([identities.astype(np.int64), np.full(len(features), -1, np.int64)])
    for row in range(len(known), len(everything)):
        distances = 1.0 - unit[:row] @ unit[row]
        groups, place = np.unique(names[:row], return_inverse=True)
        count = np.bincount(place, minlength=len(groups))
        mean = np.bincount(place, weights=distances, minlength=len(groups)) / np.maximum(count, 1)
        mean[np.bincount(place, weights=apart[row, :row], minlength=len(groups)) > 0] = np.inf
        near = len(groups) > 0 and mean.min() <= threshold
        names[row] = groups[mean.argmin()] if near else names[:row].max(initial=-1) + 1
    return names[len(known) :]


def centre_cameras(features: Features, *, least: int = 10) -> Features:
    """Take away from each embedding the mean of its camera, so that tracklets of one camera look less alike.

    Light and viewpoint of a camera shift all its embeddings alike. The mean shows that shift where a camera saw many
    people, and where all cameras see the same kind of people. Distances change, so a threshold for `associate` must be
    chosen on embeddings that are centred too.

    Args:
        features: N tracklets.
        least: cameras with fewer tracklets, and tracklets of an unknown camera (-1), lose the mean of all tracklets.

    Returns:
        The features with embeddings ``(N, D)`` float32 of unit length (0 where nothing is left).

    Raises:
        ConfigError: ``least`` is below 2: one tracklet less its mean is nothing.

    Reference:
        Zhuang et al., Rethinking the distribution gap of person re-identification with camera-based batch
        normalization, ECCV 2020 (mean and deviation of each camera, inside the network).
    """
    if least < 2:
        raise ConfigError(f"least is {least}: the mean of a camera needs 2 tracklets or more")
    unit = _unit(features)
    centres = np.tile(unit.mean(axis=0), (len(unit), 1)) if len(unit) else unit.copy()
    for camera in np.unique(features.camids[features.camids >= 0]):
        mine = features.camids == camera
        if mine.sum() >= least:
            centres[mine] = unit[mine].mean(axis=0)
    rest = unit - centres
    rest /= np.maximum(np.linalg.norm(rest, axis=1, keepdims=True), 1e-12)
    return replace(features, embeddings=torch.from_numpy(rest).float())


def forbidden_pairs(features: Features, *, transit: np.ndarray | None = None) -> np.ndarray:
    """Return ``(N, N)`` bool: pairs of tracklets that cannot be one person.

    Args:
        features: tracklets with cameras and times; a tracklet of unknown camera (-1) or time (NaN) has no forbidden
            pairs. A tracklet without an end time has no duration.
        transit: ``(C, C)`` float, the shortest possible time from camera to camera; all cameras must then share one
            clock. None forbids only tracklets that overlap in time in one camera.

    Raises:
        ProtocolError: a camera is not in ``transit``.
    """
    cameras, begin = features.camids, features.times
    end = np.where(np.isnan(features.end_times), begin, features.end_times)
    known = (cameras >= 0) & ~np.isnan(begin)
    both = known[:, None] & known
    # time between the end of one and the start of the other; negative where they overlap
    with np.errstate(invalid="ignore"):
        after = begin[None, :] - end[:, None]  # from the row's camera to the column's
        apart = both & (cameras[:, None] == cameras) & (after <= 0) & (after.T <= 0)
    if transit is not None:
        transit = np.asarray(transit, np.float64)
        if (
            transit.ndim != 2
            or transit.shape[0] != transit.shape[1]
            or cameras.max(initial=-1) >= len(transit)
        ):
            raise ProtocolError(f"transit {transit.shape} must have a row and a column for each camera")
        need = transit[np.ix_(np.maximum(cameras, 0), np.maximum(cameras, 0))]
        first = begin[:, None] <= begin
        other = cameras[:, None] != cameras
        hurried = both & other & first & (after < need)
        apart |= hurried | hurried.T
    np.fill_diagonal(apart, val=False)
    return np.asarray(apart)


def threshold_at(calibration: Callable[[np.ndarray], np.ndarray], probability: float = 0.5) -> float:
    """Return the largest cosine distance at which two tracklets are one person with this probability or more.

    Args:
        calibration: of a validation split, see `videoreid.metrics.fit_isotonic`; never of the test split.
        probability: above 0 and below 1.

    Raises:
        ConfigError: no distance has this probability.
    """
    grid = np.linspace(0.0, 2.0, 200_001)
    enough = np.flatnonzero(np.asarray(calibration(grid)) >= probability)
    if not 0.0 < probability < 1.0 or not len(enough):
        raise ConfigError(
            f"no distance has the probability {probability}: choose one above 0, below 1, and within the calibration"
        )
    return float(grid[enough[-1]])


def _check(threshold: float) -> None:
    if math.isnan(threshold):
        raise ConfigError("the threshold is NaN; it is a distance")


def _symmetric(forbidden: np.ndarray, count: int) -> np.ndarray:
    table = np.asarray(forbidden)
    if table.shape != (count, count) or table.dtype != bool or (table != table.T).any():
        raise ProtocolError(
            f"forbidden must be a symmetric bool matrix ({count}, {count}), got {table.shape}"
        )
    return table


def _unit(features: Features) -> np.ndarray:
    rows = features.embeddings.detach().to("cpu", torch.float64).numpy()
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))


def _distances(
    features: Features, rerank: KReciprocal | None, spatial_temporal: SpatialTemporalModel | None
) -> np.ndarray:
    if rerank is not None and spatial_temporal is not None:
        raise ConfigError("take either rerank or spatial_temporal: their distances are of different kinds")
    unit = _unit(features)
    if rerank is not None:
        # every tracklet is query and gallery, so each neighbour occurs twice: k1 and k2 are doubled
        rows = torch.from_numpy(unit)
        k1, k2 = 2 * rerank.k1, 2 * rerank.k2 if rerank.k2 > 1 else 1
        found = k_reciprocal_rerank(
            rows, rows, k1, k2, rerank.lambda_value, rerank.metric, exponent=rerank.exponent
        ).numpy()
    elif spatial_temporal is not None:
        sides = {
            f"{side}_{name}": getattr(features, name)
            for side in "qg"
            for name in ("camids", "times", "end_times")
        }
        found = 1.0 - spatial_temporal.joint(torch.from_numpy(unit @ unit.T), **sides).numpy()
    else:
        found = 1.0 - unit @ unit.T
    return np.asarray((found + found.T) / 2, np.float64)


def _agglomerate(distances: np.ndarray, threshold: float) -> np.ndarray:
    """Join rows by average linkage; infinite distances stay infinite in every mean, so they are never joined."""
    count = len(distances)
    np.fill_diagonal(distances, np.inf)
    labels, sizes = np.arange(count), np.ones(count)
    nearest = distances.argmin(axis=1)
    least = distances[labels, nearest]
    while count:
        one = int(least.argmin())
        if not least[one] <= threshold or math.isinf(least[one]):
            break
        two = int(nearest[one])
        one, two = min(one, two), max(one, two)
        joined = (sizes[one] * distances[one] + sizes[two] * distances[two]) / (sizes[one] + sizes[two])
        joined[[one, two]] = np.inf
        distances[one] = distances[:, one] = joined
        distances[two] = distances[:, two] = np.inf
        sizes[one] += sizes[two]
        labels[labels == two] = one
        stale = (nearest == one) | (nearest == two)
        stale[[one, two]] = True
        closer = joined < least
        nearest[closer], least[closer] = one, joined[closer]
        rows = np.flatnonzero(stale)
        nearest[rows] = distances[rows].argmin(axis=1)
        least[rows] = distances[rows, nearest[rows]]
    return labels


def _numbered(labels: np.ndarray) -> np.ndarray:
    """Number labels from 0 in the order in which they first occur."""
    _, first, place = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[place].astype(np.int64)
