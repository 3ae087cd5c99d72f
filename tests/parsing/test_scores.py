"""Scores of label maps."""

import numpy as np
import pytest
import torch

from videoreid.errors import ProtocolError
from videoreid.parsing import LABEL_TABLES, Confusion, parsing_scores


@pytest.mark.parametrize("name", ["lip20", "seed7"])
def test_as_recorded(recorded: dict[str, torch.Tensor], name: str) -> None:
    table = LABEL_TABLES[name]
    labels, predictions = table.map(recorded["labels"]), table.map(recorded["predictions"])
    scores = parsing_scores(labels, predictions, num_classes=table.num_classes)
    assert np.array_equal(scores.confusion, recorded[f"{name}_confusion"].numpy())
    for key in ("pixel_accuracy", "mean_accuracy", "mean_iou", "frequency_weighted_iou", "iou"):
        assert getattr(scores, key) == pytest.approx(recorded[f"{name}_{key}"].numpy(), abs=1e-12)


def test_by_hand() -> None:
    labels = np.array([0, 0, 0, 1, 1, 2, 255])
    guess = np.array([0, 0, 1, 1, 255, 0, 1])
    scores = parsing_scores(labels, guess, num_classes=4)
    assert scores.confusion.tolist() == [[2, 1, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert scores.pixel_accuracy == pytest.approx(3 / 5)
    assert scores.mean_accuracy == pytest.approx((2 / 3 + 1 + 0 + 0) / 4)
    assert scores.iou.tolist() == pytest.approx([2 / 4, 1 / 2, 0, 0])
    assert scores.mean_iou == pytest.approx(1 / 4)  # a class that nobody has counts as 0
    assert scores.frequency_weighted_iou == pytest.approx((3 * 2 / 4 + 1 * 1 / 2) / 5)
    assert set(scores.to_dict()) >= {"iou", "confusion", "mean_iou", "protocol"}


def test_parts_add_up() -> None:
    generator = np.random.default_rng(0)
    labels, guess = (generator.integers(0, 5, (7, 9, 4)).astype(np.uint8) for _ in range(2))
    confusion = Confusion(5)
    for image, predicted in zip(labels, guess, strict=True):
        confusion.add(image, torch.from_numpy(predicted).long())
    assert np.array_equal(confusion.matrix, parsing_scores(labels, guess, num_classes=5).confusion)
    assert confusion.matrix.sum() == labels.size


def test_wrong_input() -> None:
    confusion = Confusion(3)
    good = np.array([0, 1, 2])
    with pytest.raises(ProtocolError, match="expected one size"):
        confusion.add(good, good[:2])
    with pytest.raises(ProtocolError, match="label 3 is out of range"):
        confusion.add(good + 1, good)
    with pytest.raises(ProtocolError, match="prediction -1 is out of range"):
        confusion.add(good, good - 1)
    with pytest.raises(ProtocolError, match="integers"):
        confusion.add(good, good * 1.0)
    with pytest.raises(ProtocolError, match="nothing to score"):
        confusion.scores()
    assert confusion.matrix.sum() == 0
    with pytest.raises(ProtocolError, match="two classes"):
        Confusion(1)
