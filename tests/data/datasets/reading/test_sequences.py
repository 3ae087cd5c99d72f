from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.datasets.dataset_imitations import pictures
from videoreid.data.datasets import FrameNames, dense_tracklets
from videoreid.data.datasets.reading.sequences import folder_frames
from videoreid.errors import ConfigError, DatasetError
from videoreid.types import Tracklet


def tracklet(length: int) -> Tracklet:
    return Tracklet([str(i) for i in range(length)], 3, 1, 7.0, 9.0)


def bounds(pieces: tuple[Tracklet, ...]) -> list[tuple[int, int]]:
    return [(int(p.frames[0]), int(p.frames[-1]) + 1) for p in pieces]


@pytest.mark.parametrize(
    ("length", "step", "window", "expected"),
    [
        (63, 64, None, [(0, 63)]),
        (64, 64, None, [(0, 64)]),
        (127, 64, None, [(0, 127)]),
        (200, 64, None, [(0, 64), (64, 128), (128, 200)]),
        (31, 32, 64, [(0, 31)]),
        (100, 32, 64, [(0, 64), (32, 96), (64, 100)]),
    ],
)
def test_pieces_are_the_published_ones(
    length: int, step: int, window: int | None, expected: list[tuple[int, int]]
) -> None:
    assert bounds(dense_tracklets((tracklet(length),), step, window)) == expected


@given(st.integers(1, 300), st.integers(1, 70))
def test_every_frame_is_in_a_piece(length: int, step: int) -> None:
    pieces = dense_tracklets((tracklet(length),), step)
    assert [frame for piece in pieces for frame in piece.frames] == list(tracklet(length).frames)
    assert all((p.pid, p.camid, p.time, p.end_time) == (3, 1, 7.0, 9.0) for p in pieces)


@pytest.mark.parametrize(("step", "window"), [(0, None), (4, 0)])
def test_no_step_is_refused(step: int, window: int | None) -> None:
    with pytest.raises(ConfigError, match="must be 1 or more"):
        dense_tracklets((tracklet(5),), step, window)


def test_frames_of_a_folder_are_in_natural_order(tmp_path: Path) -> None:
    pictures(tmp_path, ["f10.jpg", "f9.jpg", "f1.jpg"])
    frames = folder_frames(tmp_path, "x")
    assert frames == FrameNames(str(tmp_path), np.array([b"f1.jpg", b"f9.jpg", b"f10.jpg"]))
    with pytest.raises(DatasetError, match=r"no folder .*nowhere, though the dataset lists it"):
        folder_frames(tmp_path / "nowhere", "x")
