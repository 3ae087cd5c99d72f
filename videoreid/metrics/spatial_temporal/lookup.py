"""Joint scores of pairs: the appearance factor times the time factor, which is read from a table."""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from videoreid.errors import ConfigError, ProtocolError
from videoreid.metrics.spatial_temporal.rules import JointRules
from videoreid.utils.arrays import as_times

__all__ = [
    "JointScores",
    "Sightings",
    "factor_table",
    "look_up",
    "sightings",
    "time_factors",
    "visual_factor",
]

CHUNK_ELEMENTS = 1 << 21
"""Pairs scored at a time: 16 MiB for each of a few arrays."""


class Sightings(NamedTuple):
    """Cameras and times of the rows of one side, ready for look-up.

    Args:
        cameras: ``(N,)`` int64; the number of cameras where place or time are unknown.
        starts: ``(N,)`` float64, 0 where unknown.
        ends: ``(N,)`` float64, likewise.
    """

    cameras: Tensor
    starts: Tensor
    ends: Tensor

    def part(self, rows: slice | Tensor) -> "Sightings":
        """Return some rows, by a slice or by numbers ``(n,)``."""
        return Sightings(self.cameras[rows], self.starts[rows], self.ends[rows])

    def to(self, device: torch.device) -> "Sightings":
        """Return them on a device."""
        return Sightings(*(values.to(device) for values in self))

    def along(self, dim: int) -> "Sightings":
        """Return them as a column (0) or as a row (1), to be broadcast."""
        return Sightings(*(values[:, None] if dim == 0 else values[None, :] for values in self))


def sightings(
    side: str,
    camids: np.ndarray,
    times: np.ndarray,
    end_times: np.ndarray | None,
    *,
    length: int,
    offsets: np.ndarray,
) -> Sightings:
    """Check and convert the cameras and times of one side.

    Args:
        side: "query" or "gallery", for messages.
        camids: ``(N,)`` integers, -1 where unknown.
        times: ``(N,)``, NaN where unknown.
        end_times: ``(N,)``, NaN where the row is a moment; None if all are.
        length: N.
        offsets: ``(C,)`` what is added to the clock of each camera.

    Raises:
        ProtocolError: lengths differ, times are not numbers, a camera is unknown to the model, or a time ends before it
            starts.
        ConfigError: camera numbers are not integers.
    """
    camids, starts = np.asarray(camids), as_times(f"{side} times", times)
    ends = starts if end_times is None else as_times(f"{side} end_times", end_times)
    for name, values in (("camids", camids), ("times", starts), ("end_times", ends)):
        if values.shape != (length,):
            raise ProtocolError(f"{length} {side} rows, but {name} of shape {values.shape}")
    if length and not np.issubdtype(camids.dtype, np.integer):
        raise ConfigError(f"{side} camids must be integers, got {camids.dtype}")
    unknown_camera = (camids < -1) | (camids >= len(offsets))
    if unknown_camera.any():
        raise ProtocolError(
            f"{side} cameras {sorted(set(camids[unknown_camera].tolist()))[:5]} are outside the model, which "
            f"was fitted for cameras 0..{len(offsets) - 1}; camera numbers are 0-based, -1 is unknown"
        )
    ends = np.where(np.isnan(ends), starts, ends)
    backwards = np.flatnonzero(ends < starts)
    if len(backwards):
        raise ProtocolError(f"{side} rows {backwards[:5].tolist()} end before they start")
    known = np.isfinite(starts) & np.isfinite(ends) & (camids >= 0)
    shift = np.where(known, offsets[np.where(known, camids, 0)], 0.0)
    return Sightings(
        torch.from_numpy(np.where(known, camids, len(offsets)).astype(np.int64)),
        torch.from_numpy(np.where(known, starts, 0.0) + shift),
        torch.from_numpy(np.where(known, ends, 0.0) + shift),
    )


def visual_factor(similarity: Tensor, rules: JointRules) -> Tensor:
    """Return the appearance factor ``(...)`` of cosine similarities ``(...)`` of any shape."""
    return torch.sigmoid(similarity * rules.visual_gamma - math.log(rules.visual_lambda))


