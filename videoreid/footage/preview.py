"""Previews: recordings with the boxes and ids of their tracks."""

import colorsys
import os
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from videoreid.errors import DatasetError

__all__ = ["PreviewWriter", "draw_tracks"]

_TURN = 0.618033988749895  # steps of the golden ratio give neighbouring ids different hues


class PreviewWriter:
    """Writes frames with boxes and ids to an MP4 file, which appears when it is complete.

    Args:
        path: the file to write.
        frame_rate: frames per second.
        height: frames with more rows are scaled down to this height.
    """

    def __init__(self, path: str | os.PathLike[str], *, frame_rate: float = 25.0, height: int = 480) -> None:
        self.path = Path(path)
        self._temporary = self.path.with_name(f".{self.path.stem}.tmp.mp4")
        self._rate, self._height = frame_rate, height
        self._writer: Any = None
        self._size = (0, 0)

    def __enter__(self) -> "PreviewWriter":
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Rename the file to its final name, or remove it after an error."""
        if self._writer is not None:
            self._writer.release()
            if kind is None:
                self._temporary.replace(self.path)
            else:
                self._temporary.unlink(missing_ok=True)

    def write(self, image: np.ndarray, boxes: np.ndarray, ids: np.ndarray) -> None:
        """Add a frame.

        Args:
            image: ``(H, W, 3)`` uint8 RGB.
            boxes: ``(N, 4)`` left, top, right, bottom.
            ids: ``(N,)``.

        Raises:
            DatasetError: the file cannot be written.
        """
        import cv2

        if self._writer is None:
            scale = min(1.0, self._height / image.shape[0])
            self._size = tuple(
                max(2 * round(side * scale / 2), 2) for side in image.shape[1::-1]
            )  # even, as codecs require
            if any("\ud800" <= letter <= "\udfff" for letter in str(self.path)):  # OpenCV crashes on it
                raise DatasetError(
                    f"cannot write {self.path}: its path is not UTF-8; choose another folder, or no preview"
                )
            self.path.parent.mkdir(parents=True, exist_ok=True)
            code = cv2.VideoWriter.fourcc(*"mp4v")
            self._writer = cv2.VideoWriter(str(self._temporary), code, self._rate, self._size)
            if not self._writer.isOpened():
                raise DatasetError(f"cannot write {self.path}: is the folder read-only, or the disk full?")
        shares = np.array([self._size[0] / image.shape[1], self._size[1] / image.shape[0]] * 2)
        small = cv2.resize(image, self._size, interpolation=cv2.INTER_AREA)
        self._writer.write(np.ascontiguousarray(draw_tracks(small, boxes * shares, ids)[..., ::-1]))


def draw_tracks(image: np.ndarray, boxes: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Draw boxes ``(N, 4)`` and ids ``(N,)`` on a copy of an RGB image; an id always has the same colour."""
    import cv2

    drawn = image.copy()
    for box, name in zip(np.rint(boxes).astype(int).tolist(), ids.tolist(), strict=True):
        red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(name * _TURN % 1.0, 0.85, 1.0))
        cv2.rectangle(drawn, box[:2], box[2:], (red, green, blue), 1, cv2.LINE_AA)
        text = str(name)
        (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.4, 1)
        top = max(box[1] - height - 4, 0)
        cv2.rectangle(drawn, (box[0], top), (box[0] + width + 2, top + height + 4), (red, green, blue), -1)
        place = (box[0] + 1, top + height + 2)
        cv2.putText(drawn, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
    return drawn
