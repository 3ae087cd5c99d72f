"""Open-set identification: detection and identification rate at a false alarm rate."""

from dataclasses import dataclass

import numpy as np

from videoreid.errors import ConfigError, ProtocolError
from videoreid.types import Ranking

__all__ = ["OpenSetScore", "detection_identification_rate"]


@dataclass(frozen=True)
class OpenSetScore:
    """Detection and identification at a false alarm rate.

    Args:
        threshold: answers up to this distance are given, farther ones are withheld.
        false_alarm_rate: share of the unknown queries that get an answer.
        detection_identification_rate: share of the known queries that get an answer with the right person.
        known: number of queries with a true match.
        unknown: number of queries without.
    """

    threshold: float
    false_alarm_rate: float
    detection_identification_rate: float
    known: int
    unknown: int


def detection_identification_rate(
    ranking: Ranking, far: float, *, rank: int = 1, threshold: float | None = None
) -> OpenSetScore:
    """Return DIR at FAR: the share of known queries found, at a given share of unknown queries that raise an alarm.

    An unknown query raises a false alarm if its nearest gallery row is within the threshold. A known query is
    found if a true match is within ``rank`` and within the threshold. A query is unknown if it has no match under
    the protocol.

    Args:
        ranking: made with ``top_k`` of at least ``rank`` and a protocol that skips unmatched queries.
        far: share of the unknown queries that may raise an alarm, 0..1.
        rank: the last rank that counts as found.
        threshold: a threshold fitted on other data; None fits one to ``far``.

    Raises:
        ProtocolError: no query is known, none is unknown, or the ranking keeps too few rows.
        ConfigError: ``far`` out of range.

    Reference:
        Phillips, Grother, Micheals, Evaluation methods in face recognition, in Handbook of Face Recognition, 2011;
        Liao et al., Open-set person re-identification, arXiv 1408.0872.
    """
    if not 0 <= far <= 1:
        raise ConfigError(f"a false alarm rate of {far} is impossible; choose one between 0 and 1")
    if ranking.top_distances.shape[1] < rank or rank < 1:
        raise ProtocolError(
            f"the ranking keeps {ranking.top_distances.shape[1]} rows per query, but rank {rank} is needed; "
            "evaluate with a larger top_k"
        )
    known = ranking.first_match > 0
    if known.all() or not known.any():
        raise ProtocolError(
            f"{int(known.sum())} known and {int((~known).sum())} unknown queries; the open set needs both: "
            "leave some persons out of the gallery"
        )
    alarms = ranking.top_distances[~known, 0]
    alarms = np.where(np.isnan(alarms), np.inf, alarms)
    if threshold is None:
        threshold = _threshold(alarms, far)
    limit = np.float32(threshold)
    right = ranking.top_matches[known, :rank] & (ranking.top_distances[known, :rank] <= limit)
    return OpenSetScore(
        threshold=float(threshold),
        false_alarm_rate=float((alarms <= limit).mean()),
        detection_identification_rate=float(right.any(axis=1).mean()),
        known=int(known.sum()),
        unknown=int((~known).sum()),
    )


def _threshold(alarms: np.ndarray, far: float) -> float:
    allowed = int(np.floor(far * len(alarms) + 1e-9))
    if allowed >= len(alarms):
        return float(np.inf)
    return float(np.nextafter(np.float32(np.sort(alarms)[allowed]), np.float32(-np.inf)))
