"""The six lines of docs/finding.md find a person."""

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from videoreid.data import FrameReader
from videoreid.engine import FeatureExtractor
from videoreid.footage import detection
from videoreid.indexing import index_recording, model_fingerprint, person_of_picture
from videoreid.models import build_model
from videoreid.retrieval import Gallery

PAGE = Path(__file__).parents[2] / "docs/finding.md"


class Blocks:
    """Stands in for the detector: finds what is red or green."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __call__(self, image: np.ndarray) -> tuple[list[list[int]], list[float]]:
        boxes = []
        for channel, other in ((0, 1), (1, 0)):
            rows, columns = np.nonzero((image[..., channel] > 150) & (image[..., other] < 90))
            if len(rows) > 100:
                boxes.append([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        return boxes, [0.9] * len(boxes)


def test_six_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("trackers", reason="the extra [track] is not installed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(detection, "Yolox", Blocks)
    block = re.search(
        r"six lines are enough:\s*^```text\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    assert block is not None and len(block[1].strip().splitlines()) == 6
    torch.manual_seed(0)
    torch.save(build_model("osnet_x0_25").state_dict(), "weights.pth")
    writer = cv2.VideoWriter("gate.avi", cv2.VideoWriter_fourcc(*"FFV1"), 10, (160, 120))
    for n in range(12):
        image = np.full((120, 160, 3), 60, np.uint8)
        image[5:55, 2 * n : 2 * n + 20], image[62:112, 120 - 2 * n : 140 - 2 * n] = (
            (20, 20, 220),
            (20, 220, 20),
        )
        writer.write(image)
    writer.release()
    Path("gate.avi").rename("gate.mp4")
    photograph = np.full((200, 100, 3), 60, np.uint8)
    photograph[40:160, 30:80] = (20, 20, 220)
    cv2.imwrite("person.jpg", photograph)
    names = {
        f.__name__: f for f in (FeatureExtractor, Gallery, FrameReader, index_recording, model_fingerprint)
    }
    names["person_of_picture"] = person_of_picture
    exec(block[1], names)
    answer = names["answer"]
    assert [match.key for match in answer] == ["gate:1", "gate:2"] and answer[0].distance < 0.01 < answer[
        1
    ].distance
    assert "gate:1" in capsys.readouterr().out
