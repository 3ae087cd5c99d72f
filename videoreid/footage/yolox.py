"""Person detection with YOLOX, from its published ONNX files."""

import functools
import importlib.util
import os
from pathlib import Path
from typing import Any, Literal

import numpy as np

from videoreid.errors import ConfigError, MissingExtraError, WeightsError
from videoreid.utils import fetch
from videoreid.utils.processes import available_cores

__all__ = ["PUBLISHED", "Yolox"]

_RELEASE = "https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0"
_NANO = "e8af074932d4ed7e232278e3055cefcdea3edf178874a3694ae292649fb464dd"
# the checksums of the other files are not known in advance: they are recorded when a file is first fetched
PUBLISHED: dict[str, tuple[str, str | None]] = {
    "yolox_nano": (f"{_RELEASE}/yolox_nano.onnx", _NANO),
    "yolox_tiny": (f"{_RELEASE}/yolox_tiny.onnx", None),
    "yolox_s": (f"{_RELEASE}/yolox_s.onnx", None),
}
_STRIDES = (8, 16, 32)
_GREY = 114
_PERSON = 0
_SIDES = {3549: 416, 8400: 640}  # cells of the three strides: side of the input
_MOST_WORKERS = 8  # with more, decoding and tracking, one thread each, are slower than the network
_LARGEST = 20.0  # larger log widths are not boxes, and their exp would overflow

Backend = Literal["auto", "opencv", "onnxruntime"]


