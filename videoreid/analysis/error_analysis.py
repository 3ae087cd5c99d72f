"""Error analysis: which causes of failure affect the queries of a ranking, and what each costs."""

import csv
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from videoreid.analysis.causes import Cause, CauseCost, cause_costs, cause_flags, find_causes
from videoreid.analysis.page import HardQuery, write_analysis_page
from videoreid.analysis.part_labels import ParsedFolderLabels
from videoreid.analysis.plain import (
    BinScores,
    CameraPair,
    cause_line,
    number,
    plain_bins,
    plain_cost,
    plain_pairs,
    plain_regressions,
)
from videoreid.analysis.proxies import hardness, pair_proxies, time_gaps
from videoreid.analysis.regressions import Regressions, regress_failure
from videoreid.analysis.resampling import QueryScores, Resamples, score_group
from videoreid.analysis.tracklets import FrameReading, TrackletAttributes, tracklet_attributes
from videoreid.errors import ConfigError, ProtocolError
from videoreid.types import Ranking, Tracklet
from videoreid.utils import atomic_path

__all__ = ["AnalysisSettings", "ErrorAnalysis", "analyse_errors"]


@dataclass(frozen=True)
class AnalysisSettings:
    """Settings of an error analysis.

    Args:
        frames: frames of each tracklet to measure.
        bins: number of groups of equal size for each proxy.
        resamples: of the bootstrap.
        level: of all intervals.
        seed: of all draws.
        min_failures: least number of failures, and of hits, for a regression.
        hardest: queries to list per cause.
        thresholds: by cause, in place of its default (`videoreid.analysis.CAUSES`).

    Raises:
        ConfigError: a number is too small, or a cause does not exist.
    """

    frames: int = 6
    bins: int = 4
    resamples: int = 1000
    level: float = 0.95
    seed: int = 0
    min_failures: int = 10
    hardest: int = 6
    thresholds: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if min(self.frames, self.bins, self.resamples, self.min_failures, self.hardest) < 1:
            raise ConfigError("frames, bins, resamples, min_failures and hardest must be 1 or more")
        if not 0.0 < self.level < 1.0:
            raise ConfigError(f"level must be between 0 and 1, got {self.level}")
        find_causes(self.thresholds)


