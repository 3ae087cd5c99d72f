"""Proxies of hardness: attributes of a query and of its best true match as columns, where higher is harder."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from videoreid.analysis.causes import Cause
from videoreid.analysis.tracklets import TrackletAttributes
from videoreid.types import Tracklet

__all__ = ["HARDNESS", "Design", "design_of", "hardness", "pair_proxies", "time_gaps"]

HARDNESS: dict[str, tuple[str, Callable[[np.ndarray], np.ndarray]]] = {
    "occlusion": ("occlusion", np.asarray),
    "people": ("people", np.asarray),
    "coarseness": ("resolution", lambda values: -np.log2(np.maximum(values, 1.0))),
    "scene darkness": ("light", lambda values: 1.0 - values),
    "clothing darkness": ("clothing_darkness", np.asarray),
    "shortness": ("length", lambda values: -np.log2(np.maximum(values, 1.0))),
    "box jitter": ("jitter", np.asarray),
    "motion blur": ("blur", np.asarray),
}
"""Proxies of the regression: by name, the attribute and the function that turns it into hardness."""
_KNOWN = 0.9  # least share of the queries with a known value in a column


@dataclass(frozen=True, eq=False)
class Design:
    """Columns of a regression, in units of their own spread.

    Args:
        names: of the P columns.
        rows: ``(N,)`` int64, the given rows without an unknown value.
        matrix: ``(N, P)`` float64, each column with mean 0 and standard deviation 1.
        centre: ``(P,)`` float64, the subtracted means.
        scale: ``(P,)`` float64, the standard deviations that columns were divided by.
        left_out: columns left out, by name with the reason.
    """

    names: tuple[str, ...]
    rows: np.ndarray
    matrix: np.ndarray
    centre: np.ndarray
    scale: np.ndarray
    left_out: dict[str, str]

    def with_product(self, first: str, second: str) -> tuple[tuple[str, ...], np.ndarray]:
        """Return names and matrix ``(N, P + 1)`` with the product of two columns added."""
        one, two = (self.matrix[:, self.names.index(name)] for name in (first, second))
        return (*self.names, f"{first} x {second}"), np.column_stack([self.matrix, one * two])


def hardness(attributes: TrackletAttributes) -> dict[str, np.ndarray]:
    """Return each proxy ``(N,)`` of N tracklets; higher is harder, NaN is unknown."""
    return {name: turn(attributes.values[attribute]) for name, (attribute, turn) in HARDNESS.items()}


def pair_proxies(
    query: Mapping[str, np.ndarray], match: Mapping[str, np.ndarray], gaps: np.ndarray
) -> dict[str, np.ndarray]:
    """Return each proxy ``(Q,)`` of a query and its best true match, the harder of the two, and their time gap.

    Args:
        query: result of `hardness`.
        match: result of `hardness`, NaN where there is no match.
        gaps: ``(Q,)``, result of `time_gaps`.
    """
    pairs = {name: np.fmax(query[name], match[name]) for name in query}
    return {**pairs, "time gap": np.log10(1.0 + gaps)}


def time_gaps(query: Sequence[Tracklet], match: Sequence[Tracklet | None]) -> np.ndarray:
    """Return ``(Q,)`` times between query and match, on the dataset's clock; 0 if they overlap, NaN if unknown."""
    return np.array([np.nan if found is None else _gap(one, found)
                     for one, found in zip(query, match, strict=True)], dtype=np.float64)  # fmt: skip


def _gap(one: Tracklet, two: Tracklet) -> float:
    ends = [item.time if np.isnan(item.end_time) else item.end_time for item in (one, two)]
    if np.isnan([one.time, two.time]).any():
        return float("nan")
    return float(max(two.time - ends[0], one.time - ends[1], 0.0))


def design_of(proxies: Mapping[str, np.ndarray], rows: np.ndarray) -> Design:
    """Return standardised columns of proxies of some queries; unknown and constant proxies are left out.

    Args:
        proxies: ``(Q,)`` each.
        rows: the queries to take.
    """
    left_out, kept = {}, {}
    for name, values in proxies.items():
        column = values[rows]
        known = np.isfinite(column)
        if len(column) and known.mean() < _KNOWN:
            left_out[name] = f"unknown for {int((~known).sum())} of {len(column)} queries"
        elif len(column) and np.ptp(column[known]) <= 1e-9 * max(1.0, float(np.abs(column[known]).max())):
            left_out[name] = f"constant: {column[known][0]:g} for every query"
        else:
            kept[name] = column
    names = tuple(kept)
    table = np.column_stack([kept[name] for name in names]) if names else np.empty((len(rows), 0))
    complete = np.isfinite(table).all(axis=1)
    table = table[complete]
    centre = table.mean(axis=0) if len(table) else np.zeros(len(names))
    scale = table.std(axis=0) if len(table) else np.ones(len(names))
    scale = np.where(scale > 0, scale, 1.0)
    return Design(names, np.flatnonzero(complete), (table - centre) / scale, centre, scale, left_out)


def cause_columns(design: Design, causes: Sequence[Cause]) -> dict[str, tuple[int, float]]:
    """Return, for each cause with a column, the column and the threshold in the column's unit."""
    found = {}
    for cause in causes:
        if cause.hardness in design.names:
            column = design.names.index(cause.hardness)
            raw = float(HARDNESS[cause.hardness][1](np.array(cause.threshold)))
            found[cause.name] = (column, (raw - float(design.centre[column])) / float(design.scale[column]))
    return found