def time_factors(distribution: np.ndarray, neutral: float, rules: JointRules) -> Tensor:
    """Return the time factor by query camera, gallery camera and signed bin, see `factor_table`; float64, CPU.

    Args:
        distribution: ``(C, C, bins)`` probabilities [to][from][bin].
        neutral: probability of pairs of unknown place or time.
        rules: how scores are made.
    """
    table = factor_table(distribution, neutral, same_camera_neutral=rules.same_camera == "neutral")
    np.exp(np.multiply(table, -rules.time_gamma, out=table), out=table)
    return torch.from_numpy(1 / (1 + rules.time_lambda * table))


def factor_table(probabilities: np.ndarray, neutral: float, *, same_camera_neutral: bool) -> np.ndarray:
    """Return ``(C + 1, C + 1, 2 * bins + 2)``: probabilities by query camera, gallery camera and signed bin.

    Along the last axis: beyond the histogram (0), the query earlier by ``bins - 1 .. 0`` bins, the query later by
    ``0 .. bins - 1`` bins, beyond again. The last camera stands for "unknown".

    Args:
        probabilities: ``(C, C, bins)`` [to][from][bin].
        neutral: value of pairs of unknown place or time.
        same_camera_neutral: give this value to same-camera pairs too.
    """
    cameras, bins = probabilities.shape[1:]
    table = np.full((cameras + 1, cameras + 1, 2 * bins + 2), neutral)
    known = table[:cameras, :cameras]
    known[..., [0, -1]] = 0.0
    known[..., 1 : bins + 1] = probabilities.transpose(1, 0, 2)[..., ::-1]
    known[..., bins + 1 : -1] = probabilities
    if same_camera_neutral:
        table[np.arange(cameras), np.arange(cameras)] = neutral
    return table


def look_up(table: Tensor, query: Sightings, gallery: Sightings, *, interval: float, gaps: bool) -> Tensor:
    """Return values of ``table (C + 1, C + 1, 2 * bins + 2)`` for pairs of sightings, which are broadcast.

    If the query is strictly later, the transition is from the gallery's camera to the query's; otherwise it is from
    the query's camera to the gallery's.
    """
    bins = table.shape[2] // 2 - 1
    if gaps:
        later = query.starts + query.ends > gallery.starts + gallery.ends
        after, before = query.starts - gallery.ends, query.ends - gallery.starts
        steps = torch.where(later, after.clamp_(min=0), before.clamp_(max=0)).div_(interval)
    else:
        query_time, gallery_time = (query.starts + query.ends) / 2, (gallery.starts + gallery.ends) / 2
        later = query_time > gallery_time
        steps = (query_time - gallery_time).div_(interval)
    index = steps.trunc_().clamp_(-bins, bins).add_(later).to(torch.long)
    width = table.shape[2]
    index.add_(query.cameras * (table.shape[1] * width) + bins).add_(gallery.cameras * width)
    return torch.take(table, index)


class JointScores:
    """Joint scores of any queries, from their cosine similarities.

    Args:
        factors: result of `time_factors`.
        query: Q sightings.
        gallery: G sightings.
        interval: width of a bin.
        rules: how scores are made.
    """

    def __init__(
        self, factors: Tensor, query: Sightings, gallery: Sightings, *, interval: float, rules: JointRules
    ) -> None:
        self._factors, self._query, self._gallery = factors, query, gallery
        self._interval, self._rules = interval, rules

    def rows(self, similarity: Tensor, first: int = 0) -> Tensor:
        """Return ``(n, G)`` scores for the similarities ``(n, G)`` of the queries from ``first`` on."""
        self._factors = self._factors.to(similarity.device, similarity.dtype)
        self._query, self._gallery = self._query.to(similarity.device), self._gallery.to(similarity.device)
        scores = torch.empty_like(similarity, memory_format=torch.contiguous_format)
        step = max(1, CHUNK_ELEMENTS // max(1, similarity.shape[1]))
        for start in range(0, len(similarity), step):
            rows = slice(start, min(start + step, len(similarity)))
            seen = self._query.part(slice(first + rows.start, first + rows.stop)).along(0)
            gaps = self._rules.between == "gap"
            factor = look_up(self._factors, seen, self._gallery.along(1), interval=self._interval, gaps=gaps)
            torch.mul(visual_factor(similarity[rows], self._rules), factor, out=scores[rows])
        return scores
