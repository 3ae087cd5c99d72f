from pathlib import Path

import cv2
import numpy as np
import pytest

from videoreid.errors import ConfigError
from videoreid.metrics import SpatialTemporalModel
from videoreid.visual import draw_transitions


@pytest.fixture
def model() -> SpatialTemporalModel:
    rng = np.random.default_rng(0)
    people = np.arange(80)
    first = rng.integers(0, 5000, 80)
    times = np.concatenate([first, first + rng.normal(900, 60, 80), first + rng.normal(2000, 100, 80)])
    return SpatialTemporalModel.fit(
        pids=np.tile(people, 3), camids=np.repeat([0, 1, 3], 80), times=times, num_bins=60, sigma=2
    )


def peak_column(path: Path) -> float:
    """Return where the smoothed line is steepest, as a share of the picture's width."""
    picture = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB).astype(int)
    of_line = np.abs(picture - (0x12, 0x41, 0x6B)).sum(2) < 40
    return float(of_line.sum(0).argmax() / picture.shape[1])


def test_a_panel_for_each_pair_with_transitions(model: SpatialTemporalModel, tmp_path: Path) -> None:
    draw_transitions(model, tmp_path / "one.png", pairs=[(0, 1)])
    draw_transitions(model, tmp_path / "all.png", columns=3)
    one, all_ = (cv2.imread(str(tmp_path / name)).shape for name in ("one.png", "all.png"))
    assert all_[1] == 3 * one[1], "pairs 0-1, 0-3 and 1-3; camera 2 saw no one"
    assert all_[0] == one[0]


def test_the_later_camera_is_on_the_right(model: SpatialTemporalModel, tmp_path: Path) -> None:
    draw_transitions(model, tmp_path / "there.png", pairs=[(0, 1)])
    draw_transitions(model, tmp_path / "back.png", pairs=[(1, 0)])
    assert peak_column(tmp_path / "there.png") > 0.65
    assert peak_column(tmp_path / "back.png") < 0.5


def test_what_cannot_be_drawn(model: SpatialTemporalModel, tmp_path: Path) -> None:
    for pair in ((0, 0), (0, 9), (-1, 0)):
        with pytest.raises(ConfigError, match="two different cameras"):
            draw_transitions(model, tmp_path / "bad.png", pairs=[pair])
    with pytest.raises(ConfigError, match="nothing to draw"):
        draw_transitions(model, tmp_path / "bad.png", pairs=[])
    assert not list(tmp_path.iterdir())
