import pytest
import torch

from videoreid.losses import cross_entropy_loss
from videoreid.torchreid import losses, metrics

LOGITS = torch.tensor([[3.0, 1.0, 0.0], [0.0, 1.0, 2.0], [1.0, 3.0, 2.0], [5.0, 0.0, 1.0]])
LABELS = torch.tensor([0, 1, 2, 1])


def test_cross_entropy_takes_torchreids_arguments() -> None:
    smooth = losses.CrossEntropyLoss(num_classes=3, use_gpu=False, label_smooth=True)
    plain = losses.CrossEntropyLoss(num_classes=3, label_smooth=False)
    assert smooth(LOGITS, LABELS) == cross_entropy_loss(LOGITS, LABELS, 0.1)
    assert plain(LOGITS, LABELS) == cross_entropy_loss(LOGITS, LABELS, 0.0)


def test_deep_supervision_is_the_mean_over_heads() -> None:
    heads = [torch.tensor([1.0]), torch.tensor([4.0])]
    assert float(losses.DeepSupervision(lambda head, label: head.sum(), heads, LABELS)) == 2.5


def test_accuracy_by_hand() -> None:
    # right at once: row 0; among the first two: rows 0, 1 and 2; row 3 has its label last
    assert [float(value) for value in metrics.accuracy(LOGITS, LABELS, topk=(1, 2))] == [25.0, 75.0]
    assert float(metrics.accuracy([LOGITS, -LOGITS], LABELS)[0]) == pytest.approx(25.0)
