"""Parsing scores: a confusion matrix, and the accuracies and intersections over union computed from it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from videoreid.errors import ProtocolError
from videoreid.parsing.tables import IGNORE, LabelTable

__all__ = ["Confusion", "ParsingScores", "parsing_scores"]


@dataclass(frozen=True, eq=False)
class ParsingScores:
    """Scores of a whole dataset; all are shares, 0 to 1.

    A class that occurs neither in labels nor in predictions counts as 0 in the means, as in the published tables.

    Args:
        pixel_accuracy: share of correct pixels.
        mean_accuracy: mean over the classes of the share of their pixels that are predicted correctly.
        iou: ``(C,)`` float64 intersection over union of each class.
        mean_iou: mean of ``iou``, background included.
        frequency_weighted_iou: mean of ``iou``, each class weighted by its share of the labels.
        confusion: ``(C, C)`` int64 pixels, by label (row) and prediction (column).
        protocol_line: description of data and protocol; "" if unknown.
    """

    pixel_accuracy: float
    mean_accuracy: float
    iou: np.ndarray
    mean_iou: float
    frequency_weighted_iou: float
    confusion: np.ndarray
    protocol_line: str = ""

    def summary(self) -> dict[str, float]:
        """Return the scalar scores by name."""
        names = ("pixel_accuracy", "mean_accuracy", "mean_iou", "frequency_weighted_iou")
        return {name: float(getattr(self, name)) for name in names}

    def to_dict(self) -> dict[str, Any]:
        """Return all scores as plain numbers and lists, for a JSON file."""
        return {
            **self.summary(),
            "iou": self.iou.tolist(),
            "confusion": self.confusion.tolist(),
            "protocol": self.protocol_line,
        }


class Confusion:
    """Counts pixels by label and prediction, batch by batch, in constant memory.

    Args:
        num_classes: number of classes C.

    Example:
        >>> confusion = Confusion(2)
        >>> confusion.add(np.array([0, 1, 1, 255]), np.array([0, 1, 0, 1]))
        >>> confusion.scores().pixel_accuracy == 2 / 3
        True
    """

    def __init__(self, num_classes: int) -> None:
        if num_classes < 2:
            raise ProtocolError(f"scores need two classes or more, got {num_classes}")
        self.num_classes = num_classes
        self.matrix = np.zeros((num_classes, num_classes), dtype=np.int64)

    def add(self, labels: np.ndarray | Tensor, predictions: np.ndarray | Tensor) -> None:
        """Count the pixels of label maps; a pixel is left out if its label or prediction is 255.

        Args:
            labels: integers of any shape ``(...)``.
            predictions: integers of the same shape.

        Raises:
            ProtocolError: the shapes differ, or a value is not an integer or not a class.
        """
        truth, guess = torch.as_tensor(labels), torch.as_tensor(predictions)
        if truth.shape != guess.shape:
            raise ProtocolError(
                f"labels are {tuple(truth.shape)}, predictions {tuple(guess.shape)}; expected one size"
            )
        for name, values in (("label", truth), ("prediction", guess)):
            if values.is_floating_point() or values.is_complex():
                raise ProtocolError(f"{name}s must be integers, got {values.dtype}")
            wrong = ((values < 0) | (values >= self.num_classes)) & (values != IGNORE)
            if bool(wrong.any()):
                raise ProtocolError(
                    f"{name} {int(values[wrong][0])} is out of range; expected 0 to {self.num_classes - 1}, or "
                    f"{IGNORE} to leave a pixel out"
                )
        guess = guess.to(truth.device)
        kept = (truth != IGNORE) & (guess != IGNORE)
        codes = truth[kept].long() * self.num_classes + guess[kept].long()
        counts = torch.bincount(codes, minlength=self.num_classes**2).cpu().numpy()
        self.matrix += counts.reshape(self.num_classes, self.num_classes)

    def regroup(self, table: LabelTable) -> "Confusion":
        """Return the counts after labels and predictions are mapped by another table.

        Args:
            table: table whose sources are the classes counted here; pixels of a class that it ignores are left out.

        Raises:
            ProtocolError: the table has other sources.
        """
        if len(table.sources) != self.num_classes:
            raise ProtocolError(
                f"table {table.name!r} reads {len(table.sources)} classes, {self.num_classes} were counted"
            )
        target = table.map(np.arange(self.num_classes))
        kept = np.flatnonzero(target != IGNORE)
        grouped = Confusion(table.num_classes)
        rows, columns = np.meshgrid(kept, kept, indexing="ij")
        np.add.at(grouped.matrix, (target[rows], target[columns]), self.matrix[rows, columns])
        return grouped

    def scores(self, protocol_line: str = "") -> ParsingScores:
        """Return the scores of all counted pixels.

        Args:
            protocol_line: description of data and protocol, kept with the scores.

        Raises:
            ProtocolError: no pixel was counted.
        """
        total = int(self.matrix.sum())
        if not total:
            raise ProtocolError("no pixel has both a label and a prediction: there is nothing to score")
        hits = np.diag(self.matrix).astype(np.float64)
        labelled, predicted = self.matrix.sum(1), self.matrix.sum(0)
        iou = hits / np.maximum(1, labelled + predicted - hits)
        return ParsingScores(
            pixel_accuracy=float(hits.sum() / total),
            mean_accuracy=float((hits / np.maximum(1, labelled)).mean()),
            iou=iou,
            mean_iou=float(iou.mean()),
            frequency_weighted_iou=float((labelled * iou).sum() / total),
            confusion=self.matrix.copy(),
            protocol_line=protocol_line,
        )


def parsing_scores(
    labels: np.ndarray | Tensor, predictions: np.ndarray | Tensor, *, num_classes: int
) -> ParsingScores:
    """Score label maps that are all in memory; use `Confusion` to score them in parts.

    Args:
        labels: integers of any shape ``(...)``; 255 is left out.
        predictions: integers of the same shape.
        num_classes: number of classes C.

    Raises:
        ProtocolError: the shapes differ, a value is not a class, or nothing is left to score.
    """
    confusion = Confusion(num_classes)
    confusion.add(labels, predictions)
    return confusion.scores()