@dataclass(frozen=True, eq=False)
class ErrorAnalysis:
    """Result of an error analysis.

    Args:
        ranking: the analysed ranking.
        query: Q tracklets.
        searched: the G tracklets of the ranking's rows.
        best_matches: ``(Q,)`` int64 row of each query's nearest true match in ``searched``; -1 if there is none or it
            is unknown.
        query_attributes: measured attributes of the queries.
        match_attributes: of their best true matches; NaN without a match.
        proxies: by name, ``(Q,)`` float64, the harder of query and match; higher is harder.
        flags: by cause, ``(Q,)`` bool, whether it affects the query or its match.
        bins: by proxy, its groups from easy to hard.
        camera_pairs: by camera of the query and of its match.
        costs: of the causes, the most costly first.
        regressions: of failure at Rank-1.
        hardest: by cause, rows of the affected queries with the lowest average precision.
        settings: of the analysis.
        causes: with the thresholds that were used.
    """

    ranking: Ranking = field(repr=False)
    query: tuple[Tracklet, ...] = field(repr=False)
    searched: tuple[Tracklet, ...] = field(repr=False)
    best_matches: np.ndarray = field(repr=False)
    query_attributes: TrackletAttributes = field(repr=False)
    match_attributes: TrackletAttributes = field(repr=False)
    proxies: Mapping[str, np.ndarray] = field(repr=False)
    flags: Mapping[str, np.ndarray] = field(repr=False)
    bins: Mapping[str, tuple[BinScores, ...]] = field(repr=False)
    camera_pairs: tuple[CameraPair, ...] = field(repr=False)
    costs: tuple[CauseCost, ...]
    regressions: Regressions = field(repr=False)
    hardest: Mapping[str, tuple[int, ...]]
    settings: AnalysisSettings
    causes: tuple[Cause, ...] = field(repr=False)

    @property
    def missing_frames(self) -> int:
        """Number of frames of queries and matches that could not be read."""
        return int(self.query_attributes.missing.sum() + self.match_attributes.missing.sum())

    @property
    def unknown_matches(self) -> int:
        """Number of scored queries whose best true match is unknown, because the ranking kept too few answers."""
        return int((self.ranking.scored & (self.best_matches < 0)).sum())

    @property
    def failures(self) -> int:
        """Number of scored queries whose first answer is wrong."""
        return int((self.ranking.scored & (self.ranking.first_match != 1)).sum())

    def to_dict(self) -> dict[str, Any]:
        """Return all figures as plain values; NaN is None."""
        return {
            "protocol": self.ranking.protocol_line,
            "mAP": self.ranking.mean_average_precision,
            "rank1": self.ranking.rank(1),
            "queries_scored": int(self.ranking.scored.sum()),
            "queries_without_match": int((~self.ranking.scored).sum()),
            "failures": self.failures,
            "matches_unknown": self.unknown_matches,
            "frames_missing": self.missing_frames,
            "frames_looked_at": int(self.query_attributes.frames.sum() + self.match_attributes.frames.sum()),
            "settings": {**asdict(self.settings), "thresholds": {c.name: c.threshold for c in self.causes}},
            "causes": [plain_cost(cost) for cost in self.costs],
            "bins": {name: plain_bins(bins) for name, bins in self.bins.items()},
            "camera_pairs": plain_pairs(self.camera_pairs),
            "regressions": plain_regressions(self.regressions),
            "hardest": {name: list(rows) for name, rows in self.hardest.items()},
        }

    def summary(self) -> str:
        """Return the causes in one line, the most costly first, with their costs and the share of affected queries."""
        costs = [plain_cost(cost) for cost in self.costs]
        return cause_line(costs, self.failures, int(self.ranking.scored.sum()))

    def to_json(self) -> str:
        """Return all figures as JSON; NaN is null."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n"

    def write_csv(self, path: str | os.PathLike[str]) -> None:
        """Write one row per query: scores, match, attributes of both, time gap, flags; unknown values are empty."""
        columns = self._columns()
        with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))

    def _columns(self) -> dict[str, list[Any]]:
        count, ranking = len(self.query), self.ranking
        matches = [None if row < 0 else self.searched[row] for row in self.best_matches]
        columns: dict[str, list[Any]] = {
            "query": list(range(count)),
            "pid": [tracklet.pid for tracklet in self.query],
            "camid": [tracklet.camid for tracklet in self.query],
            "average_precision": _cells(ranking.average_precision),
            "first_match": ranking.first_match.tolist(),
            "match_row": ["" if row < 0 else int(row) for row in self.best_matches],
            "match_camid": ["" if found is None else found.camid for found in matches],
        }
        for side, found in (("query", self.query_attributes), ("match", self.match_attributes)):
            columns |= {f"{side}_{name}": _cells(values) for name, values in found.values.items()}
        columns["time_gap"] = _cells(10.0 ** self.proxies["time gap"] - 1.0)
        return columns | {name: flag.astype(int).tolist() for name, flag in self.flags.items()}

    def write_page(self, path: str | os.PathLike[str], *, read_frames: FrameReading | None = None) -> None:
        """Write one self-contained HTML file.

        Args:
            path: the page; an existing file is replaced.
            read_frames: reads frame keys into images, for pictures of the hardest queries; None draws no pictures.
        """
        write_analysis_page(
            self.to_dict(), self.summary(), path, hard=self._hard_queries(), read_frames=read_frames
        )

    def _hard_queries(self) -> dict[str, list[HardQuery]]:
        return {name: [self._hard_query(row) for row in rows] for name, rows in self.hardest.items()}

    def _hard_query(self, row: int) -> HardQuery:
        match, top = int(self.best_matches[row]), self.ranking.top_indices[row, :1].tolist()
        return HardQuery(
            row=row,
            query=self.query[row],
            match=None if match < 0 else self.searched[match],
            answer=self.searched[top[0]] if top and top[0] >= 0 else None,
            average_precision=float(self.ranking.average_precision[row]),
            first_match=int(self.ranking.first_match[row]),
        )


def analyse_errors(
    ranking: Ranking,
    query: Sequence[Tracklet],
    gallery: Sequence[Tracklet],
    *,
    read_frames: FrameReading,
    best_matches: np.ndarray | None = None,
    labels: ParsedFolderLabels | None = None,
    settings: AnalysisSettings | None = None,
) -> ErrorAnalysis:
    """Measure each query and its nearest true match, and relate the attributes to failure.

    Args:
        ranking: the scored answers.
        query: Q tracklets, in the order of the ranking.
        gallery: the gallery as the dataset publishes it; the ranking knows whether the queries were in it.
        read_frames: reads frame keys into images; unreadable frames are counted.
        best_matches: ``(Q,)`` rows of the nearest true matches, see `best_true_matches`; None takes them from the
            ranking (of a ranking made by hand, from the answers that it kept).
        labels: part labels of the dataset; None measures pixels alone.
        settings: of the analysis; None for the defaults.

    Raises:
        ProtocolError: ranking and tracklets do not belong together, or Rank-1 is a mean over drawn galleries.
        DatasetError: part labels are missing or damaged.
    """
    settings = settings or AnalysisSettings()
    if ranking.protocol.gallery_shot == "single":
        raise ProtocolError(
            "Rank-1 of a single gallery shot is a mean over draws, not a hit or a miss per query; "
            "use a protocol with the whole gallery"
        )
    searched = ranking.searched(query, gallery)
    matches = _checked_matches(ranking, len(searched), best_matches)
    measured = _measure(ranking, query, searched, matches, read_frames, labels, settings.frames)
    pairs = [None if row < 0 else searched[row] for row in matches]
    return ErrorAnalysis(
        ranking=ranking,
        query=tuple(query),
        searched=tuple(searched),
        best_matches=matches,
        query_attributes=measured[0],
        match_attributes=measured[1],
        settings=settings,
        **_explain(ranking, query, pairs, measured, settings),
    )


def _explain(
    ranking: Ranking,
    query: Sequence[Tracklet],
    pairs: Sequence[Tracklet | None],
    measured: tuple[TrackletAttributes, TrackletAttributes],
    settings: AnalysisSettings,
) -> dict[str, Any]:
    """Return the fields of `ErrorAnalysis` that are computed from the attributes of queries and matches."""
    causes = find_causes(settings.thresholds)
    sides = hardness(measured[0]), hardness(measured[1])
    proxies = pair_proxies(*sides, time_gaps(query, pairs))
    flags = cause_flags(causes, measured[0].values, measured[1].values)
    scores = _scores(ranking, query)
    resamples = Resamples(scores, resamples=settings.resamples, seed=settings.seed, level=settings.level)
    rules = settings.min_failures, settings.seed, settings.level
    regressions = regress_failure(scores, proxies, sides, flags, causes, resamples, rules=rules)
    return {
        "proxies": proxies,
        "flags": flags,
        "bins": {name: _bins(values, scores, resamples, settings.bins) for name, values in proxies.items()},
        "camera_pairs": _camera_pairs(query, pairs, scores, resamples),
        "costs": cause_costs(causes, flags, scores, resamples, regressions.points),
        "regressions": regressions,
        "hardest": {name: _hardest(ranking, flag, settings.hardest) for name, flag in flags.items()},
        "causes": causes,
    }


def _checked_matches(ranking: Ranking, size: int, given: np.ndarray | None) -> np.ndarray:
    count = len(ranking.average_precision)
    if given is not None:
        rows = np.asarray(given)
        if rows.shape != (count,) or rows.dtype.kind not in "iu" or (rows >= size).any():
            raise ProtocolError(
                f"best_matches must be ({count},) whole numbers below {size}, got {rows.shape} {rows.dtype}"
            )
        return np.where(ranking.scored, rows.astype(np.int64), -1)
    if ranking.same_person is not None:
        return _nearest_matches(ranking)
    if not ranking.top_matches.shape[1]:
        return np.full(count, -1, np.int64)
    first = ranking.top_matches.argmax(axis=1)
    there = ranking.top_matches.any(axis=1) & ranking.scored
    return np.where(there, ranking.top_indices[np.arange(count), first], -1)


def _nearest_matches(ranking: Ranking) -> np.ndarray:
    """Return the nearest true match ``(Q,)`` of every query from its person's rows; -1 where there is none."""
    assert ranking.same_person is not None
    found = np.full(len(ranking.average_precision), -1, np.int64)
    for query in np.flatnonzero(ranking.scored).tolist():
        rows, _ = ranking.same_person.of(query, matches=True)
        if len(rows):
            found[query] = rows[0]
    return found


