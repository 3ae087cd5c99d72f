"""Data of the explorer: rankings and tracklets as plain tables for JSON, in one numbering for every protocol."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from videoreid.errors import ConfigError, ProtocolError
from videoreid.types import Features, RankedGallery, Ranking, Tracklet

__all__ = [
    "ExplorerTables",
    "answers_of",
    "feature_chunks",
    "run_columns",
    "tables_of",
    "tracklet_columns",
]

_BINS = 60
_CHUNK_BYTES = 4 << 20
_DISTANCES = ("cosine", "euclidean", "squared_euclidean")


@dataclass(frozen=True, eq=False)
class ExplorerTables:
    """Tracklets and rankings in one numbering: queries first, then the gallery as published.

    Args:
        tracklets: Q queries and the published gallery.
        rankings: by name of the run.
        numbers: for each run, ``(G,)`` the number of the tracklet in every gallery row of the ranking.
        num_queries: Q.
        top_k: answers per query.
    """

    tracklets: tuple[Tracklet, ...]
    rankings: Mapping[str, Ranking]
    numbers: tuple[np.ndarray, ...]
    num_queries: int
    top_k: int

    def shown(self, rows: Sequence[int]) -> list[int]:
        """Return the numbers of all tracklets that these queries need, sorted."""
        found = set(rows)
        for run in range(len(self.rankings)):
            for row in rows:
                answers, truths, junk = answers_of(self, run, row)
                found.update(answers["id"], truths["id"], junk["id"])
        return sorted(found)


def tables_of(
    rankings: Mapping[str, Ranking], query: Sequence[Tracklet], gallery: Sequence[Tracklet], top_k: int
) -> ExplorerTables:
    """Return the tables of one or two rankings and their tracklets.

    Raises:
        ConfigError: there are not one or two rankings, or one kept no answers.
        ProtocolError: a ranking and the tracklets do not belong together.
    """
    if not 1 <= len(rankings) <= 2:
        raise ConfigError(f"an explorer shows one run, or two side by side, not {len(rankings)}")
    numbers, published = [], []
    for name, ranking in rankings.items():
        if ranking.top_indices.shape[1] == 0:
            raise ConfigError(f"ranking {name!r} kept no answers: evaluate with top_k of 1 or more")
        searched = ranking.searched(query, gallery)
        rows = np.arange(len(searched))
        is_query, row = (ranking.gallery or RankedGallery(rows, rows)).origin(rows)
        numbers.append(np.where(is_query, row, len(query) + row))
        published.append(
            tuple(item for item, appended in zip(searched, is_query.tolist(), strict=True) if not appended)
        )
    if len({len(items) for items in published}) > 1:
        raise ProtocolError("the two rankings searched galleries of different sizes; rank the same splits")
    return ExplorerTables((*query, *published[0]), rankings, tuple(numbers), len(query), top_k)


def answers_of(tables: ExplorerTables, run: int, row: int) -> tuple[dict[str, list], ...]:
    """Return one query's answers, its true matches beyond them, and the junk between them.

    Returns:
        Answers (id, distance, hit), missed matches (id, distance, rank) and junk (id, distance), as columns.
    """
    ranking = list(tables.rankings.values())[run]
    numbers = tables.numbers[run]
    indices = ranking.top_indices[row, : tables.top_k]
    kept = indices >= 0
    indices, distances = indices[kept], ranking.top_distances[row, : tables.top_k][kept]
    hits = ranking.top_matches[row, : tables.top_k][kept]
    answers = {
        "id": numbers[indices].tolist(),
        "distance": _rounded(distances),
        "hit": hits.astype(int).tolist(),
    }
    truths: dict[str, list] = {"id": [], "distance": [], "rank": []}
    junk: dict[str, list] = {"id": [], "distance": []}
    if ranking.same_person is not None:
        rows, far = ranking.same_person.of(row, matches=True)
        ranks = ranking.match_ranks[ranking.match_offsets[row] : ranking.match_offsets[row + 1]]
        beyond = np.flatnonzero(ranks > len(indices))[: tables.top_k]
        truths = {
            "id": numbers[rows[beyond]].tolist(),
            "distance": _rounded(far[beyond]),
            "rank": ranks[beyond].tolist(),
        }
        rows, far = ranking.same_person.of(row, matches=False)
        between = (far <= (distances[-1] if len(distances) else -math.inf)) & (numbers[rows] != row)
        junk = {"id": numbers[rows[between]].tolist(), "distance": _rounded(far[between])}
    return answers, truths, junk


def tracklet_columns(tracklets: Sequence[Tracklet], frames: Mapping[int, int]) -> dict[str, list]:
    """Return the columns of the page's table of tracklets; ``frames`` is the number of frames in each strip."""
    return {
        "pid": [int(item.pid) for item in tracklets],
        "camid": [int(item.camid) for item in tracklets],
        "time": [_number(item.time) for item in tracklets],
        "end": [_number(item.end_time) for item in tracklets],
        "length": [len(item) for item in tracklets],
        "name": [_short_name(item.frames[0]) for item in tracklets],
        "frames": [frames.get(number, 0) for number in range(len(tracklets))],
    }


