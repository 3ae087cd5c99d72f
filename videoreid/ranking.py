"""Rules of evaluation, and the scored ranking of every query."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeVar

import numpy as np

from videoreid.errors import ProtocolError
from videoreid.utils.tables import Table

__all__ = ["EvaluationProtocol", "RankedGallery", "Ranking", "SamePersonRows"]


class _Identified(Protocol):
    """Whatever shows one person in one camera, as a tracklet does."""

    @property
    def pid(self) -> int: ...

    @property
    def camid(self) -> int: ...


class Bounds(Protocol):
    """Whatever has two ends, as `videoreid.metrics.Interval` has."""

    @property
    def low(self) -> float: ...

    @property
    def high(self) -> float: ...


Item = TypeVar("Item", bound=_Identified)

SCORES = {
    "mAP": "mAP", "mINP": "mINP", "Rank-1": "rank1", "Rank-5": "rank5", "Rank-10": "rank10", "Rank-20": "rank20",
}  # fmt: skip
"""What a table of scores shows: the heading, and its key in `Ranking.summary`."""


@dataclass(frozen=True)
class EvaluationProtocol:
    """The rules by which a ranking is scored.

    Args:
        name: how the protocol is printed and looked up.
        queries_in_gallery: the queries are appended to the gallery before ranking (official MARS).
        junk: which gallery rows are taken out of a query's list: those of the same person in the same camera
            ("same_camera"), none ("nothing").
        junk_pids: gallery pids that are removed for every query.
        unmatched: what happens to a query without a true match: left out and counted ("skip"), refused
            ("error"), or scored zero ("zero").
        average_precision: "standard", or "trapezoidal" (the Market-1501 toolkit).
        gallery_shot: "multi", or "single" (CUHK03: the CMC is the mean over random galleries of one row per
            identity; AP and mINP are over all kept rows, as published code computes them).
        same_camera_penalty: add the largest distance to every same-camera pair; scores are then NOT comparable
            with the literature ("camera_aware").
        max_rank: length of the CMC curve.
        note: a caveat that is printed with every score.
        clothes: which matches count where people change their clothes: all ("any"), those in other clothes than the
            query's ("changed"), or those in the same ("same"); the person's other rows are junk then.

    Raises:
        ProtocolError: the queries are in the gallery, and nothing keeps a query from finding itself.
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
                f"protocol {self.name!r} puts the queries into the gallery and takes nothing out of their lists: every "
                "query would find itself first; use junk='same_camera', or leave the queries out"
            )


