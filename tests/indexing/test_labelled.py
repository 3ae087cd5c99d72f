import json
import math
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np
import pytest

from videoreid.errors import ConfigError
from videoreid.indexing import IndexRules, index_dataset
from videoreid.retrieval import Gallery
from videoreid.types import Splits, Tracklet


def mean_colour(crops: list[np.ndarray]) -> np.ndarray:
    return np.stack([crop.reshape(-1, 3).mean(axis=0) for crop in crops])


def tracklet(folder: Path, pid: int, camid: int, time: float) -> Tracklet:
    colour = [40 + 60 * max(pid, 0), 90, 200 - 60 * max(pid, 0)]
    names = []
    for frame in range(3):
        path = folder / f"{pid}c{camid}t{time:g}f{frame}.png"
        cv2.imwrite(str(path), np.full((40, 20, 3), colour, np.uint8))
        names.append(str(path))
    return Tracklet(tuple(names), pid, camid, time, time + 50)


def test_a_dataset_becomes_a_recording_a_camera(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    query = (tracklet(tmp_path, 1, 0, 100),)
    gallery = (
        *query,  # published galleries may hold the queries
        tracklet(tmp_path, 1, 1, 500),
        tracklet(tmp_path, 2, 1, math.nan),
        tracklet(tmp_path, 0, 1, 900),
        tracklet(tmp_path, -1, 1, 950),
    )
    splits = Splits("made/split0", query=query, gallery=gallery)
    ix = Gallery.open(tmp_path / "ix", fingerprint="colour", create=True)
    told: list[int] = []
    start = datetime(2024, 5, 1, 8)
    rules = IndexRules(thumbnails=2)
    assert index_dataset(ix, splits, mean_colour, start=start, rules=rules, each=told.append) == 4
    assert told == [0, 1, 2, 3]
    assert [(r.name, r.camera) for r in ix.recordings] == [
        ("made_split0-test-camera0", "made/split0/0"),
        ("made_split0-test-camera1", "made/split0/1"),
    ]
    assert ix.persons == ["1", "1", "2", ""]
    answer = ix.search(ix.embedding("made_split0-test-camera0:1"), top=2)
    assert [match.person for match in answer] == ["1", "1"]
    assert answer[1].clock_start == datetime(2024, 5, 1, 8, 0, 20)  # 500 of 25 a second
    assert answer[1].recording == gallery[1].frames[0] and len(ix.thumbnails(answer[1].key)) == 2
    assert index_dataset(ix, splits, mean_colour) is None and "in the gallery already" in caplog.text
    with pytest.raises(ConfigError, match="no tracklet in its part 'train'"):
        index_dataset(ix, splits, mean_colour, part="train")


def test_times_that_are_unknown_are_null(tmp_path: Path) -> None:
    splits = Splits("made", gallery=(tracklet(tmp_path, 2, 1, math.nan),))
    ix = Gallery.open(tmp_path / "ix", fingerprint="colour", create=True)
    index_dataset(ix, splits, mean_colour, part="gallery")
    answer = ix.search(np.ones(3))
    row = json.loads(answer.to_json(), parse_constant=lambda text: pytest.fail(f"{text} is no JSON"))[0]
    assert row["start"] is None and row["duration"] is None and "unknown" in repr(answer)
