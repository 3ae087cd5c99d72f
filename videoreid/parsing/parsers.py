"""Parsers: objects that turn pictures into label maps of a label table."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from videoreid.errors import ConfigError
from videoreid.functional import normalise_frames
from videoreid.models.ce2p import CE2P
from videoreid.parsing.geometry import Fit, fit_matrix, unwarp_labels, warp_image
from videoreid.parsing.predicting import predict_probabilities, predict_windows
from videoreid.parsing.tables import IGNORE, LabelTable, get_table

__all__ = ["CallableParser", "NetworkParser", "Parser", "check_label_map", "label_pictures"]


class Parser(Protocol):
    """The interface of a parser that evaluation, command line and features use."""

    @property
    def table(self) -> LabelTable:
        """The classes of the label maps."""

    @property
    def description(self) -> str:
        """Network and test settings, for the protocol line."""

    def __call__(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return a label map ``(h, w)`` uint8 for each picture ``(h, w, 3)`` uint8 RGB, in the size of the picture."""


class CallableParser:
    """A parser from any function and the label table of its results.

    Args:
        function: function from pictures ``(h, w, 3)`` uint8 RGB, of mixed sizes, to label maps ``(h, w)`` of integers.
        table: a table, or its name.
        description: text for the protocol line.

    Example:
        >>> parser = CallableParser(lambda images: [image[..., 0] // 255 for image in images], "spreid5")
        >>> parser([np.full((4, 2, 3), 255, np.uint8)])[0].max()
        np.uint8(1)
    """

    def __init__(
        self,
        function: Callable[[Sequence[np.ndarray]], Sequence[np.ndarray]],
        table: LabelTable | str,
        description: str = "given",
    ) -> None:
        self.function = function
        self.table = get_table(table)
        self.description = description

    def __call__(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return checked label maps.

        Raises:
            ConfigError: the number of maps or a size is wrong, or a label is not in the table.
        """
        maps = self.function(images)
        if len(maps) != len(images):
            raise ConfigError(f"the parser returned {len(maps)} label maps for {len(images)} pictures")
        return [
            check_label_map(np.asarray(labels), image, self.table)
            for labels, image in zip(maps, images, strict=True)
        ]


def check_label_map(labels: np.ndarray, image: np.ndarray, table: LabelTable) -> np.ndarray:
    """Return the label map ``(H, W)`` of a picture ``(H, W, 3)`` as uint8.

    Raises:
        ConfigError: the size differs from the picture's, labels are not integers, or a label is not in the table.
    """
    if labels.shape != image.shape[:2] or not np.issubdtype(labels.dtype, np.integer):
        raise ConfigError(
            f"the parser returned {labels.dtype} {labels.shape} for a picture of {image.shape[:2]}; expected integers "
            "of the same size"
        )
    wrong = ((labels < 0) | (labels >= table.num_classes)) & (labels != IGNORE)
    if wrong.any():
        raise ConfigError(
            f"the parser returned label {labels[wrong][0]}, but table {table.name!r} has {table.num_classes} classes"
        )
    return labels.astype(np.uint8)


def label_pictures(
    images: Sequence[np.ndarray],
    probabilities_of: Callable[[Tensor], Tensor],
    *,
    size: tuple[int, int],
    fit: Fit,
) -> list[np.ndarray]:
    """Label pictures of any sizes with a network of one input size, and warp the labels back.

    Args:
        images: ``(h, w, 3)`` uint8 RGB.
        probabilities_of: function from ``(N, 3, H, W)`` uint8 RGB to probabilities or logits ``(N, C, H, W)``.
        size: (height, width) of the network input.
        fit: how a picture is fitted into the input.

    Returns:
        Label maps ``(h, w)`` uint8.
    """
    if not images:
        return []
    matrices = [fit_matrix(image.shape[:2], size, fit=fit) for image in images]
    warped = [warp_image(image, matrix, size) for image, matrix in zip(images, matrices, strict=True)]
    stacked = torch.from_numpy(np.stack(warped)).permute(0, 3, 1, 2)
    answers = probabilities_of(stacked).argmax(1).to(torch.uint8).cpu().numpy()
    return [
        unwarp_labels(labels, matrix, image.shape[:2])
        for labels, matrix, image in zip(answers, matrices, images, strict=True)
    ]


class NetworkParser:
    """A parsing network of the library with its test settings.

    Args:
        model: a parsing network, such as ``build_model("ce2p_resnet50", num_classes=20)``; it is set to eval mode.
        table: its classes, a table or its name.
        size: (height, width) of the input; None means the input size of the network.
        fit: how a picture is fitted into the input, as in training.
        scales: see `predict_probabilities`.
        flip: average with the prediction for the mirror image.
        window: (height, width) of windows over the input; None uses the whole input.
        device: device of the network; None keeps the device of the model.

    Raises:
        ConfigError: the table has another number of classes than the network.
    """

    def __init__(
        self,
        *,
        model: CE2P,
        table: LabelTable | str,
        size: tuple[int, int] | None = None,
        fit: Fit = "pad",
        scales: tuple[float, ...] = (1.0,),
        flip: bool = False,
        window: tuple[int, int] | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        self.model = model if device is None else model.to(device)
        self.table = get_table(table)
        self.size = size or model.input_size
        self.fit: Fit = fit
        self.scales, self.flip, self.window = scales, flip, window
        if self.model.num_classes != self.table.num_classes:
            raise ConfigError(
                f"the network has {self.model.num_classes} classes, table {self.table.name!r} has "
                f"{self.table.num_classes}; give the table that it was trained with"
            )
        self.model.eval()

    @property
    def description(self) -> str:
        """Network and test settings, for the protocol line."""
        name = self.model.build_arguments.get("name", type(self.model).__name__)
        way = "whole" if self.window is None else f"windows {self.window[0]}x{self.window[1]}"
        scales = " ".join(f"{scale:g}" for scale in self.scales)
        flip = "yes" if self.flip else "no"
        return f"{name} at {self.size[0]}x{self.size[1]} ({self.fit}, {way}) | scales {scales} | flip {flip}"

    def __call__(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return a label map ``(h, w)`` uint8 for each picture, in the size of the picture."""
        return label_pictures(images, self.probabilities, size=self.size, fit=self.fit)

    @torch.inference_mode()
    def probabilities(self, images: Tensor) -> Tensor:
        """Return ``(N, C, H, W)`` probabilities of images ``(N, 3, H, W)``, uint8 RGB or normalised."""
        parameter = next(self.model.parameters())
        frames = normalise_frames(images.to(parameter.device), self.model.pixel_mean, self.model.pixel_std)
        order = self.table.mirror_order if self.flip else None
        if self.window is None:
            return predict_probabilities(
                self.model.parse_logits, frames, scales=self.scales, mirror_order=order
            )
        return predict_windows(
            self.model.parse_logits, frames, self.window, scales=self.scales, mirror_order=order
        )
