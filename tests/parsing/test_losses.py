"""Losses of a parser."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from videoreid.errors import ConfigError
from videoreid.parsing import (
    edge_loss,
    edge_targets,
    lovasz_softmax_loss,
    ohem_cross_entropy,
    parsing_loss,
    pixel_cross_entropy,
)


def batch(seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 5, (2, 8, 6), generator=generator)
    labels[0, :2] = 255
    return torch.randn(2, 5, 8, 6, generator=generator, dtype=torch.float64), labels


def test_published_total(recorded: dict[str, Tensor]) -> None:
    total = parsing_loss([recorded["seg1"], recorded["seg2"]], recorded["edge_logits"], recorded["labels"])
    assert total == pytest.approx(float(recorded["loss"]), rel=1e-6)


def test_total_by_hand() -> None:
    logits, labels = batch()
    edges = torch.randn(2, 2, 8, 6, dtype=torch.float64)
    probabilities = logits.softmax(1)
    terms = [
        -math.log(probabilities[b, labels[b, y, x], y, x]) for b, y, x in (labels != 255).nonzero().tolist()
    ]
    targets = edge_targets(labels)
    positive = float(targets.float().mean())
    weighted, weights = 0.0, 0.0
    for b, y, x in np.ndindex(*labels.shape):
        weight = 1 - positive if targets[b, y, x] else positive
        weighted -= weight * math.log(edges.softmax(1)[b, targets[b, y, x], y, x])
        weights += weight
    expected = 2 * sum(terms) / len(terms) + weighted / weights
    assert float(parsing_loss([logits, logits], edges, labels)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("fill", [0, 3, 255])
def test_a_batch_without_edges_is_finite(fill: int) -> None:
    labels = torch.full((2, 8, 6), fill)
    logits, edges = (torch.randn(2, c, 4, 3, requires_grad=True) for c in (5, 2))
    assert edge_loss(edges, labels).item() == 0
    total = parsing_loss([logits], edges, labels)
    total.backward()
    assert total.isfinite()
    assert logits.grad is not None
    assert edges.grad is not None
    assert logits.grad.isfinite().all()
    assert edges.grad.isfinite().all()
    assert bool(logits.grad.any()) == (fill != 255)


def test_ohem_keeps_the_hard_pixels() -> None:
    logits, labels = batch()
    own = logits.softmax(1).gather(1, labels.clamp_max(4).unsqueeze(1)).squeeze(1)[labels != 255]
    hard = own[own <= 0.3]
    expected = float(-hard.log().mean())
    assert len(hard) > 10
    assert float(ohem_cross_entropy(logits, labels, threshold=0.3, min_kept=5)) == pytest.approx(expected)
    hardest = own.sort().values[:7]
    assert float(ohem_cross_entropy(logits, labels, threshold=0.0, min_kept=7)) == pytest.approx(
        float(-hardest.log().mean())
    )
    everything = float(pixel_cross_entropy(logits, labels))
    assert float(ohem_cross_entropy(logits, labels, min_kept=10**6)) == pytest.approx(everything)
    assert float(ohem_cross_entropy(logits, torch.full_like(labels, 255))) == 0
    with pytest.raises(ConfigError, match="0 to 1"):
        ohem_cross_entropy(logits, labels, threshold=1.5)


def test_lovasz_of_certain_predictions_is_the_jaccard_loss() -> None:
    _, labels = batch()
    guess = batch(1)[1].clamp_max(4)
    logits = 1000.0 * torch.nn.functional.one_hot(guess, 5).movedim(-1, 1).double()
    kept = labels != 255
    jaccard = [
        1
        - float(((labels == c) & (guess == c) & kept).sum() / ((((labels == c) | (guess == c)) & kept).sum()))
        for c in labels[kept].unique().tolist()
    ]
    assert float(lovasz_softmax_loss(logits, labels)) == pytest.approx(sum(jaccard) / len(jaccard))


def test_lovasz_by_hand() -> None:
    # one class present, errors .6 (a pixel of it), .3 (another class), .2 (a pixel of it):
    # Jaccard loss of the first 1, 2, 3 wrong: 1/2, 2/3, 1
    probability = torch.tensor([0.4, 0.3, 0.8], dtype=torch.float64)
    logits = torch.stack([probability.log(), (1 - probability).log()]).view(1, 2, 1, 3)
    labels = torch.tensor([[[0, 1, 0]]])
    first = 0.6 * 1 / 2 + 0.3 * (2 / 3 - 1 / 2) + 0.2 * (1 - 2 / 3)
    second = 0.6 * 1 / 2 + 0.3 * (1 - 1 / 2)  # for class 1: .6 is wrong, then its only pixel with .3
    assert float(lovasz_softmax_loss(logits, labels)) == pytest.approx((first + second) / 2)


def test_lovasz_has_a_gradient_and_an_end() -> None:
    logits, labels = batch()
    logits.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: lovasz_softmax_loss(x, labels), (logits,))
    assert lovasz_softmax_loss(logits, torch.full_like(labels, 255)).item() == 0


@pytest.mark.parametrize("loss", [pixel_cross_entropy, ohem_cross_entropy, lovasz_softmax_loss])
def test_wrong_labels(loss: object) -> None:
    logits, labels = batch()
    for wrong in (5, -1):
        labels[1, 3, 3] = wrong
        with pytest.raises(ConfigError, match=f"label {wrong} is out of range"):
            loss(logits, labels)  # type: ignore[operator]
    with pytest.raises(ConfigError, match=r"\(B, C, H, W\)"):
        loss(logits, labels[:, :3])  # type: ignore[operator]


def test_wrong_shapes() -> None:
    logits, labels = batch()
    with pytest.raises(ConfigError, match="one parsing head or more"):
        parsing_loss([], logits[:, :2], labels)
    with pytest.raises(ConfigError, match="edge logits"):
        parsing_loss([logits], logits, labels)
    with pytest.raises(ConfigError, match=r"labels \(B, H, W\)"):
        parsing_loss([logits[:1]], logits[:, :2], labels)
