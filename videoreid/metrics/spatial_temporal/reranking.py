"""Re-ranking on joint scores of appearance and time."""

from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from videoreid.distances import DistanceSource, FeaturePairs, StreamedSource
from videoreid.errors import ConfigError
from videoreid.metrics.reranking import KReciprocal
from videoreid.metrics.spatial_temporal.lookup import (
    Sightings,
    look_up,
    sightings,
    time_factors,
    visual_factor,
)
from videoreid.metrics.spatial_temporal.model import SpatialTemporalModel
from videoreid.types import Features

__all__ = ["JointKReciprocal"]


@dataclass(frozen=True)
class JointKReciprocal:
    """Re-ranking on the joint scores of a spatial-temporal model; a refiner of `evaluate_features`.

    Use it instead of the model in the list of refiners: it computes joint scores and re-ranks by them.

    Args:
        model: fitted on the same camera network.
        rule: "published" takes ``2 - 2 * score``, by which a row is not its own nearest neighbour (its time factor
            is that of probability 0) and all distances lie close together. "repaired" stretches scores over 0..1 and
            puts every row at distance 0 of itself.
        settings: of re-ranking; the published code does not square here, so its ``exponent`` is 1.

    Raises:
        ConfigError: an unknown rule, or a metric other than cosine.

    Reference: st-ReID (AAAI 2019) for the published rule.
    """

    model: SpatialTemporalModel
    rule: Literal["published", "repaired"] = "published"
    settings: KReciprocal = field(default_factory=lambda: KReciprocal(exponent=1.0))

    def __post_init__(self) -> None:
        if self.rule not in ("published", "repaired"):
            raise ConfigError(f"rule must be published or repaired, got {self.rule!r}")
        if self.settings.metric != "cosine":
            raise ConfigError(f"joint scores start from cosine similarity, not {self.settings.metric!r}")

    @property
    def name(self) -> str:
        """Name in the protocol line."""
        return f"{self.model.name} + joint {self.settings.name}, {self.rule}"

    def __call__(self, distances: DistanceSource, query: Features, gallery: Features) -> StreamedSource:
        """Return the re-ranked distances; rows are computed on demand.

        Args:
            distances: cosine distances of these features.
            query: embeddings, cameras and times of the queries.
            gallery: the same of the gallery.

        Raises:
            ConfigError: ``distances`` are not the cosine distances of the features.
            ProtocolError: a camera is unknown to the model.
        """
        self.settings.check_metric(distances)
        return self.settings.streamed(
            JointPairs(self.model, query, gallery, repaired=self.rule == "repaired")
        )


class JointPairs:
    """Distances from joint scores; asymmetric for two rows of the same time.

    Args:
        model: the fitted model.
        query: Q rows.
        gallery: G rows.
        repaired: stretch scores over 0..1 and put a row at distance 0 of itself.
    """

    symmetric = False
    rounding = 0.0

    def __init__(
        self, model: SpatialTemporalModel, query: Features, gallery: Features, *, repaired: bool
    ) -> None:
        self.appearance = FeaturePairs(query.embeddings, gallery.embeddings, "cosine")
        self.num_queries, self.num_rows = self.appearance.num_queries, self.appearance.num_rows
        self.device, self.dtype = self.appearance.device, self.appearance.dtype
        both = query.concat(gallery)
        self._rules, self._interval = model.rules, model.interval
        offsets = model.rules.offsets(model.num_cameras)
        seen = sightings(
            "joint", both.camids, both.times, both.end_times, length=self.num_rows, offsets=offsets
        )
        self._seen = seen.to(self.device)
        factors = time_factors(model.distribution, model.neutral, model.rules)
        self._table = factors.to(self.device, self.dtype)
        self._repaired = repaired
        ends = visual_factor(torch.tensor([-1.0, 1.0], dtype=torch.float64), model.rules)
        self._lowest = float(ends[0] * factors.min()) if repaired else 0.0
        self._highest = float(ends[1] * factors.max()) if repaired else 1.0

    def block(self, rows: slice, cols: slice) -> Tensor:
        """Return the tile of ``rows`` and ``cols``; the columns act as queries, see `AllPairsSource`."""
        queries, found = self._seen.part(cols).along(1), self._seen.part(rows).along(0)
        tile = self._join(self.appearance.block(rows, cols), self._look_up(queries, found))
        start, stop = max(rows.start, cols.start), min(rows.stop, cols.stop)
        if self._repaired and start < stop:
            same = torch.arange(start, stop, device=self.device)
            tile[same - rows.start, same - cols.start] = 0
        return tile

    def pairs(self, rows: Tensor, cols: Tensor) -> Tensor:
        """Return the distances ``(M,)`` of the given pairs."""
        factors = self._look_up(self._seen.part(cols), self._seen.part(rows))
        distances = self._join(self.appearance.pairs(rows, cols).to(self.dtype), factors)
        return distances.masked_fill_(rows == cols, 0) if self._repaired else distances

    def _look_up(self, queries: Sightings, found: Sightings) -> Tensor:
        return look_up(
            self._table, queries, found, interval=self._interval, gaps=self._rules.between == "gap"
        )

    def _join(self, appearance: Tensor, factors: Tensor) -> Tensor:
        score = visual_factor(appearance.neg_().add_(1), self._rules).mul_(factors)
        return score.sub_(self._lowest).mul_(-2 / (self._highest - self._lowest)).add_(2).clamp_(min=0)