def run_columns(name: str, ranking: Ranking, rows: Sequence[int], top_k: int) -> dict[str, Any]:
    """Return scores, protocol, per-query figures and the histogram of a run."""
    summary = ranking.summary()
    figures = [("mAP", "mAP"), ("Rank-1", "rank1"), ("Rank-5", "rank5"), ("mINP", "mINP")]
    chosen = np.asarray(rows, np.int64)
    return {
        "name": name,
        "scores": [[label, f"{summary[key]:.3f}"] for label, key in figures],
        "scored": summary["queries_scored"],
        "skipped": summary["queries_skipped"],
        "protocol": ranking.protocol_line,
        "ap": [_number(value, 6) for value in ranking.average_precision[chosen].tolist()],
        "first": ranking.first_match[chosen].tolist(),
        "nearest": [_number(value, 5) for value in ranking.top_distances[chosen, 0].tolist()],
        "hit": ranking.top_matches[chosen, :1].any(1).astype(int).tolist(),
        "histogram": _histogram(ranking, top_k),
    }


def feature_chunks(features: Features, distance: str) -> tuple[dict[str, Any], list[bytes]]:
    """Return embeddings as 8-bit integers in chunks of a few megabytes, for the search in the page.

    Each row is scaled by its largest absolute value; the rounding error is at most 1/254 of that value.

    Raises:
        ConfigError: the page cannot compute the distance.
    """
    if distance not in _DISTANCES:
        raise ConfigError(f"the page searches by {', '.join(_DISTANCES)}, not by {distance!r}")
    table = features.embeddings.detach().float().cpu().numpy()
    if distance == "cosine":
        table = table / np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-12)
    scales = np.abs(table).max(axis=1, keepdims=True, initial=0.0)
    codes = np.round(127 * table / np.where(scales > 0, scales, 1.0)).astype(np.int8)
    step = max(1, _CHUNK_BYTES // max(1, table.shape[1]))
    chunks = [codes[start : start + step].tobytes() for start in range(0, len(codes), step)]
    about = {"width": table.shape[1], "distance": distance, "step": step, "chunks": len(chunks)}
    return {**about, "scale": [float(f"{value / 127:.8g}") for value in scales[:, 0].tolist()]}, chunks


def _histogram(ranking: Ranking, top_k: int) -> dict[str, Any]:
    """Return counts of the distances of true matches and of wrong answers within the list."""
    distances, hits = ranking.top_distances[:, :top_k], ranking.top_matches[:, :top_k]
    known = np.isfinite(distances)
    wrong = distances[known & ~hits]
    same = ranking.same_person
    true = distances[known & hits] if same is None else same.distances[same.is_match]
    both = np.concatenate([wrong, true]).astype(np.float64)  # float32 cannot cut a narrow range into bins
    if not len(both):
        return {"low": 0.0, "high": 1.0, "match": [0], "wrong": [0]}
    low, high = float(both.min()), float(both.max())
    high = high if high > low else low + 1.0
    parts = (part.astype(np.float64) for part in (true, wrong))
    counts = [np.histogram(part, bins=_BINS, range=(low, high))[0].tolist() for part in parts]
    return {"low": low, "high": high, "match": counts[0], "wrong": counts[1]}


def _rounded(values: np.ndarray) -> list[float | None]:
    return [_number(value, 5) for value in values.tolist()]


def _number(value: float, digits: int = 3) -> float | None:
    return round(value, digits) if math.isfinite(value) else None


def _short_name(key: str) -> str:
    """Return a frame key without its folders, so that a page does not reveal paths of the disk."""
    path, separator, entry = key.partition("::")
    return re.split(r"[/\\]", path)[-1] + separator + entry