def _measure(
    ranking: Ranking,
    query: Sequence[Tracklet],
    searched: Sequence[Tracklet],
    matches: np.ndarray,
    read_frames: FrameReading,
    labels: ParsedFolderLabels | None,
    frames: int,
) -> tuple[TrackletAttributes, TrackletAttributes]:
    """Measure the queries and their matches, each tracklet once."""
    rows = np.unique(matches[matches >= 0])
    both: list[TrackletAttributes] = []
    is_query, numbers = (
        ranking.gallery.origin(rows) if ranking.gallery else (np.zeros(len(rows), dtype=bool), rows)
    )
    owners = [
        [("query", row) for row in range(len(query))],
        [("query" if own else "gallery", int(n)) for own, n in zip(is_query, numbers, strict=True)],
    ]
    for tracklets, owner in zip((query, [searched[row] for row in rows]), owners, strict=True):
        given = None if labels is None else (labels, owner)
        both.append(tracklet_attributes(tracklets, read_frames=read_frames, frames=frames, labels=given))
    return both[0], _spread_out(both[1], rows, matches)


def _spread_out(found: TrackletAttributes, rows: np.ndarray, matches: np.ndarray) -> TrackletAttributes:
    """Return the attributes of the measured rows for every query that has them as match; missing frames count once."""
    known = matches >= 0
    place = np.searchsorted(rows, matches[known])
    values = {}
    for name, column in found.values.items():
        values[name] = np.full(len(matches), np.nan)
        values[name][known] = column[place]
    frames, missing = np.zeros(len(matches), np.int64), np.zeros(len(matches), np.int64)
    frames[known] = found.frames[place]
    _, first = np.unique(place, return_index=True)
    missing[np.flatnonzero(known)[first]] = found.missing
    return TrackletAttributes(values, frames, missing)


