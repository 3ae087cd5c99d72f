"""A ranking of coloured tracklets: person p is a flat colour, so a picture can be checked by its pixels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from videoreid.types import EvaluationProtocol, RankedGallery, Ranking, Tracklet

COLOURS = {1: (250, 10, 10), 2: (10, 250, 10), 3: (10, 10, 250)}


def read_frames(keys: Sequence[str]) -> list[np.ndarray]:
    """Keys are "pid/frame": a flat colour that darkens from frame to frame."""
    images = []
    for key in keys:
        pid, number = (int(part) for part in key.split("/"))
        images.append(np.clip(np.full((64, 32, 3), COLOURS[pid]) - 10 * number, 0, 255).astype(np.uint8))
    return images


def tracklet(pid: int, camid: int, length: int = 6) -> Tracklet:
    return Tracklet([f"{pid}/{n}" for n in range(length)], pid, camid)


@dataclass
class Scene:
    ranking: Ranking
    query: list[Tracklet]
    gallery: list[Tracklet]


@pytest.fixture
def scene() -> Scene:
    """Three queries: person 1 found at rank 2, person 2 at rank 1, person 3 without a true match."""
    query = [tracklet(1, 0), tracklet(2, 0), tracklet(3, 0)]
    gallery = [tracklet(2, 1), tracklet(1, 1), tracklet(2, 2, length=2)]
    ranking = Ranking(
        average_precision=np.array([0.5, 1.0, np.nan]),
        inverse_negative_penalty=np.array([0.5, 1.0, np.nan]),
        first_match=np.array([2, 1, 0]),
        cmc=np.array([0.5, 1.0, 1.0]),
        top_indices=np.array([[0, 1, 2], [0, 2, 1], [1, 0, -1]]),
        top_distances=np.array([[0.1, 0.2, 0.3], [0.05, 0.1, 0.9], [0.4, 0.5, np.nan]], dtype=np.float32),
        top_matches=np.array([[False, True, False], [True, True, False], [False, False, False]]),
        protocol=EvaluationProtocol("cross_camera"),
        protocol_line="cross_camera | 3 queries, 2 scored & <1 skipped>",
        gallery=RankedGallery(np.array([2, 1, 2]), np.array([1, 1, 2]), num_queries=3),
    )
    return Scene(ranking, query, gallery)
