"""Evaluation protocols, and the scored ranking of every query."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Literal, Protocol

import numpy as np

from videoreid.errors import ProtocolError
from videoreid.ranked_gallery import Item, RankedGallery, SamePersonRows
from videoreid.utils.printing import count_of, html_table
from videoreid.utils.tables import Table

__all__ = ["EvaluationProtocol", "RankedGallery", "Ranking", "SamePersonRows"]


class Bounds(Protocol):
    """An interval with two ends, such as `videoreid.metrics.Interval`."""

    @property
    def low(self) -> float: ...

    @property
    def high(self) -> float: ...


SCORES = {
    "mAP": "mAP", "mINP": "mINP", "Rank-1": "rank1", "Rank-5": "rank5", "Rank-10": "rank10", "Rank-20": "rank20",
}  # fmt: skip
"""Headings of a table of scores, and their keys in `Ranking.summary`."""


@dataclass(frozen=True)
class EvaluationProtocol:
    """The rules by which a ranking is scored.

    Args:
        name: name of the protocol, in printed lines and in the registry.
        queries_in_gallery: the queries are appended to the gallery before ranking (official MARS).
        junk: gallery rows that are removed from a query's list: those of the same person in the same camera
            ("same_camera"), or none ("nothing").
        junk_pids: gallery pids that are removed for every query.
        unmatched: rule for a query without a true match: it is left out and counted ("skip"), raises an error
            ("error"), or scores zero ("zero").
        average_precision: "standard", or "trapezoidal" (the Market-1501 toolkit).
        gallery_shot: "multi", or "single" (CUHK03: the CMC is the mean over random galleries of one row per identity;
            AP and mINP use all kept rows, as published code computes them).
        same_camera_penalty: add the largest distance to every same-camera pair; scores are then NOT comparable
            with the literature ("camera_aware").
        max_rank: length of the CMC curve.
        note: a caveat that is printed with every score.
        clothes: matches that count if people change their clothes: all ("any"), those in other clothes than the query
            ("changed"), or those in the same clothes ("same"); the person's other rows are then junk.

    Raises:
        ProtocolError: the queries are in the gallery and no rule removes a query from its own list.
    """

    name: str
    queries_in_gallery: bool = False
    junk: Literal["same_camera", "nothing"] = "same_camera"
    junk_pids: tuple[int, ...] = (-1,)
    unmatched: Literal["skip", "error", "zero"] = "skip"
    average_precision: Literal["standard", "trapezoidal"] = "standard"
    gallery_shot: Literal["multi", "single"] = "multi"
    same_camera_penalty: bool = False
    max_rank: int = 50
    note: str = ""
    clothes: Literal["any", "changed", "same"] = "any"

    def __post_init__(self) -> None:
        if self.queries_in_gallery and self.junk == "nothing":
            raise ProtocolError(
                f"protocol {self.name!r} adds the queries to the gallery and removes nothing from their lists: every "
                "query would find itself first; use junk='same_camera', or leave the queries out"
            )

    def __repr__(self) -> str:
        return f"EvaluationProtocol({', '.join(f'{name}={value!r}' for name, value in self._changed())})"

    def _repr_html_(self) -> str:
        return html_table(f"Protocol {self.name}", self._changed()[1:])

    def _changed(self) -> list[tuple[str, object]]:
        """Return the name and the rules that differ from the defaults."""
        values = [(rule.name, getattr(self, rule.name), rule.default) for rule in fields(self)]
        return [(name, value) for name, value, usual in values if name == "name" or value != usual]


@dataclass(frozen=True, eq=False)
class Ranking:
    """The scored ranking of every query, the basis of tables, pictures and error analysis.

    Args:
        average_precision: ``(Q,)`` float64; NaN if the query was not scored.
        inverse_negative_penalty: ``(Q,)`` float64, mINP's term (Ye et al., TPAMI 2021); NaN likewise.
        first_match: ``(Q,)`` int64, 1-based rank of the first true match; 0 if the query was not scored.
        cmc: ``(max_rank,)`` float64, share of the scored queries matched within each rank.
        top_indices: ``(Q, k)`` int64 gallery rows in ranked order, without junk; -1 pads a short list. They are rows of
            the gallery that was searched, see `searched`.
        top_distances: ``(Q, k)`` float32, NaN where padded.
        top_matches: ``(Q, k)`` bool, whether the row shows the same person.
        protocol: the rules.
        protocol_line: the printed line: dataset, split, gallery rule, queries scored and skipped, distance, ...
        match_ranks: ``(P,)`` int64, 1-based ranks of all true matches, query by query, ascending in each; empty
            only in a ranking made by hand.
        match_offsets: ``(Q + 1,)`` int64; query ``q`` owns ``match_ranks[match_offsets[q]:match_offsets[q + 1]]``.
        gallery: the gallery that was searched; None only in a ranking made by hand.
        same_person: all rows of the query's person, missed matches and junk included; None in a ranking made by hand.
    """

    average_precision: np.ndarray
    inverse_negative_penalty: np.ndarray
    first_match: np.ndarray
    cmc: np.ndarray
    top_indices: np.ndarray
    top_distances: np.ndarray
    top_matches: np.ndarray
    protocol: EvaluationProtocol
    protocol_line: str
    match_ranks: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    match_offsets: np.ndarray = field(default_factory=lambda: np.zeros(1, np.int64))
    gallery: RankedGallery | None = None
    same_person: SamePersonRows | None = None

    def origin(self) -> tuple[np.ndarray, np.ndarray]:
        """Return whether each of ``top_indices`` is a query, and its row among the queries or in the published gallery.

        Returns:
            ``(Q, k)`` bool and ``(Q, k)`` int64, -1 past the end of a short list.
        """
        return (self.gallery or RankedGallery(np.empty(0), np.empty(0))).origin(self.top_indices)

    def searched(self, query: Sequence[Item], gallery: Sequence[Item]) -> tuple[Item, ...]:
        """Return the tracklets that ``top_indices`` index, with the queries if the protocol adds them.

        Code that turns rows into tracklets calls this and need not know the protocol.

        Args:
            query: Q tracklets, in the order of the ranking.
            gallery: the gallery as the dataset publishes it.

        Returns:
            One tracklet per gallery row.

        Raises:
            ProtocolError: these are not the tracklets that were ranked, or the ranking does not hold its gallery.
        """
        queries = len(self.average_precision)
        if len(query) != queries:
            raise ProtocolError(f"the ranking holds {queries} queries, got {len(query)} tracklets")
        if self.gallery is not None:
            return self.gallery.join(query, gallery)
        largest = int(self.top_indices.max(initial=-1))
        if self.protocol.queries_in_gallery or largest >= len(gallery):
            raise ProtocolError(
                f"the ranking contains gallery row {largest}, the given gallery {len(gallery)} tracklets, and the "
                "ranking does not hold its gallery; make it with evaluate_features or evaluate_distances"
            )
        return tuple(gallery)

    def __repr__(self) -> str:
        scores = ", ".join(f"{name} {value:.3f}" for name, value in self._scores())
        scored = int(self.scored.sum())
        skipped = len(self.scored) - scored
        queries = f"{count_of(scored, 'query', 'queries')} scored, {skipped:,} skipped"
        return f"Ranking({scores}; {queries})\n  {self.protocol_line}"

    def _repr_html_(self) -> str:
        rows = [(name, f"{value:.3f}") for name, value in self._scores()]
        scored = int(self.scored.sum())
        counts = [("queries scored", f"{scored:,}"), ("queries skipped", f"{len(self.scored) - scored:,}")]
        return html_table(self.protocol_line, rows + counts)

    def _scores(self) -> list[tuple[str, float]]:
        known = self.scored.any()
        means = [
            ("mAP", self.mean_average_precision if known else np.nan),
            ("mINP", self.mean_inverse_negative_penalty if known else np.nan),
        ]
        return means + [(f"Rank-{k}", self.rank(k) if len(self.cmc) else np.nan) for k in (1, 5, 10, 20)]

    @property
    def scored(self) -> np.ndarray:
        """``(Q,)`` bool: which queries were scored."""
        return ~np.isnan(self.average_precision)

    @property
    def mean_average_precision(self) -> float:
        """Mean average precision over the scored queries, 0..1."""
        return float(np.nanmean(self.average_precision))

    @property
    def mAP(self) -> float:  # noqa: N802 - as the field writes it
        """`mean_average_precision`."""
        return self.mean_average_precision

    @property
    def mINP(self) -> float:  # noqa: N802 - as the field writes it
        """`mean_inverse_negative_penalty`."""
        return self.mean_inverse_negative_penalty

    @property
    def mean_inverse_negative_penalty(self) -> float:
        """Mean inverse negative penalty over the scored queries, 0..1."""
        return float(np.nanmean(self.inverse_negative_penalty))

    def rank(self, k: int) -> float:
        """Return the CMC at rank ``k`` (1-based); past the end of the curve, its last value."""
        return float(self.cmc[min(k, len(self.cmc)) - 1])

    def summary(self) -> dict[str, float | int | str]:
        """Return the main scores (0..1) together with their protocol line."""
        return {
            "mAP": self.mean_average_precision,
            "mINP": self.mean_inverse_negative_penalty,
            "rank1": self.rank(1),
            "rank5": self.rank(5),
            "rank10": self.rank(10),
            "rank20": self.rank(20),
            "queries_scored": int(self.scored.sum()),
            "queries_skipped": int((~self.scored).sum()),
            "protocol": self.protocol_line,
        }

    def to_table(self, name: str = "", intervals: Mapping[str, Bounds] | None = None) -> Table:
        """Return the main scores in percent as one row, with the protocol line as its note.

        Args:
            name: name of the row.
            intervals: printed after the scores, as `videoreid.metrics.bootstrap_intervals` returns them.

        Returns:
            A table that prints as Markdown and has ``latex()`` and ``csv()``.
        """
        summary, cells = self.summary(), [name]
        for key in SCORES.values():
            bounds = (intervals or {}).get(key)
            span = "" if bounds is None else f" [{100 * bounds.low:.1f}, {100 * bounds.high:.1f}]"
            cells.append(f"{100 * float(summary[key]):.1f}{span}")
        return Table(["", *SCORES], [cells], [self.protocol_line])