def _scores(ranking: Ranking, query: Sequence[Tracklet]) -> QueryScores:
    rows = np.flatnonzero(ranking.scored)
    pids = np.array([tracklet.pid for tracklet in query], dtype=np.int64)
    hit = (ranking.first_match == 1).astype(np.float64)
    return QueryScores(rows, pids[rows], ranking.average_precision[rows], hit[rows])


def _bins(values: np.ndarray, scores: QueryScores, resamples: Resamples, count: int) -> tuple[BinScores, ...]:
    """Cut known values into groups of equal size; equal values stay together, so there may be fewer groups."""
    column = values[scores.rows]
    known = np.isfinite(column)
    if not known.any():
        return ()
    edges = np.unique(np.quantile(column[known], np.linspace(0, 1, count + 1)))
    inner = edges[1:-1]
    place = np.searchsorted(inner, column, side="right")
    groups = [known & (place == number) for number in range(len(inner) + 1)]
    return tuple(
        BinScores(float(column[mask].min()), float(column[mask].max()), score_group(scores, mask, resamples))
        for mask in groups
        if mask.any()
    )


def _camera_pairs(
    query: Sequence[Tracklet],
    pairs: Sequence[Tracklet | None],
    scores: QueryScores,
    resamples: Resamples,
) -> tuple[CameraPair, ...]:
    cameras = [
        (query[row].camid, found.camid) if (found := pairs[row]) is not None else None for row in scores.rows
    ]
    return tuple(
        CameraPair(*pair, score_group(scores, np.array([c == pair for c in cameras]), resamples))
        for pair in sorted({c for c in cameras if c is not None})
    )


def _hardest(ranking: Ranking, flag: np.ndarray, count: int) -> tuple[int, ...]:
    """Return rows of affected queries whose first answer is wrong, lowest average precision first."""
    rows = np.flatnonzero(flag & ranking.scored & (ranking.first_match != 1))
    order = np.argsort(ranking.average_precision[rows], kind="stable")
    return tuple(int(row) for row in rows[order][:count])


def _cells(values: np.ndarray) -> list[float | str]:
    return ["" if (cell := number(float(value))) is None else round(cell, 6) for value in values]