@dataclass(frozen=True, eq=False)
class RankedGallery:
    """Which tracklets the gallery rows of a ranking are.

    A protocol may put the queries into the gallery, so its rows are not always those of the published gallery.

    Args:
        pids: ``(G,)`` int64 person of every row.
        camids: ``(G,)`` int64 camera of every row.
        query_start: first of the Q rows in a line that are the queries; None where none were put there.
        num_queries: Q.
    """

    pids: np.ndarray
    camids: np.ndarray
    query_start: int | None = None
    num_queries: int = 0

    def __len__(self) -> int:
        return len(self.pids)

    def origin(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return whether each row is a query, and its number among the queries or in the published gallery.

        Args:
            rows: int64 of any shape; -1 stays -1.

        Returns:
            bool and int64, each of the same shape.
        """
        rows = np.asarray(rows)
        if self.query_start is None:
            return np.zeros(rows.shape, dtype=bool), rows
        is_query = (rows >= self.query_start) & (rows < self.query_start + self.num_queries)
        skipped = np.where(rows > self.query_start, self.num_queries, 0)
        return is_query, rows - np.where(is_query, self.query_start, skipped)

    def join(self, query: Sequence[Item], gallery: Sequence[Item]) -> tuple[Item, ...]:
        """Return the G items that the rows count in, checked by their ids.

        Args:
            query: Q tracklets.
            gallery: the gallery as published, or all G rows if the queries are in it already.

        Raises:
            ProtocolError: the gallery has another size, or another person or camera in some row.
        """
        items, start = tuple(gallery), self.query_start
        if start is not None and len(gallery) == len(self) - len(query):
            items = (*gallery[:start], *query, *gallery[start:])
        if len(items) != len(self):
            expected = f"{len(self)} tracklets"
            if start is not None:
                expected += f", {self.num_queries} of them the queries"
            raise ProtocolError(
                f"the ranking searched a gallery of {expected}, but the given gallery holds {len(gallery)}; "
                "give the gallery that was ranked, as the dataset publishes it"
            )
        for name, expected_ids in (("pid", self.pids), ("camid", self.camids)):
            given = np.fromiter((getattr(item, name) for item in items), np.int64, len(items))
            wrong = np.flatnonzero(given != expected_ids)
            if len(wrong):
                row = wrong[0]
                raise ProtocolError(
                    f"this is not the gallery that was ranked: {len(wrong)} rows have another {name}, the first is "
                    f"row {row} with {name} {given[row]} instead of {expected_ids[row]}"
                )
        return items


@dataclass(frozen=True, eq=False)
class SamePersonRows:
    """Every gallery row of a query's own person, however far down: true matches, and the junk among them.

    Args:
        rows: ``(P,)`` int64 gallery rows, query by query, the nearest first.
        distances: ``(P,)`` float32.
        is_match: ``(P,)`` bool; the others are junk, the query itself where it is in the gallery among them.
        offsets: ``(Q + 1,)`` int64; query ``q`` owns ``offsets[q]`` up to ``offsets[q + 1]``.
    """

    rows: np.ndarray
    distances: np.ndarray
    is_match: np.ndarray
    offsets: np.ndarray

    def of(self, query: int, *, matches: bool) -> tuple[np.ndarray, np.ndarray]:
        """Return gallery rows and distances of a query's true matches, or of its junk, the nearest first."""
        mine = slice(int(self.offsets[query]), int(self.offsets[query + 1]))
        wanted = self.is_match[mine] == matches
        return self.rows[mine][wanted], self.distances[mine][wanted]


@dataclass(frozen=True, eq=False)
class Ranking:
    """The scored answer to every query, from which tables, pictures and error analysis are all read.

    Args:
        average_precision: ``(Q,)`` float64; NaN where the query was not scored.
        inverse_negative_penalty: ``(Q,)`` float64, mINP's term (Ye et al., TPAMI 2021); NaN likewise.
        first_match: ``(Q,)`` int64, 1-based rank of the first true match; 0 where the query was not scored.
        cmc: ``(max_rank,)`` float64, share of the scored queries matched within each rank.
        top_indices: ``(Q, k)`` int64 gallery rows in ranked order, junk left out; -1 pads a short list. They count in
            the gallery that was searched, see `searched`.
        top_distances: ``(Q, k)`` float32, NaN where padded.
        top_matches: ``(Q, k)`` bool, whether the row shows the same person.
        protocol: the rules.
        protocol_line: the printed line: dataset, split, gallery rule, queries scored and skipped, distance, ...
        match_ranks: ``(P,)`` int64, 1-based ranks of all true matches, query by query, ascending in each; empty
            only in a ranking made by hand.
        match_offsets: ``(Q + 1,)`` int64; query ``q`` owns ``match_ranks[match_offsets[q]:match_offsets[q + 1]]``.
        gallery: what was searched; None only in a ranking made by hand.
        same_person: where the query's own person stands, missed matches and junk included; None in a ranking made
            by hand.
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
            ``(Q, k)`` bool and ``(Q, k)`` int64, -1 where the list is short.
        """
        return (self.gallery or RankedGallery(np.empty(0), np.empty(0))).origin(self.top_indices)

    def searched(self, query: Sequence[Item], gallery: Sequence[Item]) -> tuple[Item, ...]:
        """Return the tracklets that ``top_indices`` are rows of, the queries included where the protocol adds them.

        Every reader that turns rows into tracklets calls this, so that none has to know the protocol.

        Args:
            query: Q tracklets, in the order of the ranking.
            gallery: the gallery as the dataset publishes it.

        Returns:
            One tracklet per gallery row.

        Raises:
            ProtocolError: these are not the tracklets that were ranked, or the ranking does not say what was.
        """
        queries = len(self.average_precision)
        if len(query) != queries:
            raise ProtocolError(f"the ranking holds {queries} queries, got {len(query)} tracklets")
        if self.gallery is not None:
            return self.gallery.join(query, gallery)
        largest = int(self.top_indices.max(initial=-1))
        if self.protocol.queries_in_gallery or largest >= len(gallery):
            raise ProtocolError(
                f"the ranking names gallery row {largest}, the given gallery holds {len(gallery)} tracklets, and the "
                "ranking does not say which gallery was searched; make it by evaluate_features or evaluate_distances"
            )
        return tuple(gallery)

    @property
    def scored(self) -> np.ndarray:
        """``(Q,)`` bool: which queries count."""
        return ~np.isnan(self.average_precision)

    @property
    def mean_average_precision(self) -> float:
        """MAP over the scored queries, 0..1."""
        return float(np.nanmean(self.average_precision))

    @property
    def mean_inverse_negative_penalty(self) -> float:
        """MINP over the scored queries, 0..1."""
        return float(np.nanmean(self.inverse_negative_penalty))

    def rank(self, k: int) -> float:
        """Return CMC at rank ``k`` (1-based); past the end of the curve, its last value."""
        return float(self.cmc[min(k, len(self.cmc)) - 1])

    def summary(self) -> dict[str, float | int | str]:
        """Return the headline figures (0..1) together with the protocol line they belong to."""
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
        """Return the headline figures in percent as one row, with the protocol line as its note.

        Args:
            name: of the row.
            intervals: printed behind the figures, as `videoreid.metrics.bootstrap_intervals` returns them.

        Returns:
            A table that prints as Markdown and has ``latex()`` and ``csv()``.
        """
        summary, cells = self.summary(), [name]
        for key in SCORES.values():
            bounds = (intervals or {}).get(key)
            span = "" if bounds is None else f" [{100 * bounds.low:.1f}, {100 * bounds.high:.1f}]"
            cells.append(f"{100 * float(summary[key]):.1f}{span}")
        return Table(["", *SCORES], [cells], [self.protocol_line])
