"""The gallery of a ranking, and its rows that show the persons of the queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

from videoreid.errors import ProtocolError
from videoreid.utils.printing import count_of

__all__ = ["Item", "RankedGallery", "SamePersonRows"]


class _Identified(Protocol):
    """An item with a person and a camera, such as a tracklet."""

    @property
    def pid(self) -> int: ...

    @property
    def camid(self) -> int: ...


Item = TypeVar("Item", bound=_Identified)


@dataclass(frozen=True, eq=False)
class RankedGallery:
    """Person and camera of the gallery rows of a ranking.

    A protocol may add the queries to the gallery, so the rows may differ from those of the published gallery.

    Args:
        pids: ``(G,)`` int64 person of every row.
        camids: ``(G,)`` int64 camera of every row.
        query_start: first of the Q consecutive rows that are the queries; None if the queries were not added.
        num_queries: number of queries Q.
    """

    pids: np.ndarray
    camids: np.ndarray
    query_start: int | None = None
    num_queries: int = 0

    def __len__(self) -> int:
        return len(self.pids)

    def __repr__(self) -> str:
        queries = "" if self.query_start is None else f", {self.num_queries} of them queries"
        return f"RankedGallery({count_of(len(self), 'row')}{queries})"

    def origin(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return whether each row is a query, and its number among the queries or in the published gallery.

        Args:
            rows: int64 of any shape ``(...)``; -1 stays -1.

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
        """Return the G items that the rows index, checked by their ids.

        Args:
            query: Q tracklets.
            gallery: the gallery as published, or all G rows if it already contains the queries.

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
    """Every gallery row that shows the person of a query, at any rank: true matches and junk.

    Args:
        rows: ``(P,)`` int64 gallery rows, query by query, the nearest first.
        distances: ``(P,)`` float32.
        is_match: ``(P,)`` bool; the other rows are junk, including the query itself if it is in the gallery.
        offsets: ``(Q + 1,)`` int64; query ``q`` owns ``offsets[q]`` up to ``offsets[q + 1]``.
    """

    rows: np.ndarray
    distances: np.ndarray
    is_match: np.ndarray
    offsets: np.ndarray

    def of(self, query: int, *, matches: bool) -> tuple[np.ndarray, np.ndarray]:
        """Return gallery rows and distances ``(n,)`` of a query's true matches or junk, the nearest first."""
        mine = slice(int(self.offsets[query]), int(self.offsets[query + 1]))
        wanted = self.is_match[mine] == matches
        return self.rows[mine][wanted], self.distances[mine][wanted]
