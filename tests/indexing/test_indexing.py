from datetime import datetime
from pathlib import Path

import cv2
import numpy as np
import pytest

from videoreid.errors import ConfigError, FrameError
from videoreid.footage import read_tracks
from videoreid.indexing import (
    IndexRules,
    NoPersonError,
    SeveralPersonsError,
    crop_of_box,
    index_recording,
    model_fingerprint,
    person_of_picture,
)
from videoreid.retrieval import Gallery


def mean_colour(crops: list[np.ndarray]) -> np.ndarray:
    return np.stack([crop.reshape(-1, 3).mean(axis=0) for crop in crops])


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A red and a green block that pass each other, and their track file (with one track of two boxes)."""
    writer = cv2.VideoWriter(str(tmp_path / "s.avi"), cv2.VideoWriter_fourcc(*"FFV1"), 10, (128, 96))
    rows = ["1,9,1,1,10,10,1", "2,9,1,1,10,10,1"]
    for n in range(30):
        image = np.full((96, 128, 3), 90, np.uint8)
        image[5:45, n : n + 20], image[50:90, 100 - n : 120 - n] = (20, 20, 220), (20, 220, 20)
        writer.write(image)
        rows += [f"{n + 1},3,{n + 1},6,20,40,1", f"{n + 1},5,{101 - n},51,20,40,1"]
    writer.release()
    (tmp_path / "s.txt").write_text("\n".join(rows))
    return tmp_path


def gallery_in(folder: Path) -> Gallery:
    return Gallery.open(folder / "index", fingerprint="colour", create=True)


def test_a_recording_with_its_tracks(scene: Path, caplog: pytest.LogCaptureFixture) -> None:
    gallery, tracks = gallery_in(scene), read_tracks(scene / "s.txt")
    rules = IndexRules(frames_per_track=3, every=2, thumbnails=2)
    start = datetime(2024, 5, 1, 8)
    video = scene / "s.avi"
    assert index_recording(gallery, video, mean_colour, tracks=tracks, rules=rules, start=start) == 2
    match = gallery.search(np.array([220, 20, 20]))[0]
    assert (match.key, match.camera, match.start, match.end) == ("s:3", "s", 0.0, 2.8)
    assert match.distance == pytest.approx(0, abs=1e-4) and match.recording == str(video)
    assert match.clock_end == datetime(2024, 5, 1, 8, 0, 2, 800000)
    pictures = gallery.thumbnails("s:5")
    assert len(pictures) == 2
    shown = cv2.imdecode(np.frombuffer(pictures[0], np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape == (40, 20, 3) and shown.mean((0, 1)) == pytest.approx([20, 220, 20], abs=4)
    boxes = gallery.boxes("s:5")
    assert boxes.frames.tolist() == list(range(0, 30, 2)) and set(boxes.scores.tolist()) == {1.0}
    assert boxes.boxes[[0, 14]].tolist() == [[100, 50, 120, 90], [72, 50, 92, 90]]
    assert index_recording(gallery, video, mean_colour, tracks=tracks) is None
    assert "in the gallery already" in caplog.text and len(gallery) == 2


def test_a_bounded_number_of_crops_is_embedded(scene: Path) -> None:
    asked: list[int] = []

    def encoder(crops: list[np.ndarray]) -> np.ndarray:
        asked.append(len(crops))
        return mean_colour(crops)

    tracks = read_tracks(scene / "s.txt")
    index_recording(
        gallery_in(scene), scene / "s.avi", encoder, tracks=tracks, rules=IndexRules(frames_per_track=4)
    )
    assert asked == [4, 4]
    with pytest.raises(ConfigError, match="finite rows"):
        bad = Gallery.open(scene / "bad", fingerprint="f", create=True)
        index_recording(bad, scene / "s.avi", lambda crops: np.ones(3), tracks=tracks)
    assert len(bad) == 0 and bad.recordings == ()


def test_a_track_that_ends_is_embedded_and_its_crops_go(scene: Path) -> None:
    """Memory is bounded by the tracks that go on, however many people pass."""
    rows = [f"{6 * n + f + 1},{9 - n},1,1,10,10,1" for n in range(5) for f in range(5)]
    (scene / "passing.txt").write_text("\n".join(rows))
    events: list[str] = []

    def encoder(crops: list[np.ndarray]) -> np.ndarray:
        events.append(f"{len(crops)} crops")
        return mean_colour(crops)

    gallery = gallery_in(scene)
    tracks = read_tracks(scene / "passing.txt")
    assert (
        index_recording(
            gallery, scene / "s.avi", encoder, tracks=tracks, each=lambda n: events.append(str(n))
        )
        == 5
    )
    # each of the five is embedded when the next one has come, not at the end
    passing = [[*map(str, range(6 * n, 6 * n + 5))] for n in range(5)]
    expected = passing[0]
    for frames in passing[1:]:
        expected = [*expected, frames[0], "5 crops", *frames[1:]]
    assert events == [*expected, "5 crops"]
    assert gallery.keys == ["s:5", "s:6", "s:7", "s:8", "s:9"]
    assert [gallery.boxes(key).frames[0] for key in gallery.keys] == [24, 18, 12, 6, 0]


def test_a_tracker_says_who_has_gone(scene: Path) -> None:
    pytest.importorskip("trackers", reason="the extra track is not installed")
    seen: list[int] = []
    calls: list[int] = []

    def passing(image: np.ndarray) -> tuple[list[list[int]], list[float]]:
        seen.append(len(seen))
        return ([[10, 10, 30, 50]], [0.9]) if seen[-1] < 10 else ([], [])

    def encoder(crops: list[np.ndarray]) -> np.ndarray:
        calls.append(seen[-1])
        return mean_colour(crops)

    gallery = gallery_in(scene)
    assert index_recording(gallery, scene / "s.avi", encoder, rules=IndexRules(passing)) == 1
    assert len(calls) == 1 and 10 < calls[0] < 29  # at 10 frames a second a track waits for 10 frames
    assert gallery.boxes("s:1").boxes[0].tolist() == [10, 10, 30, 50]
    assert gallery.boxes("s:1").scores[0] == pytest.approx(0.9)


def test_a_recording_is_tracked(scene: Path) -> None:
    pytest.importorskip("trackers", reason="the extra track is not installed")

    def blocks(image: np.ndarray) -> tuple[list[list[int]], list[float]]:
        boxes = []
        for channel in (0, 1):
            rows, columns = np.nonzero(image[..., channel] > 180)
            boxes.append([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        return boxes, [0.9, 0.9]

    gallery = gallery_in(scene)
    assert index_recording(gallery, scene / "s.avi", mean_colour, rules=IndexRules(blocks)) == 2
    assert len(gallery.search(np.array([20, 220, 20]), threshold=0.01)) == 1


def test_what_cannot_be_indexed(scene: Path) -> None:
    with pytest.raises(FrameError, match="no video"):
        index_recording(gallery_in(scene), scene / "none.avi", mean_colour)
    with pytest.raises(ConfigError, match="every must be 1 or more"):
        IndexRules(every=0)


def test_the_person_of_a_picture() -> None:
    image = np.zeros((50, 100, 3), np.uint8)
    boxes, scores = [[60, 0, 80, 40], [10, 5, 30, 45]], [0.9, 0.8]
    with pytest.raises(SeveralPersonsError, match=r"2 persons(.|\n)*1: box 10,5,30,45 \(score 0.80\)"):
        person_of_picture(image, lambda _: (boxes, scores))
    assert person_of_picture(image, lambda _: (boxes, scores), person=2).shape == (40, 20, 3)
    assert person_of_picture(image, lambda _: (boxes[:1], scores[:1])).shape == (40, 20, 3)
    with pytest.raises(ConfigError, match="no person 3"):
        person_of_picture(image, lambda _: (boxes, scores), person=3)
    with pytest.raises(NoPersonError, match="100x50"):
        person_of_picture(image, lambda _: ([], []))


def test_a_box_is_clipped() -> None:
    image = np.zeros((50, 100, 3), np.uint8)
    assert crop_of_box(image, (90, -5, 20, 20)).shape == (15, 10, 3)
    for bad in [(100, 0, 5, 5), (0, 0, 5), (0, 0, np.nan, 4)]:
        with pytest.raises(ConfigError):
            crop_of_box(image, bad)


def test_the_fingerprint_is_of_the_embedding() -> None:
    import torch

    from videoreid.models import build_model

    torch.manual_seed(0)
    model = build_model("osnet_x0_25", num_classes=2)
    mark = model_fingerprint(model)
    other = build_model("osnet_x0_25", num_classes=5)
    assert model_fingerprint(other) != mark
    state = {name: value for name, value in model.state_dict().items() if "classifier" not in name}
    other.load_state_dict(state, strict=False)
    assert model_fingerprint(other) == mark  # the classifier plays no part
    model.pixel_mean = (0.0, 0.0, 0.0)
    assert model_fingerprint(model) != mark
