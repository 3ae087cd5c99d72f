"""The spatial-temporal metric: the probability of a transition time between two cameras.

Reference: Wang, Lai, Huang, Xie, "Spatial-temporal person re-identification" (st-ReID), AAAI 2019.
"""

import math
import os
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Literal, TypeVar

import numpy as np
from torch import Tensor

from videoreid.distances import DistanceSource, StreamedSource
from videoreid.distances.features import ROW_STEP
from videoreid.errors import ConfigError, ProtocolError
from videoreid.metrics.spatial_temporal.histogram import (
    smooth_histogram,
    training_visits,
    transition_histogram,
)
from videoreid.metrics.spatial_temporal.lookup import JointScores, Sightings, sightings, time_factors
from videoreid.metrics.spatial_temporal.rules import JointRules
from videoreid.metrics.spatial_temporal.storage import read_model, refusing_damage, write_model
from videoreid.types import Features
from videoreid.utils.arrays import as_tensor

__all__ = ["JointRules", "SpatialTemporalModel"]

Matrix = TypeVar("Matrix", Tensor, np.ndarray)


@dataclass(frozen=True, eq=False)
class SpatialTemporalModel:
    """Transition times between the cameras of one network, fitted on its training set.

    It is a refiner of `videoreid.metrics.evaluate_features` for cosine distances. It is valid for one camera network
    only: training and test data must share cameras and clocks.

    Args:
        histogram: ``(C, C, bins)`` float64, ``histogram[to, from, bin]``; every camera pair with transitions
            sums to 1.
        interval: width of a bin, in the unit of the times.
        sigma: width of the smoothing, in bins.
        visits: the rule by which visits were made.
        rules: how scores are made.

    Attributes:
        distribution: the histogram, smoothed.

    Example:
        >>> import numpy as np
        >>> model = SpatialTemporalModel.fit(
        ...     pids=[0, 0, 1, 1], camids=[0, 1, 0, 1], times=[0, 300, 50, 350], num_bins=10, sigma=0
        ... )
        >>> model.joint(np.ones((1, 2)), q_camids=[0], g_camids=[1, 1], q_times=[0], g_times=[310, 700]).round(3)
        array([[0.979, 0.331]])
    """

    histogram: np.ndarray
    interval: float = 100.0
    sigma: float = 50.0
    visits: str = "mean"
    rules: JointRules = field(default_factory=JointRules)
    distribution: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        shape = self.histogram.shape
        if len(shape) != 3 or shape[0] != shape[1] or 0 in shape:
            raise ConfigError(f"expected a (C, C, bins) histogram, got shape {shape}")
        if not np.isfinite(self.histogram).all() or self.histogram.min() < 0 or not self.histogram.any():
            raise ConfigError("a histogram holds shares: it must be finite, at least 0, and not 0 everywhere")
        if not 0 < self.interval < math.inf:
            raise ConfigError(f"interval must be positive, got {self.interval!r}")
        if not 0 <= self.sigma < math.inf:
            raise ConfigError(f"sigma must be at least 0, got {self.sigma!r}")
        self.rules.offsets(self.num_cameras)
        object.__setattr__(self, "distribution", smooth_histogram(self.histogram, self.sigma))

    @classmethod
    def fit(  # noqa: PLR0913 - the published settings are keywords of their own, as their users know them
        cls,
        *,
        pids: np.ndarray,
        camids: np.ndarray,
        times: np.ndarray,
        end_times: np.ndarray | None = None,
        interval: float = 100,
        num_bins: int = 5000,
        sigma: float = 50,
        visits: Literal["mean", "clustered"] = "mean",
        num_cameras: int | None = None,
        rules: JointRules | None = None,
    ) -> "SpatialTemporalModel":
        """Count how long the identities of a training set take between cameras.

        Args:
            pids: ``(N,)`` integers; rows below 0 (junk) are left out.
            camids: ``(N,)`` integers, 0-based; rows of unknown camera (-1) are left out.
            times: ``(N,)`` in any unit; rows of unknown time (NaN) are left out.
            end_times: ``(N,)`` for tracklets, NaN where a row is a moment; None if all are.
            interval: width of a bin in that unit (published: 100 frames, 4 seconds of Market-1501).
            num_bins: bins (published: 5000 for Market-1501, 3000 for DukeMTMC-reID).
            sigma: width of the smoothing in bins; 0 for none.
            visits: "mean" (published): one visit per identity and camera, at its mean time; "clustered": split where
                the person was absent.
            num_cameras: C; None takes the largest camera number.
            rules: how times are read and scores are made; None for the published ones.

        Raises:
            ConfigError: a setting out of range, ids that are not integers, or a transition beyond the histogram.
            ProtocolError: lengths differ, or no identity was seen by two cameras at known times.
        """
        rules = rules or JointRules()
        if visits not in ("mean", "clustered"):
            raise ConfigError(f"visits must be mean or clustered, got {visits!r}")
        if num_bins < 1 or not 0 < interval < math.inf:
            raise ConfigError(f"expected interval > 0 and num_bins >= 1, got {interval!r} and {num_bins!r}")
        ids = _integers("pids", pids), _integers("camids", camids)
        gap = None
        if visits == "clustered":
            gap = max(sigma, 1) * interval if rules.visit_gap is None else rules.visit_gap
        histogram = _training_histogram(
            *ids, times, end_times, rules=rules, num_cameras=num_cameras, bins=(interval, num_bins), gap=gap
        )
        return cls(histogram, float(interval), float(sigma), visits, rules)

    @property
    def num_cameras(self) -> int:
        """Number of cameras C."""
        return len(self.histogram)

    @property
    def num_bins(self) -> int:
        """Number of bins."""
        return self.histogram.shape[2]

    @property
    def neutral(self) -> float:
        """Probability given to pairs of unknown place or time."""
        if self.rules.neutral is not None:
            return self.rules.neutral
        return float(self.distribution.sum() / np.count_nonzero(self.distribution))

    @property
    def name(self) -> str:
        """Name in the protocol line."""
        return (
            f"SpatialTemporal(interval={self.interval:g}, sigma={self.sigma:g}, visits={self.visits}, "
            f"same_camera={self.rules.same_camera})"
        )

    def smooth(self, sigma: float = 50.0) -> "SpatialTemporalModel":
        """Return the same histogram, smoothed by ``sigma`` bins instead (published: 50)."""
        return replace(self, sigma=float(sigma))

    def __call__(self, distances: DistanceSource, query: Features, gallery: Features) -> StreamedSource:
        """Return ``1 - joint score`` for cosine distances of two sets of features; rows are computed on demand.

        Args:
            distances: cosine distances; another refiner may have changed them within 0..2.
            query: cameras and times of the queries.
            gallery: the same of the gallery.

        Raises:
            ConfigError: ``distances`` are of another metric, or, when they are computed, outside 0..2.
            ProtocolError: a camera is unknown to the model.
        """
        if distances.metric not in ("cosine", None):
            raise ConfigError(
                f"the spatial-temporal metric refines cosine distances, got {distances.metric!r}"
            )
        sides = [("query", query), ("gallery", gallery)]
        seen = [_sightings(self, side, f.camids, f.times, f.end_times, len(f)) for side, f in sides]
        scores = _joint_scores(self, *seen)
        compute = partial(_joint_distances, distances, scores)
        return StreamedSource(compute, distances.shape, distances.row_step or ROW_STEP)

    def joint(
        self,
        similarity: Matrix,
        *,
        q_camids: np.ndarray,
        g_camids: np.ndarray,
        q_times: np.ndarray,
        g_times: np.ndarray,
        q_end_times: np.ndarray | None = None,
        g_end_times: np.ndarray | None = None,
    ) -> Matrix:
        """Return ``(Q, G)`` joint scores, larger is nearer, of the type and on the device of ``similarity``.

        Args:
            similarity: ``(Q, G)`` cosine similarities, float.
            q_camids: ``(Q,)`` integers, 0-based, -1 where unknown.
            g_camids: ``(G,)`` likewise.
            q_times: ``(Q,)`` on the clocks of training, NaN where unknown.
            g_times: ``(G,)`` likewise.
            q_end_times: ``(Q,)`` for tracklets; NaN where a row is a moment.
            g_end_times: ``(G,)`` likewise.

        Raises:
            ConfigError: ``similarity`` is not a float matrix.
            ProtocolError: lengths differ, similarities are NaN, a camera is unknown to the model, or a time ends
                before it starts.

        Reference: st-ReID (AAAI 2019), eq. 7.
        """
        given = as_tensor("similarity", similarity)
        if given.ndim != 2 or not given.is_floating_point():
            raise ConfigError(f"expected (Q, G) float similarities, got {tuple(given.shape)} {given.dtype}")
        bad = given.sum(1).isnan().nonzero().flatten().tolist()
        if bad:
            raise ProtocolError(f"similarities of {len(bad)} queries are NaN, the first {bad[:5]}")
        query = _sightings(self, "query", q_camids, q_times, q_end_times, len(given))
        gallery = _sightings(self, "gallery", g_camids, g_times, g_end_times, given.shape[1])
        scores = _joint_scores(self, query, gallery).rows(given)
        return scores if isinstance(similarity, Tensor) else scores.numpy()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to one ``.npz`` file, whole or not at all."""
        settings = {"interval": self.interval, "sigma": self.sigma, "visits": self.visits}
        write_model(path, self.histogram, {**settings, "rules": asdict(self.rules)})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "SpatialTemporalModel":
        """Read what `save` wrote; nothing in the file is executed.

        Raises:
            WeightsError: the file is missing, damaged, of another kind, or of a later version.
        """
        with refusing_damage(path):
            histogram, settings = read_model(path)
            return cls(histogram, rules=JointRules(**settings.pop("rules")), **settings)


def _training_histogram(
    pids: np.ndarray,
    camids: np.ndarray,
    times: np.ndarray,
    end_times: np.ndarray | None,
    *,
    rules: JointRules,
    num_cameras: int | None,
    bins: tuple[float, int],
    gap: float | None,
) -> np.ndarray:
    if num_cameras is None:
        num_cameras = int(camids.max(initial=-1)) + 1
    offsets = rules.offsets(num_cameras)
    seen = sightings("training", camids, times, end_times, length=len(pids), offsets=offsets)
    visits = training_visits(pids, *(values.numpy() for values in seen), num_cameras=num_cameras, gap=gap)
    return transition_histogram(
        visits, num_cameras=num_cameras, interval=bins[0], num_bins=bins[1], gaps=rules.between == "gap"
    )


def _sightings(
    model: SpatialTemporalModel,
    side: str,
    camids: np.ndarray,
    times: np.ndarray,
    end_times: np.ndarray | None,
    length: int,
) -> Sightings:
    offsets = model.rules.offsets(model.num_cameras)
    return sightings(side, camids, times, end_times, length=length, offsets=offsets)


def _joint_scores(model: SpatialTemporalModel, query: Sightings, gallery: Sightings) -> JointScores:
    factors = time_factors(model.distribution, model.neutral, model.rules)
    return JointScores(factors, query, gallery, interval=model.interval, rules=model.rules)


def _joint_distances(distances: DistanceSource, scores: JointScores, rows: slice) -> Tensor:
    part = distances.rows(rows)
    lowest, highest = float(part.min()), float(part.max())
    if lowest < -1e-3 or highest > 2 + 1e-3:
        raise ConfigError(
            f"the spatial-temporal metric refines cosine distances, within 0..2; got {lowest:g}..{highest:g}"
        )
    return 1 - scores.rows(1 - part, rows.start)


def _integers(name: str, values: np.ndarray) -> np.ndarray:
    array = np.asarray(values)
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise ConfigError(f"{name} must be integers, got {array.dtype}")
    return array.astype(np.int64)
