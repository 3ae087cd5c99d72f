"""Query-gallery pairs of the same person: true matches and junk."""

from dataclasses import dataclass

import numpy as np

from videoreid.errors import ProtocolError
from videoreid.types import EvaluationProtocol
from videoreid.utils.arrays import as_ids

__all__ = ["SamePersonPairs", "check_ids", "same_person_pairs"]


@dataclass(frozen=True, eq=False)
class SamePersonPairs:
    """Every (query, gallery row) of the same person, sorted by query, then by gallery row.

    Args:
        queries: ``(P,)`` int64.
        rows: ``(P,)`` int64.
        is_match: ``(P,)`` bool; the others are junk.
        num_queries: Q.
        excluded: ``(E,)`` int64 gallery rows that are removed for every query.
    """

    queries: np.ndarray
    rows: np.ndarray
    is_match: np.ndarray
    num_queries: int
    excluded: np.ndarray

    @property
    def offsets(self) -> np.ndarray:
        """``(Q + 1,)`` where the pairs of each query begin."""
        return np.searchsorted(self.queries, np.arange(self.num_queries + 1))

    @property
    def match_offsets(self) -> np.ndarray:
        """``(Q + 1,)`` where the matches of each query begin among all matches."""
        return np.searchsorted(self.queries[self.is_match], np.arange(self.num_queries + 1))


def check_ids(name: str, values: object, length: int) -> np.ndarray:
    """Return ids as an int64 array of the expected shape ``(length,)``.

    Raises:
        ProtocolError: the values are not 64-bit integers, or not ``length`` of them.
    """
    array = as_ids(name, values)
    if array.shape != (length,):
        raise ProtocolError(
            f"{name} has shape {array.shape}, expected ({length},): one id per query or gallery row"
        )
    return array


def same_person_pairs(
    q_pids: np.ndarray,
    g_pids: np.ndarray,
    q_camids: np.ndarray,
    g_camids: np.ndarray,
    protocol: EvaluationProtocol,
    clothes: tuple[np.ndarray, np.ndarray] | None = None,
) -> SamePersonPairs:
    """Return all pairs of a query and a gallery row of one person, in time and memory linear in their number.

    Args:
        q_pids: ``(Q,)`` int64.
        g_pids: ``(G,)`` int64.
        q_camids: ``(Q,)`` int64.
        g_camids: ``(G,)`` int64.
        protocol: says what is junk.
        clothes: ``(Q,)`` and ``(G,)`` int64, for a protocol that compares them.

    Raises:
        ProtocolError: query or gallery is empty, or the protocol needs cameras or clothes that are unknown (-1).
    """
    if len(q_pids) == 0 or len(g_pids) == 0:
        raise ProtocolError(
            f"nothing to score: {len(q_pids)} queries and {len(g_pids)} gallery rows; each needs one or more"
        )
    kept = ~np.isin(g_pids, protocol.junk_pids)
    if protocol.junk == "same_camera" or protocol.same_camera_penalty:
        unknown = int((q_camids < 0).sum()), int((g_camids[kept] < 0).sum())
        if any(unknown):
            raise ProtocolError(
                f"protocol {protocol.name!r} compares cameras, but {unknown[0]} queries and {unknown[1]} gallery rows "
                "have camera -1 (unknown); give camera numbers or use protocol 'no_cameras'"
            )
    order = np.flatnonzero(kept)
    order = order[np.argsort(g_pids[order], kind="stable")]  # by person, then by row
    start = np.searchsorted(g_pids[order], q_pids, side="left")
    counts = np.searchsorted(g_pids[order], q_pids, side="right") - start
    queries = np.repeat(np.arange(len(q_pids)), counts)
    within = np.arange(len(queries)) - np.repeat(np.cumsum(counts) - counts, counts)
    rows = order[np.repeat(start, counts) + within]
    other_camera = q_camids[queries] != g_camids[rows]
    is_match = other_camera | (protocol.junk == "nothing")
    if protocol.clothes != "any":
        q_clothes, g_clothes = _known_clothes(clothes, kept, len(q_pids), protocol)
        is_match &= (q_clothes[queries] == g_clothes[rows]) == (protocol.clothes == "same")
    return SamePersonPairs(queries, rows, is_match, len(q_pids), np.flatnonzero(~kept))


def _known_clothes(
    clothes: tuple[np.ndarray, np.ndarray] | None,
    kept: np.ndarray,
    num_queries: int,
    protocol: EvaluationProtocol,
) -> tuple[np.ndarray, np.ndarray]:
    if clothes is None:
        raise ProtocolError(
            f"protocol {protocol.name!r} compares clothes: give evaluate_distances clothes=(of the queries, of the "
            "gallery), as in [tracklet.clothes for tracklet in splits.query]"
        )
    worn = (
        check_ids("clothes of the queries", clothes[0], num_queries),
        check_ids("clothes of the gallery", clothes[1], len(kept)),
    )
    unknown = int((worn[0] < 0).sum()), int((worn[1][kept] < 0).sum())
    if any(unknown):
        raise ProtocolError(
            f"protocol {protocol.name!r} compares clothes, but {unknown[0]} queries and {unknown[1]} gallery rows have "
            "clothes -1 (unknown)"
        )
    return worn
