from pathlib import Path

import numpy as np
import pytest

from videoreid.errors import ConfigError, WeightsError
from videoreid.footage import yolox
from videoreid.footage.yolox import Yolox

WEIGHTS = Path(__file__).parents[3] / "shared" / "data" / "weights" / "yolox_nano.onnx"


def encode(boxes: list[tuple[float, float, float, float, float, int]], side: int = 416) -> np.ndarray:
    """Write boxes (centre x, centre y, width, height on the network's input, score, class) as the network does."""
    output = np.zeros((1, sum((side // s) ** 2 for s in (8, 16, 32)), 85), np.float32)
    first = {8: 0, 16: (side // 8) ** 2, 32: (side // 8) ** 2 + (side // 16) ** 2}
    for place, (x, y, width, height, score, kind) in enumerate(boxes):
        stride = (8, 16, 32)[place % 3]
        column, row = int(x // stride), int(y // stride)
        cell = output[0, first[stride] + row * (side // stride) + column]
        cell[:2] = x / stride - column, y / stride - row
        cell[2:4] = np.log(width / stride), np.log(height / stride)
        cell[4], cell[5 + kind] = 0.8, score / 0.8
    return output


def network(
    monkeypatch: pytest.MonkeyPatch,
    output: np.ndarray,
    seen: list[np.ndarray],
    square: bool = True,
    **options: float,
) -> Yolox:
    def run(blob: np.ndarray) -> np.ndarray:
        seen.append(blob)
        return output

    monkeypatch.setattr(yolox, "_open", lambda path, backend: (run, 416, square, 1))
    monkeypatch.setattr(yolox, "_path_of", Path)
    return Yolox("x.onnx", **options)


def test_boxes_come_back_in_pixels_of_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[np.ndarray] = []
    wanted = [
        (100.0, 80.0, 30.0, 60.0, 0.7, 0),
        (200.0, 150.0, 20.0, 50.0, 0.5, 0),
        (300.0, 60.0, 40.0, 90.0, 0.4, 0),
    ]
    others = [
        (50.0, 50.0, 20.0, 40.0, 0.05, 0),
        (60.0, 200.0, 20.0, 40.0, 0.6, 2),
        (101.0, 81.0, 30.0, 60.0, 0.3, 0),
    ]
    find = network(monkeypatch, encode([*wanted, *others]), seen)
    picture = np.random.default_rng(0).integers(0, 256, (540, 832, 3), dtype=np.uint8)
    boxes, scores = find(picture)
    scale = 0.5  # 416 / 832
    expected = [(x - w / 2, y - h / 2, x + w / 2, y + h / 2) for x, y, w, h, *_ in wanted]
    assert scores == pytest.approx([0.7, 0.5, 0.4])
    assert boxes == pytest.approx(np.array(expected) / scale, abs=1e-3)
    assert seen[0].shape == (1, 3, 416, 416)
    assert (seen[0][0, :, 270:] == 114).all()  # grey below the picture, which lies at the top left
    blue = seen[0][0, 0, :270].mean()
    assert abs(blue - picture[..., 2].mean()) < 2  # BGR, 0 to 255


def test_a_network_that_takes_any_size_gets_no_more_padding_than_its_strides_ask(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[np.ndarray] = []
    output = encode([(100.0, 80.0, 30.0, 60.0, 0.7, 0)])
    rows = [  # of 288 rows and 416 columns: the first 36, 18 and 9 rows of cells of each stride
        *range(36 * 52),
        *range(52 * 52, 52 * 52 + 18 * 26),
        *range(52 * 52 + 26 * 26, 52 * 52 + 26 * 26 + 9 * 13),
    ]
    find = network(monkeypatch, output[:, rows], seen, square=False)
    boxes, scores = find(np.full((540, 832, 3), 7, np.uint8))
    assert seen[0].shape == (1, 3, 288, 416)
    assert (seen[0][0, :, 270:] == 114).all() and (seen[0][0, :, :270] == 7).all()
    assert scores == pytest.approx([0.7])
    assert boxes == pytest.approx(np.array([[170.0, 100.0, 230.0, 220.0]]), abs=1e-3)
    tall = network(monkeypatch, output[:, [0] * 3549], seen, square=True)
    tall(np.full((832, 400, 3), 7, np.uint8))
    assert seen[1].shape == (1, 3, 416, 416)
    assert (seen[1][0, :, :, 200:] == 114).all() and (seen[1][0, :, :, :200] == 7).all()


def test_boxes_are_clipped_to_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    find = network(monkeypatch, encode([(5.0, 5.0, 60.0, 60.0, 0.9, 0)]), [])
    boxes, _ = find(np.zeros((416, 416, 3), np.uint8))
    assert boxes == pytest.approx(np.array([[0, 0, 35, 35]]), abs=1e-3)


def test_a_picture_without_a_person_gives_no_box(monkeypatch: pytest.MonkeyPatch) -> None:
    boxes, scores = network(monkeypatch, encode([]), [])(np.zeros((50, 90, 3), np.uint8))
    assert boxes.shape == (0, 4)
    assert scores.shape == (0,)


def test_what_is_no_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        WeightsError, match=r"no detector none\.onnx: expected an ONNX file or one of yolox_nano"
    ):
        Yolox("none.onnx")
    (tmp_path / "x.onnx").write_bytes(b"no network")
    with pytest.raises(WeightsError, match="is not a"):
        Yolox(tmp_path / "x.onnx")
    with pytest.raises(ConfigError, match="min_score"):
        Yolox(tmp_path / "x.onnx", min_score=0.0)
    with pytest.raises(ConfigError, match="backend"):
        Yolox(tmp_path / "x.onnx", backend="tensorrt")  # type: ignore[arg-type]


@pytest.mark.skipif(not WEIGHTS.is_file(), reason="../shared/data/weights/yolox_nano.onnx is not here")
def test_the_published_network_finds_the_people_of_a_street() -> None:
    from videoreid.footage import detect, read_tracks

    folder = WEIGHTS.parents[1] / "pets_s2l1"
    tracks = read_tracks(folder / "tracks.txt")
    hits = total = 0
    for frame in detect(folder / "video.avi", WEIGHTS, every=40):
        for left, top, width, height in tracks.boxes[tracks.frames == frame.number]:
            low = np.maximum(frame.boxes[:, :2], (left, top))
            high = np.minimum(frame.boxes[:, 2:], (left + width, top + height))
            common = np.prod(np.maximum(high - low, 0), axis=1)
            union = np.prod(frame.boxes[:, 2:] - frame.boxes[:, :2], axis=1) + width * height - common
            hits += bool((common / union >= 0.5).any())
            total += 1
    assert total > 80
    assert hits / total >= 0.95


@pytest.mark.skipif(not WEIGHTS.is_file(), reason="../shared/data/weights/yolox_nano.onnx is not here")
def test_onnx_runtime_takes_a_picture_a_core(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    for cores, workers in ((1, 1), (3, 3), (64, 8)):
        monkeypatch.setattr(yolox, "available_cores", lambda cores=cores: cores)
        assert Yolox(WEIGHTS, backend="onnxruntime").workers == workers
        assert (
            Yolox(WEIGHTS, backend="opencv").workers == 1
        )  # a network of OpenCV holds the picture it looks at


@pytest.mark.skipif(not WEIGHTS.is_file(), reason="../shared/data/weights/yolox_nano.onnx is not here")
def test_both_backends_find_the_same() -> None:
    pytest.importorskip("onnxruntime")
    from videoreid.data import iterate_frames

    image = next(iterate_frames(WEIGHTS.parents[1] / "pets_s2l1" / "video.avi")).image
    image = image[:, -360:]  # a square, which both see without padding
    first, second = (Yolox(WEIGHTS, backend=name)(image) for name in ("opencv", "onnxruntime"))
    assert len(first[0]) > 2
    assert first[0] == pytest.approx(second[0], abs=0.1)
    assert first[1] == pytest.approx(second[1], abs=1e-3)