class Yolox:
    """Find persons with a YOLOX network.

    Called with a picture ``(H, W, 3)`` uint8 RGB, it returns boxes ``(N, 4)`` float64 as left, top, right, bottom in
    pixels and scores ``(N,)`` in falling order.

    Args:
        source: ``yolox_nano``, ``yolox_tiny`` or ``yolox_s``, which are fetched once, or an ONNX file of that family
            with the 80 classes of COCO.
        min_score: lowest score, objectness times class probability, of a box.
        overlap: of two boxes with a larger intersection over union, the one with the lower score is dropped.
        backend: "opencv" needs no other package and runs on the CPU; "onnxruntime" (extra ``export``) uses a CUDA
            device if there is one, and takes half the time on the CPU; "auto" uses it if it is installed. Their boxes
            differ in the last digits, and where OpenCV leaves out the padding below or beside the picture.

    Attributes:
        workers: number of pictures that the network takes at once, each from a thread of its own, with most frames a
            second: the cores of the process, up to 8, for ONNX Runtime on the CPU, which then uses one core a picture;
            1 otherwise.

    Raises:
        WeightsError: the file is missing, cannot be fetched, or is not a YOLOX network.

    Reference:
        Ge et al. YOLOX: Exceeding YOLO Series in 2021. arXiv:2107.08430.
    """

    def __init__(
        self,
        source: str | os.PathLike[str] = "yolox_nano",
        *,
        min_score: float = 0.1,
        overlap: float = 0.45,
        backend: Backend = "auto",
    ) -> None:
        if not 0.0 < min_score <= 1.0 or not 0.0 < overlap <= 1.0:
            raise ConfigError(
                f"min_score and overlap must be above 0 and at most 1, got {min_score} and {overlap}"
            )
        self.path = _path_of(source)
        self.min_score, self.overlap = min_score, overlap
        self._run, self.side, self._square, self.workers = _open(self.path, backend)

    def __call__(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return boxes ``(N, 4)`` and scores ``(N,)`` of the persons in a picture."""
        blob, scale = self._letterbox(image)
        output = self._run(blob).reshape(-1, 85)
        return self._persons(output, _grid(*blob.shape[2:]), scale, image.shape[1::-1])

    def _letterbox(self, image: np.ndarray) -> tuple[np.ndarray, float]:
        import cv2

        height, width = image.shape[:2]
        scale = min(self.side / height, self.side / width)
        size = max(int(width * scale), 1), max(int(height * scale), 1)
        picture = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
        full = [self.side if self._square else -(-side // _STRIDES[-1]) * _STRIDES[-1] for side in size]
        right, bottom = full[0] - size[0], full[1] - size[1]
        if right or bottom:
            grey = (_GREY, _GREY, _GREY)
            picture = cv2.copyMakeBorder(picture, 0, bottom, 0, right, cv2.BORDER_CONSTANT, value=grey)
        return cv2.dnn.blobFromImage(picture, swapRB=True), scale  # the network takes BGR, 0 to 255

    def _persons(
        self, output: np.ndarray, grid: tuple[np.ndarray, np.ndarray], scale: float, size: tuple[int, ...]
    ) -> tuple[np.ndarray, np.ndarray]:
        import cv2

        classes = output[:, 5:]
        scores = output[:, 4] * classes[:, _PERSON]
        kept = np.flatnonzero((scores >= self.min_score) & (classes.argmax(axis=1) == _PERSON))
        strides = grid[1][kept, None]
        centres = (output[kept, :2] + grid[0][kept]) * strides / scale
        sizes = np.exp(np.minimum(output[kept, 2:4], _LARGEST)) * strides / scale
        boxes = np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=1).astype(np.float64)
        boxes = np.clip(boxes, 0.0, [*size, *size])
        sides = boxes[:, 2:] - boxes[:, :2]
        whole = np.isfinite(boxes).all(axis=1) & (sides > 0).all(axis=1)
        boxes, scores = boxes[whole], scores[kept][whole].astype(np.float64)
        rectangles = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
        places = cv2.dnn.NMSBoxes(rectangles.tolist(), scores.tolist(), self.min_score, self.overlap)
        order = np.array(places, dtype=np.int64).reshape(-1)
        return boxes[order], scores[order]


def _path_of(source: str | os.PathLike[str]) -> Path:
    if isinstance(source, str) and source in PUBLISHED:
        address, checksum = PUBLISHED[source]
        return fetch(address, sha256=checksum)
    path = Path(source).expanduser()
    if not path.is_file():
        raise WeightsError(
            f"no detector {os.fspath(source)}: expected an ONNX file or one of {', '.join(PUBLISHED)}"
        )
    return path


def _open(path: Path, backend: Backend) -> tuple[Any, int, bool, int]:
    """Return a function from input ``(1, 3, S, S)`` to output, S, whether S x S is the only size, and the workers."""
    if backend not in ("auto", "opencv", "onnxruntime"):
        raise ConfigError(f"backend must be 'auto', 'opencv' or 'onnxruntime', not {backend!r}")
    if backend == "auto":
        backend = "onnxruntime" if importlib.util.find_spec("onnxruntime") else "opencv"
    run, workers = (_opencv(path), 1) if backend == "opencv" else _onnxruntime(path)
    for side in sorted(set(_SIDES.values())):
        if _rows(run, side, side) == next(rows for rows, known in _SIDES.items() if known == side):
            low = side // 64 * 32
            return run, side, _rows(run, low, side) != len(_grid(low, side)[1]), workers
    raise WeightsError(
        f"{path} is not a YOLOX network for 80 classes with an input of {' or '.join(map(str, _SIDES.values()))} pixels"
    )


def _rows(run: Any, height: int, width: int) -> int:
    """Return the number of output rows of 85 numbers for an input size; 0 if the network does not accept the size."""
    try:
        output = np.asarray(run(np.zeros((1, 3, height, width), np.float32)))
    except Exception:  # the network needs another size; the backends' exceptions have no common base
        return 0
    return output.shape[1] if output.ndim == 3 and output.shape[2] == 85 else 0


def _opencv(path: Path) -> Any:
    import cv2

    try:
        network = cv2.dnn.readNetFromONNX(np.fromfile(path, dtype=np.uint8))
    except cv2.error as error:
        raise WeightsError(f"{path} is not an ONNX file that OpenCV can read: {error.err}") from error

    def run(blob: np.ndarray) -> np.ndarray:
        network.setInput(blob)
        return np.asarray(network.forward())

    return run


def _onnxruntime(path: Path) -> tuple[Any, int]:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError("onnxruntime", "export", "the backend onnxruntime") from error
    available = onnxruntime.get_available_providers()
    wanted = [name for name in ("CUDAExecutionProvider", "CPUExecutionProvider") if name in available]
    try:
        options = onnxruntime.SessionOptions()
        workers = 1 if wanted[0].startswith("CUDA") else min(available_cores(), _MOST_WORKERS)
        if workers > 1:  # one core per picture wastes less time than all cores on one small picture
            options.intra_op_num_threads = 1
        # idle threads must not spin: other threads need the cores
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=wanted)
    except Exception as error:  # its exceptions have no common base
        raise WeightsError(f"{path} is not an ONNX file that ONNX Runtime can read: {error}") from error
    name = session.get_inputs()[0].name
    return lambda blob: session.run(None, {name: blob})[0], workers


@functools.lru_cache(maxsize=16)
def _grid(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the cell ``(N, 2)`` as x, y and the stride ``(N,)`` of every output row for an input size."""
    cells, strides = [], []
    for stride in _STRIDES:
        y, x = np.mgrid[: height // stride, : width // stride]
        cells.append(np.stack([x.ravel(), y.ravel()], axis=1))
        strides.append(np.full(x.size, stride))
    return np.concatenate(cells).astype(np.float32), np.concatenate(strides).astype(np.float32)
