"""Parsers from ONNX files; needs the [export] extra."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from videoreid.errors import ConfigError, MissingExtraError, WeightsError
from videoreid.functional import IMAGENET_MEAN, IMAGENET_STD, normalise_frames
from videoreid.parsing.geometry import Fit
from videoreid.parsing.parsers import label_pictures
from videoreid.parsing.tables import LabelTable, get_table

__all__ = ["OnnxParser"]


class OnnxParser:
    """An exported network whose first output maps pictures ``(N, 3, H, W)`` to logits ``(N, C, h, w)``.

    Args:
        path: the ONNX file.
        table: its classes, a table or its name.
        size: (height, width) of the input.
        fit: how a picture is fitted into the input.
        mean: mean of the normalisation of pixels, on the 0..1 scale.
        std: standard deviation of the normalisation, on the 0..1 scale.
        channel_order: channel order of the input.
        batch_size: pictures per run; 1 for a file that was exported with a fixed batch of 1.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        WeightsError: the file is missing, or onnxruntime cannot run it.
    """

    def __init__(
        self,
        *,
        path: str | Path,
        table: LabelTable | str,
        size: tuple[int, int],
        fit: Fit = "stretch",
        mean: tuple[float, float, float] = IMAGENET_MEAN,
        std: tuple[float, float, float] = IMAGENET_STD,
        channel_order: Literal["rgb", "bgr"] = "rgb",
        batch_size: int = 1,
    ) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingExtraError("onnxruntime", "export", "an ONNX parser") from error
        self.path, self.table, self.size = path, get_table(table), size
        self.fit: Fit = fit
        self.mean, self.std, self.channel_order, self.batch_size = mean, std, channel_order, batch_size
        if self.channel_order not in ("rgb", "bgr") or self.batch_size < 1:
            raise ConfigError(
                f"expected 'rgb' or 'bgr' and a batch of 1 or more, got {self.channel_order!r} and {self.batch_size}"
            )
        if not Path(self.path).is_file():
            raise WeightsError(f"no parser at {self.path}: give the path of an ONNX file")
        try:
            session = onnxruntime.InferenceSession(
                str(self.path), providers=onnxruntime.get_available_providers()
            )
        except Exception as error:  # the exceptions of onnxruntime have no common base
            raise WeightsError(f"{self.path} cannot be run by onnxruntime: {error}") from error
        self._session: Any = session

    @property
    def description(self) -> str:
        """File and test settings, for the protocol line."""
        return f"{Path(self.path).name} at {self.size[0]}x{self.size[1]} ({self.fit}) | scales 1 | flip no"

    def __call__(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return a label map ``(h, w)`` uint8 for each picture, in the size of the picture."""
        parts = range(0, len(images), self.batch_size)
        answers = (
            label_pictures(images[start : start + self.batch_size], self.logits, size=self.size, fit=self.fit)
            for start in parts
        )
        return [labels for part in answers for labels in part]

    def logits(self, images: Tensor) -> Tensor:
        """Return logits ``(N, C, H, W)`` of images ``(N, 3, H, W)`` uint8 RGB.

        Raises:
            ConfigError: the network has another number of classes than the table.
        """
        frames = normalise_frames(
            images.flip(1) if self.channel_order == "bgr" else images, self.mean, self.std
        )
        name = self._session.get_inputs()[0].name
        answer = torch.from_numpy(self._session.run(None, {name: frames.numpy()})[0])
        if answer.ndim != 4 or answer.shape[1] != self.table.num_classes:
            raise ConfigError(
                f"{self.path} returns {tuple(answer.shape)}, expected (N, {self.table.num_classes}, h, w) for table "
                f"{self.table.name!r}"
            )
        return F.interpolate(answer.float(), size=self.size, mode="bilinear", align_corners=False)
