"""Detection of persons in the frames of a recording, with any detector."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from videoreid.data.video import iterate_frames
from videoreid.errors import ConfigError
from videoreid.footage.detection_files import DetectionFile, is_detection_file, read_detections
from videoreid.footage.yolox import PUBLISHED, Yolox
from videoreid.utils.read_ahead import map_ahead, read_ahead

__all__ = ["DetectedFrame", "Detector", "as_detector", "detect"]

Found = tuple[np.ndarray, np.ndarray]
_PERSON_OF_TORCHVISION = 1


class Detector(Protocol):
    """A function that finds persons in a picture."""

    def __call__(self, image: np.ndarray, /) -> Any:
        """Return boxes ``(N, 4)`` as left, top, right, bottom and scores ``(N,)``, or `supervision.Detections`.

        Args:
            image: ``(H, W, 3)`` uint8 RGB.
        """


class DetectedFrame(NamedTuple):
    """A frame and the persons in it.

    Args:
        number: 0-based number of the frame.
        seconds: time since the first frame.
        image: ``(H, W, 3)`` uint8 RGB.
        boxes: ``(N, 4)`` float64, left, top, right, bottom in pixels, within the picture.
        scores: ``(N,)`` float64.
    """

    number: int
    seconds: float
    image: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray


def detect(
    video: str | os.PathLike[str],
    detector: "str | os.PathLike[str] | Detector | Any" = "yolox_nano",
    *,
    min_score: float = 0.3,
    min_height: float = 0.0,
    every: int = 1,
) -> Iterator[DetectedFrame]:
    """Find the persons in a recording, frame by frame, with a few frames in memory.

    Args:
        video: a file that OpenCV decodes, a folder of images, or a pattern such as ``img/%06d.jpg``.
        detector: a name of published weights (``yolox_nano``, ``yolox_tiny``, ``yolox_s``), an ONNX file of that
            family, a file of detections (see `read_detections`), a detection model of torchvision, or any function from
            a picture to boxes and scores or to `supervision.Detections` (only class 0 is used). A
            function with an attribute ``workers`` above 1 is called from that many threads at once.
        min_score: boxes with a lower score are left out.
        min_height: boxes of less height, in pixels, are left out.
        every: process every n-th frame only.

    Yields:
        The processed frames, including those without a person.

    Raises:
        ConfigError: an option is out of range, or the detector returns something else.
        FrameError: the recording is missing or is not a video.
    """
    if every < 1 or not 0.0 <= min_score <= 1.0 or min_height < 0:
        raise ConfigError(
            f"every must be 1 or more, min_score between 0 and 1 and min_height 0 or more, got {every}, "
            f"{min_score} and {min_height}"
        )
    detector = _open(detector, min_score)
    find = as_detector(detector)
    wanted = (frame for frame in iterate_frames(video) if frame.number % every == 0)
    # frames are decoded in one thread and processed in others, while the caller tracks
    found = map_ahead(
        lambda frame: find(frame.number, frame.image),
        read_ahead(wanted),
        workers=getattr(detector, "workers", 1),
    )
    for frame, (boxes, scores) in found:
        kept = (scores >= min_score) & (boxes[:, 3] - boxes[:, 1] >= max(min_height, 1e-6))
        kept &= boxes[:, 2] > boxes[:, 0]
        yield DetectedFrame(*frame, boxes[kept], scores[kept])


def as_detector(detector: Any, *, min_score: float = 0.3) -> Callable[[int, np.ndarray], Found]:
    """Return any kind of detector as a function ``(frame number, picture) -> (boxes, scores)``.

    Args:
        detector: see `detect`.
        min_score: lowest score of the boxes, for a network that is opened here.
    """
    detector = _open(detector, min_score)
    if isinstance(detector, DetectionFile):
        return detector.find
    if not callable(detector):
        raise ConfigError(
            f"a detector is a function from a picture to boxes and scores, not {type(detector).__name__}"
        )
    if hasattr(detector, "state_dict") and hasattr(detector, "roi_heads") | hasattr(
        detector, "anchor_generator"
    ):
        detector = _of_torchvision(detector)
    name = getattr(detector, "__name__", type(detector).__name__)
    return lambda number, image: _checked(detector(image), name, image.shape[1], image.shape[0])


def _open(detector: Any, min_score: float) -> Any:
    """Open a detector that is given by name or path; return any other as it is."""
    if not isinstance(detector, str | os.PathLike):
        return detector
    if os.fspath(detector) in PUBLISHED or Path(detector).suffix.lower() == ".onnx":
        return Yolox(detector, min_score=max(min_score, 1e-3))
    if is_detection_file(detector):
        return read_detections(detector)
    raise ConfigError(
        f"unknown detector {os.fspath(detector)!r}: expected one of {', '.join(PUBLISHED)}, an ONNX file or a "
        "file or folder of detections (.txt, .csv, .json)"
    )


def _checked(found: Any, name: str, width: int, height: int) -> Found:
    """Convert the result of a detector to boxes within the picture and scores."""
    if hasattr(found, "xyxy"):
        boxes, scores = found.xyxy, getattr(found, "confidence", None)
        classes = getattr(found, "class_id", None)
        scores = np.ones(len(boxes)) if scores is None else scores
        if classes is not None:
            persons = np.asarray(classes) == 0
            boxes, scores = np.asarray(boxes)[persons], np.asarray(scores)[persons]
    elif isinstance(found, tuple | list) and len(found) == 2:
        boxes, scores = found
    else:
        raise ConfigError(f"{name} returned {type(found).__name__}: expected boxes and scores, or detections")
    try:
        boxes, scores = np.asarray(boxes, dtype=np.float64), np.asarray(scores, dtype=np.float64)
        boxes = boxes.reshape(-1, 4) if not boxes.size else boxes
    except (TypeError, ValueError, RuntimeError) as error:
        raise ConfigError(f"{name} returned boxes or scores that are not numbers: {error}") from error
    if boxes.ndim != 2 or boxes.shape[1] != 4 or scores.shape != boxes.shape[:1]:
        raise ConfigError(
            f"{name} returned {boxes.shape} and {scores.shape}: expected boxes (N, 4) and scores (N,)"
        )
    if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
        raise ConfigError(f"{name} returned a box or a score that is not finite")
    return np.clip(boxes, 0.0, [width, height, width, height]), scores


def _of_torchvision(model: Any) -> Callable[[np.ndarray], Found]:
    import torch

    device = next(model.parameters()).device
    if model.training:
        raise ConfigError(f"{type(model).__name__} is in train mode: call .eval() first")

    def find(image: np.ndarray) -> Found:
        with torch.inference_mode():
            picture = torch.from_numpy(np.ascontiguousarray(image)).to(device).permute(2, 0, 1).float() / 255
            found = model([picture])[0]
        persons = found["labels"] == _PERSON_OF_TORCHVISION
        return found["boxes"][persons].cpu().numpy(), found["scores"][persons].cpu().numpy()

    return find
