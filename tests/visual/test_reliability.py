from pathlib import Path

import cv2
import numpy as np
import pytest

from videoreid.errors import ProtocolError
from videoreid.visual import draw_reliability, reliability_bins


def test_the_bins_are_counted() -> None:
    mean, share, count = reliability_bins(
        np.array([0.05, 0.15, 0.17, 1.0, 0.95]), np.array([False, True, False, True, True])
    )
    assert mean == pytest.approx([0.05, 0.16, 0.975])
    assert share == pytest.approx([0, 0.5, 1]) and count.tolist() == [1, 2, 2]


def test_the_diagram_is_drawn(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    told = generator.uniform(size=2000)
    draw_reliability(told, generator.uniform(size=2000) < told, tmp_path / "r.png", title="on 2000 pairs")
    assert cv2.imread(str(tmp_path / "r.png")).shape[0] > 500
    with pytest.raises(ProtocolError):
        draw_reliability(np.array([1.2]), np.array([True]), tmp_path / "r.png")
