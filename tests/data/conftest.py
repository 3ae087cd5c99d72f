"""Small footage and small tracklets, written by the tests themselves."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from videoreid.types import Tracklet

MakeTracklets = Callable[..., list[Tracklet]]


@pytest.fixture
def make_tracklets(tmp_path: Path) -> MakeTracklets:
    """Write tracklets of PNG frames; the first pixel of frame f of tracklet i is (i, f, 7)."""

    def make(
        identities: int = 6, cameras: int = 2, length: int = 5, size: tuple[int, int] = (32, 16)
    ) -> list[Tracklet]:
        rng = np.random.default_rng(0)
        tracklets = []
        for pid in range(identities):
            for camid in range(cameras):
                number = len(tracklets)
                frames = []
                for frame in range(length):
                    path = tmp_path / "crops" / f"{number:03d}_{frame:03d}.png"
                    path.parent.mkdir(exist_ok=True)
                    image = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
                    image[0, 0] = (number, frame, 7)
                    cv2.imwrite(str(path), image[..., ::-1])
                    frames.append(str(path))
                tracklets.append(Tracklet(tuple(frames), pid, camid, time=float(10 * camid)))
        return tracklets

    return make


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Write a lossless video of 20 frames, 48x40; frame f is (10 f, 100, 200) all over, but for a gradient in green."""
    path = tmp_path / "video.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"FFV1"), 25, (48, 40))
    assert writer.isOpened()
    for frame in range(20):
        writer.write(np.ascontiguousarray(video_frame(frame)[..., ::-1]))
    writer.release()
    return path


def video_frame(number: int) -> np.ndarray:
    """Return frame ``number`` of the fixture `video`, RGB."""
    image = np.empty((40, 48, 3), np.uint8)
    image[..., 0] = 10 * number
    image[..., 1] = 2 * np.arange(48) + np.arange(40)[:, None]
    image[..., 2] = 200
    return image
