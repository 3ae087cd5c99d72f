import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.data.numbered_video import number_of, picture, write_numbered
from videoreid.errors import ConfigError, UnknownNameError
from videoreid.footage.detection import detect


def moving(image: np.ndarray) -> tuple[list[list[float]], list[float]]:
    """A detector that reads the number of the frame and answers by it."""
    number = number_of(image)
    return [[number, 10, number + 20, 50], [0, 0, 5, 4]], [0.9, 0.2]


@pytest.fixture
def numbered(tmp_path: Path) -> Path:
    return write_numbered(tmp_path / "mpeg4.mp4", 30)


def test_every_frame_comes_with_its_boxes(numbered: Path) -> None:
    frames = list(detect(numbered, moving))
    assert [frame.number for frame in frames] == list(range(30))
    assert all(frame.boxes.tolist() == [[frame.number, 10, frame.number + 20, 50]] for frame in frames)
    assert frames[3].scores.tolist() == [0.9]
    assert frames[3].seconds == pytest.approx(0.12)


def test_a_detector_with_workers_looks_at_several_frames_at_once(numbered: Path) -> None:
    together = threading.Barrier(2)

    def find(image: np.ndarray) -> tuple[list[list[float]], list[float]]:
        together.wait(20)  # one frame alone would wait in vain
        return moving(image)

    find.workers = 2
    frames = list(detect(numbered, find))
    assert [frame.number for frame in frames] == list(range(30))
    assert all(frame.boxes.tolist() == [[frame.number, 10, frame.number + 20, 50]] for frame in frames)


def test_thresholds_and_every_nth_frame(numbered: Path) -> None:
    frames = list(detect(numbered, moving, min_score=0.1, every=7))
    assert [frame.number for frame in frames] == [0, 7, 14, 21, 28]
    assert [len(frame.boxes) for frame in frames] == [2] * 5
    assert [len(frame.boxes) for frame in detect(numbered, moving, min_score=0.1, min_height=5, every=7)] == [
        1
    ] * 5
    for options in ({"every": 0}, {"min_score": 1.5}, {"min_height": -1}):
        with pytest.raises(ConfigError, match="every must be"):
            next(detect(numbered, moving, **options))


def test_folders_and_patterns_of_images_are_recordings(tmp_path: Path) -> None:
    import cv2

    for number in (1, 2, 4):
        cv2.imwrite(str(tmp_path / f"{number:06d}.png"), picture(number))
    for video in (tmp_path, tmp_path / "%06d.png"):
        assert [(frame.number, number_of(frame.image)) for frame in detect(video, moving)] == [
            (0, 1),
            (1, 2),
            (3, 4),
        ]


def test_detections_of_supervision_are_taken_persons_only(numbered: Path) -> None:
    def find(image: np.ndarray) -> SimpleNamespace:
        boxes = np.array([[1, 2, 30, 40], [5, 5, 20, 20]], dtype=np.float32)
        return SimpleNamespace(xyxy=boxes, confidence=np.array([0.5, 0.9]), class_id=np.array([0, 2]))

    frame = next(detect(numbered, find))
    assert frame.boxes.tolist() == [[1, 2, 30, 40]]
    assert frame.scores.tolist() == [0.5]


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (None, "returned NoneType"),
        (([[1, 2, 3]], [1]), r"expected boxes \(N, 4\)"),
        (([[1, 2, 3, 4]], [1, 1]), r"expected boxes \(N, 4\)"),
        (([[1, 2, np.nan, 4]], [1]), "not finite"),
        (([["a", 2, 3, 4]], [1]), "not numbers"),
    ],
)
def test_a_detector_that_returns_something_else_is_named(numbered: Path, found: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        next(detect(numbered, lambda image: found))


def test_no_box_may_be_returned_as_an_empty_list(numbered: Path) -> None:
    assert next(detect(numbered, lambda image: ([], []))).boxes.shape == (0, 4)


def test_a_model_of_torchvision_detects(numbered: Path) -> None:
    import torch

    class Model(torch.nn.Module):
        """Looks like a detection model: images in, dictionaries out."""

        def __init__(self) -> None:
            super().__init__()
            self.roi_heads = torch.nn.Linear(1, 1)

        def forward(self, images: list[torch.Tensor]) -> list[dict[str, torch.Tensor]]:
            assert images[0].shape == (3, 64, 128)
            assert float(images[0].max()) <= 1.0
            boxes = torch.tensor([[1.0, 2.0, 30.0, 40.0], [1.0, 2.0, 9.0, 9.0]])
            return [{"boxes": boxes, "scores": torch.tensor([0.75, 0.9]), "labels": torch.tensor([1, 3])}]

    with pytest.raises(ConfigError, match="train mode"):
        next(detect(numbered, Model()))
    assert next(detect(numbered, Model().eval())).boxes.tolist() == [[1, 2, 30, 40]]


def test_a_file_of_detections_detects(numbered: Path, tmp_path: Path) -> None:
    (tmp_path / "det.txt").write_text("1,-1,11,6,20,30,0.9\n1,-1,41,6,20,30,0.2\n3,-1,121,6,20,30,0.8\n")
    frames = list(detect(numbered, tmp_path / "det.txt"))
    assert frames[0].boxes.tolist() == [[10, 5, 30, 35]]
    assert [len(frame.boxes) for frame in frames[:4]] == [1, 0, 1, 0]
    assert frames[2].boxes.tolist() == [[120, 5, 128, 35]]  # clipped to the picture


@pytest.mark.parametrize("detector", ["yolox_huge", 5])
def test_an_unknown_detector_is_refused(numbered: Path, detector: object) -> None:
    with pytest.raises((ConfigError, UnknownNameError), match="detector"):
        next(detect(numbered, detector))
