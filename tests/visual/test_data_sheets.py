from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tests.visual.conftest import read_frames, tracklet
from videoreid.errors import ConfigError
from videoreid.functional import normalise_frames
from videoreid.types import Clip
from videoreid.visual import StripStyle, draw_batch, draw_dataset, draw_sampling, pixels_of


def batch_of(frames: torch.Tensor) -> Clip:
    numbers = torch.arange(len(frames))
    return Clip(frames, numbers + 7, numbers, numbers.double(), numbers)


def test_normalised_frames_become_the_pixels_they_were() -> None:
    frames = torch.arange(256).repeat(9).reshape(1, 3, 3, 16, 16).to(torch.uint8)
    expected = frames.movedim(2, -1).numpy()
    assert np.array_equal(pixels_of(frames), expected)
    for mean, std in (((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), ((0.5,) * 3, (0.5,) * 3)):
        assert np.array_equal(pixels_of(normalise_frames(frames, mean, std), mean, std), expected)


def test_a_batch_shows_every_pixel_of_every_clip(tmp_path: Path) -> None:
    frames = torch.randint(
        0, 256, (2, 3, 3, 24, 12), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    draw_batch(batch_of(frames), tmp_path / "a.png")
    picture = cv2.cvtColor(cv2.imread(str(tmp_path / "a.png")), cv2.COLOR_BGR2RGB)
    found = picture[15:39, 15:27]
    assert np.array_equal(found, frames[0, 0].permute(1, 2, 0).numpy())
    with pytest.raises(ConfigError, match=r"\(B, T, 3, H, W\)"):
        draw_batch(batch_of(frames[0]), tmp_path / "b.png")


def test_a_dataset_shows_every_camera(tmp_path: Path) -> None:
    asked: list[str] = []

    def read(keys):
        asked.append(keys[0])
        return read_frames(keys)

    tracklets = [tracklet(pid, camid) for camid in (-1, 0, 5) for pid in (1, 2, 3)]
    for seed in (0, 0, 1):
        draw_dataset(tracklets, tmp_path / "a.png", read_frames=read, per_camera=2, seed=seed)
    assert len(asked) == 3 * 3 * 2
    assert asked[:6] == asked[6:12], "the same seed, the same choice"
    with pytest.raises(ConfigError, match="nothing to draw"):
        draw_dataset([], tmp_path / "b.png", read_frames=read)


def test_the_frames_that_rules_choose(tmp_path: Path) -> None:
    asked: list[list[str]] = []

    def read(keys):
        asked.append(list(keys))
        return read_frames(keys)

    long = tracklet(1, 0, length=60)
    clips = {"evenly": np.array([[0, 20, 40]]), "all": np.array([[0, 1, 2], [3, 4, 5], [6, 7, 8]])}
    style = StripStyle(size=(16, 8), dpi=100)
    draw_sampling(long, clips, tmp_path / "a.png", read_frames=read, max_clips=2, style=style)
    assert asked[0] == [f"1/{n}" for n in range(0, 60, 3)], "a long tracklet is thinned to 24 frames or fewer"
    assert asked[1:] == [["1/0", "1/20", "1/40"], ["1/0", "1/1", "1/2"], ["1/3", "1/4", "1/5"]]
    with pytest.raises(ConfigError, match="frame numbers from 0 to 59"):
        draw_sampling(long, {"x": np.array([[60]])}, tmp_path / "b.png", read_frames=read)
