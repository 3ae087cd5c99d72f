"""The loops of docs/trackers.md, as they stand there, with stand-ins for the packages that they are written for."""

import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from videoreid.engine import FeatureExtractor
from videoreid.models import build_model

PAGE = Path(__file__).parents[2] / "docs/trackers.md"
BOXES = np.array([[4.0, 4, 24, 44, 0.9, 0], [30, 10, 50, 50, 0.8, 0], [300, 0, 320, 40, 0.5, 0]])


@pytest.fixture(scope="module")
def extractor() -> FeatureExtractor:
    torch.manual_seed(0)
    return FeatureExtractor(build_model("osnet_x0_25"), device="cpu", image_size=(64, 32))


@pytest.fixture
def video(tmp_path: Path) -> str:
    writer = cv2.VideoWriter(str(tmp_path / "v.avi"), cv2.VideoWriter_fourcc(*"FFV1"), 10, (64, 56))
    for number in range(4):
        writer.write(np.random.default_rng(number).integers(0, 255, (56, 64, 3), dtype=np.uint8))
    writer.release()
    return str(tmp_path / "v.avi")


def functions_of_the_page(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Run the functions of the blocks; the lines after them, which open real models, are left out."""
    for name in ("boxmot", "trackers", "ultralytics"):
        package = ModuleType(name)
        package.__dict__.update(BotSort=object, ByteTrackTracker=object, YOLO=object)
        monkeypatch.setitem(sys.modules, name, package)
    namespace: dict[str, object] = {}
    for block in re.findall(r"^```py\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        assert len(block.strip().splitlines()) <= 20
        exec(re.sub(r"^(extractor|tracker|model, extractor) = .*$", "", block, flags=re.MULTILINE), namespace)
    return namespace


def expected(extractor: FeatureExtractor, video: str, frame: int) -> torch.Tensor:
    capture = cv2.VideoCapture(video)
    for _ in range(frame + 1):
        picture = capture.read()[1]
    crops = [
        np.ascontiguousarray(picture[4:44, 4:24, ::-1]),
        np.ascontiguousarray(picture[10:50, 30:50, ::-1]),
    ]
    return torch.nn.functional.normalize(extractor(crops), dim=1)


def test_boxmot(extractor: FeatureExtractor, video: str, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = functions_of_the_page(monkeypatch)["boxmot_loop"]
    seen = []

    class Tracker:
        def update(self, detections: np.ndarray, frame: np.ndarray, embeddings: np.ndarray) -> int:
            seen.append((frame.shape, embeddings))
            return len(seen)

    none = np.empty((0, 6))
    found = iter([BOXES, BOXES, none, BOXES])
    assert list(loop(video, lambda frame: next(found), Tracker(), extractor)) == [1, 2, 3, 4]
    assert [embeddings.shape for _, embeddings in seen] == [(3, 512), (3, 512), (0, 512), (3, 512)]
    assert seen[1][1][:2] == pytest.approx(expected(extractor, video, 1).numpy(), abs=1e-5)
    assert not seen[1][1][2].any()


def test_supervision(extractor: FeatureExtractor, video: str, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = functions_of_the_page(monkeypatch)["supervision_loop"]
    followed = SimpleNamespace(xyxy=BOXES[:2, :4], tracker_id=np.array([7, 9]))
    tracker = SimpleNamespace(update=lambda detections: detections)
    people = loop(video, lambda frame: followed, tracker, extractor, every=2)
    both = expected(extractor, video, 0) + expected(extractor, video, 2)
    assert set(people) == {7, 9} and torch.allclose(people[9], both[1], atol=1e-5)


def test_ultralytics(extractor: FeatureExtractor, video: str, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = functions_of_the_page(monkeypatch)["ultralytics_loop"]
    picture = cv2.VideoCapture(video).read()[1]
    boxes = SimpleNamespace(xyxy=torch.from_numpy(BOXES[:2, :4]), id=torch.tensor([3.0, 5.0]))
    nobody = SimpleNamespace(xyxy=torch.empty(0, 4), id=None)

    class Model:
        def track(
            self, *, source: str, stream: bool, classes: list[int], tracker: str
        ) -> list[SimpleNamespace]:
            assert source == video and stream and classes == [0]
            return [SimpleNamespace(boxes=each, orig_img=picture) for each in (nobody, boxes)]

    ((ids, xyxy, vectors),) = list(loop(Model(), video, extractor))
    assert ids == [3, 5] and xyxy == BOXES[:2, :4].tolist()
    assert torch.allclose(vectors, expected(extractor, video, 0), atol=1e-5)
