"""The colour baseline against a loop over pixels, and on colours it must tell apart."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from videoreid.data.colour_histogram import colour_histogram, histogram_features
from videoreid.errors import ConfigError
from videoreid.types import Tracklet


def slow_histogram(frame: np.ndarray, stripes: int) -> np.ndarray:
    hsv = cv2.cvtColor(frame, cv2.COLOR_RGB2HSV)
    height, width = frame.shape[:2]
    out = np.zeros((stripes, 8, 4, 4))
    for stripe in range(stripes):
        top, bottom = height * stripe // stripes, height * (stripe + 1) // stripes
        for y in range(top, bottom):
            for x in range(width):
                hue, saturation, value = (int(v) for v in hsv[y, x])
                out[stripe, hue * 8 // 180, saturation // 64, value // 64] += 1 / ((bottom - top) * width)
    return np.sqrt(out.ravel())


@pytest.mark.parametrize(("height", "stripes"), [(24, 6), (29, 6), (7, 3)])
def test_equals_a_loop_over_pixels(height: int, stripes: int) -> None:
    frame = np.random.default_rng(height).integers(0, 256, (height, 9, 3), dtype=np.uint8)
    found = colour_histogram(frame, stripes)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, slow_histogram(frame, stripes), atol=1e-6)


def test_every_stripe_has_length_one() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (60, 20, 3), dtype=np.uint8)
    parts = colour_histogram(frame).reshape(6, 128)
    np.testing.assert_allclose((parts**2).sum(axis=1), 1.0, atol=1e-5)


def test_tracklets_are_means_over_frames(tmp_path: Path) -> None:
    frames = np.random.default_rng(1).integers(0, 256, (3, 12, 6, 3), dtype=np.uint8)
    paths = []
    for number, frame in enumerate(frames):
        paths.append(str(tmp_path / f"{number}.png"))
        cv2.imwrite(paths[-1], cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    features = histogram_features([Tracklet(paths, 4, 2, 10.0, 12.0)])
    expected = np.mean([colour_histogram(frame) for frame in frames], axis=0)
    np.testing.assert_allclose(features.embeddings[0].numpy(), expected, atol=1e-6)
    assert (features.pids[0], features.camids[0], features.times[0], features.end_times[0]) == (
        4,
        2,
        10.0,
        12.0,
    )
    middle = histogram_features([Tracklet(paths, 4, 2)], max_frames=1)
    np.testing.assert_allclose(middle.embeddings[0].numpy(), colour_histogram(frames[1]), atol=1e-6)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ConfigError, match="stripes"):
        colour_histogram(np.zeros((5, 9, 3), np.uint8))
    with pytest.raises(ConfigError, match="must be 1 or more"):
        histogram_features([])
    with pytest.raises(ConfigError, match="must be 1 or more"):
        histogram_features([Tracklet(["a.png"], 0, 0)], max_frames=0)
