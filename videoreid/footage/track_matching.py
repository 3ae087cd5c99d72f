"""Matching of tracks to true tracks by the overlap of their boxes."""

from collections import Counter

import numpy as np

from videoreid.errors import ConfigError
from videoreid.footage.track_files import Tracks

__all__ = ["box_overlaps", "match_tracks"]


def box_overlaps(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the intersection over union ``(N, M)`` of boxes ``(N, 4)`` and ``(M, 4)``: left, top, width, height."""
    first, second = boxes[:, None], others[None]
    ends = np.minimum(first[..., :2] + first[..., 2:], second[..., :2] + second[..., 2:])
    common = np.clip(ends - np.maximum(first[..., :2], second[..., :2]), 0.0, None).prod(axis=2)
    union = first[..., 2:].prod(axis=2) + second[..., 2:].prod(axis=2) - common
    return np.asarray(common / union)


def match_tracks(
    tracks: Tracks, truth: Tracks, *, overlap: float = 0.5, share: float = 0.5
) -> dict[int, int]:
    """Find the true track that each track follows for most of its boxes.

    In every frame boxes are matched one to one, with the largest number of sufficient overlaps and, among those
    matchings, the largest sum of overlaps. A track that switches between persons gets the one it follows longer.

    Args:
        tracks: tracks of a tracker.
        truth: true tracks of the same recording; their frames may be a subset.
        overlap: smallest intersection over union of a match.
        share: more than this share of a track's boxes, in frames of the truth, must match one true track.

    Returns:
        The id of the true track for the id of each track; tracks without a match are absent.

    Raises:
        ConfigError: overlap outside 0..1 (0 excluded), or share outside 0..1.
    """
    from scipy.optimize import linear_sum_assignment

    if not 0.0 < overlap <= 1.0 or not 0.0 <= share <= 1.0:
        raise ConfigError(f"overlap must be above 0 and at most 1, share 0 to 1; got {overlap} and {share}")
    votes: dict[int, Counter[int | None]] = {}
    rows, true_rows = _by_frame(tracks), _by_frame(truth)
    for frame in sorted(rows.keys() & true_rows.keys()):
        here, there = rows[frame], true_rows[frame]
        pairs = box_overlaps(tracks.boxes[here], truth.boxes[there])
        pairs = np.where(pairs >= overlap, 1.0 + pairs, 0.0)
        matched = dict(zip(*(part.tolist() for part in linear_sum_assignment(-pairs)), strict=True))
        for place, row in enumerate(here):
            own = votes.setdefault(int(tracks.track_ids[row]), Counter())
            other = matched.get(place, -1)
            hit = other >= 0 and pairs[place, other] > 0
            own[int(truth.track_ids[there[other]]) if hit else None] += 1
    names = {number: _elected(own, share) for number, own in sorted(votes.items())}
    return {number: name for number, name in names.items() if name is not None}


def _elected(votes: "Counter[int | None]", share: float) -> int | None:
    """Return the true track with most boxes (the lowest of several), if it has more than the share; else None."""
    named = [(-count, name) for name, count in votes.items() if name is not None]
    if not named or -min(named)[0] <= share * sum(votes.values()):
        return None
    return min(named)[1]


def _by_frame(tracks: Tracks) -> dict[int, list[int]]:
    rows: dict[int, list[int]] = {}
    for row, frame in enumerate(tracks.frames.tolist()):
        rows.setdefault(frame, []).append(row)
    return rows
