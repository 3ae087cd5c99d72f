"""Run folders as evaluations and trainings leave them, small."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from videoreid.engine import save_evaluation
from videoreid.metrics import evaluate_features
from videoreid.types import Features, Tracklet

PEOPLE = 12


def world(noise: float = 0.8, seed: int = 0) -> tuple[Features, Features]:
    """Two cameras, twelve people; three queries and four gallery tracklets each."""
    centres = np.random.default_rng(7).normal(size=(PEOPLE, 6))
    rng = np.random.default_rng(seed)
    sides = []
    for repeats in (3, 4):
        pids = np.repeat(np.arange(1, PEOPLE + 1), repeats)
        values = centres[pids - 1] + noise * rng.normal(size=(len(pids), 6))
        sides.append(
            Features(torch.from_numpy(values).float(), pids, np.tile(np.arange(repeats) % 2, PEOPLE))
        )
    return sides[0], sides[1]


def tracklets(folder: Path) -> tuple[list[Tracklet], list[Tracklet]]:
    """Tracklets of the world, whose frames are one grey picture in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    frame = folder / "frame.png"
    cv2.imwrite(str(frame), np.full((16, 8, 3), 90, np.uint8))
    query, gallery = (
        [
            Tracklet([str(frame)] * (row % 5 + 1), int(pid), int(camid), float(row), clothes=1)
            for row, (pid, camid) in enumerate(zip(side.pids, side.camids, strict=True))
        ]
        for side in world()
    )
    return query, gallery


@pytest.fixture
def make_run(tmp_path):
    """Return a maker of run folders."""

    def make(
        name: str = "run",
        *,
        noise: float = 0.8,
        features=True,
        protocol="cross_camera",
        frames=True,
        **options,
    ):
        folder = tmp_path / name
        query, gallery = options.pop("sides", None) or world(noise, seed=options.pop("seed", 0))
        ranking = evaluate_features(
            query, gallery, protocol=protocol, dataset=options.pop("dataset", "twelve")
        )
        shown = tracklets(folder / "frames") if frames else None
        save_evaluation(
            folder, ranking, query=query, gallery=gallery, tracklets=shown, features=features, **options
        )
        return folder

    return make


@pytest.fixture
def sides() -> tuple[Features, Features]:
    """Queries and gallery of the world."""
    return world()
