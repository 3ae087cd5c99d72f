"""Every loss against recorded figures, hand-computed values and slow loops in float64; its gradient numerically."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from videoreid.losses import (
    CenterLoss,
    CircleLoss,
    CrossEntropyLoss,
    FrameAttentionLoss,
    OSMCAALoss,
    TripletLoss,
    center_loss,
    circle_loss,
    cross_entropy_loss,
    frame_attention_loss,
    osm_caa_loss,
    triplet_loss,
)

FIGURES = Path(__file__).parents[3] / "shared" / "reference" / "numeric" / "losses.npz"
SPEC = importlib.util.spec_from_file_location("oracles", Path(__file__).with_name("oracles.py"))
assert SPEC is not None
assert SPEC.loader is not None
oracles = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(oracles)

POINTS = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0], [-0.6, 0.8]])
PIDS = torch.tensor([0, 0, 1, 1])


def batch(seed, n=10, dim=5, classes=4):
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(n, dim, generator=generator, dtype=torch.float64)
    pids = torch.randint(classes, (n,), generator=generator)
    return rows, pids, torch.randn(classes, dim, generator=generator, dtype=torch.float64)


@pytest.mark.skipif(not FIGURES.exists(), reason="the recorded figures are not beside the repository")
def test_equal_to_the_recorded_figures():
    data = np.load(FIGURES)
    features, pids, logits, centers = (
        torch.tensor(data[k]) for k in ("features", "labels", "logits", "centers")
    )
    chosen = {"alpha": 2.8436551583293728, "l": 0.5873389293193368, "sigma": 0.9047814732165316}
    ours = [
        cross_entropy_loss(logits, pids, 0.1),
        triplet_loss(features, pids, 0.3),
        center_loss(features, pids, centers),
        osm_caa_loss(features, pids, centers, alpha=1.2, l=0.5, sigma=0.8),
        osm_caa_loss(features, pids, centers, **chosen),
        triplet_loss(features, pids, 0.3, "cosine"),
    ]
    assert np.allclose([float(value) for value in ours], data["values"], rtol=1e-5, atol=1e-5)


def test_hand_computed_values():
    assert float(cross_entropy_loss(torch.tensor([[2.0, 0.0, -1.0]]), torch.tensor([0]))) == pytest.approx(
        0.336513, abs=1e-6
    )
    assert float(triplet_loss(POINTS, PIDS, 0.3, "cosine")) == pytest.approx(0.05, abs=1e-6)
    assert float(triplet_loss(POINTS, PIDS, 0.3)) == pytest.approx(0.0190142, abs=1e-6)
    assert float(osm_caa_loss(POINTS, PIDS, torch.eye(2))) == pytest.approx(0.1233437, abs=1e-6)
    assert float(center_loss(POINTS, PIDS, torch.zeros(2, 2))) == pytest.approx(1.0)
    scores, erased = torch.tensor([[1.0, 2.0], [4.0, 8.0]]), torch.tensor([[0, 1], [1, 1]])
    assert float(frame_attention_loss(scores, erased)) == pytest.approx((2 + 12) / 2)


@pytest.mark.parametrize("seed", range(5))
def test_equal_to_slow_loops(seed):
    rows, pids, vectors = batch(seed)
    n_rows, n_pids, n_vectors = rows.numpy(), pids.numpy(), vectors.numpy()
    logits = rows @ vectors.t()
    assert float(cross_entropy_loss(logits, pids, 0.2)) == pytest.approx(
        oracles.cross_entropy(logits.numpy(), n_pids, 0.2)
    )
    assert float(center_loss(rows, pids, vectors)) == pytest.approx(oracles.center(n_rows, n_pids, n_vectors))
    for distance in ("euclidean", "cosine"):
        for margin in (0.3, None):
            for mining in ("hard", "all"):
                ours = triplet_loss(rows, pids, margin, distance, mining=mining)
                assert float(ours) == pytest.approx(
                    oracles.triplet(n_rows, n_pids, margin, distance, mining), abs=1e-7
                )
    for constants in ((1.2, 0.5, 0.8), (2.84, 0.59, 0.9), (0.6, 0.9, 0.3)):
        alpha, share, sigma = constants
        ours = osm_caa_loss(rows, pids, vectors, alpha=alpha, l=share, sigma=sigma)
        assert float(ours) == pytest.approx(oracles.osm_caa(n_rows, n_pids, n_vectors, *constants))
    assert float(circle_loss(rows, pids, 0.25, 16.0)) == pytest.approx(
        oracles.circle(n_rows, n_pids, 0.25, 16.0)
    )


@pytest.mark.parametrize(
    "loss",
    [
        lambda x, y, e: cross_entropy_loss(x @ e.t(), y, 0.1),
        lambda x, y, e: center_loss(x, y, e),
        lambda x, y, e: osm_caa_loss(x, y, e, alpha=1.3),
        lambda x, y, e: triplet_loss(x, y, 0.5) + 0 * e.sum(),
        lambda x, y, e: triplet_loss(x, y, None, "cosine", mining="all") + 0 * e.sum(),
        lambda x, y, e: frame_attention_loss(x, (y[:, None] > 1).expand(x.shape)) + 0 * e.sum(),
    ],
)
def test_gradients(loss):
    rows, pids, vectors = batch(3, n=6)
    assert torch.autograd.gradcheck(
        lambda x, e: loss(x, pids, e), (rows.requires_grad_(), vectors.requires_grad_()), atol=1e-6
    )


def test_circle_gradient_treats_its_weights_as_constants():
    rows, pids, _ = batch(3, n=6)
    rows.requires_grad_()
    circle_loss(rows, pids, 0.25, 4.0).backward()
    fixed = torch.nn.functional.normalize(rows.detach(), dim=1)
    constant = fixed @ fixed.t()

    def with_constant_weights(x):
        x = torch.nn.functional.normalize(x, dim=1)
        s, total, count = x @ x.t(), 0.0, 0
        for a in range(6):
            same = [j for j in range(6) if j != a and pids[j] == pids[a]]
            other = [j for j in range(6) if pids[j] != pids[a]]
            if same and other:
                pull = sum(
                    torch.exp(-4 * (1.25 - constant[a, j]).clamp_min(0) * (s[a, j] - 0.75)) for j in same
                )
                push = sum(
                    torch.exp(4 * (constant[a, j] + 0.25).clamp_min(0) * (s[a, j] - 0.25)) for j in other
                )
                total, count = total + torch.log1p(pull * push), count + 1
        return total / count

    again = rows.detach().clone().requires_grad_()
    with_constant_weights(again).backward()
    assert torch.allclose(rows.grad, again.grad)


def test_modules_are_twins_of_the_functions():
    rows, pids, vectors = batch(1)
    assert CrossEntropyLoss(0.3)(rows, pids) == cross_entropy_loss(rows, pids, 0.3)
    assert TripletLoss(0.4, "cosine", mining="all")(rows, pids) == triplet_loss(
        rows, pids, 0.4, "cosine", mining="all"
    )
    assert OSMCAALoss(1.5, 0.3, 0.7)(rows, pids, vectors) == osm_caa_loss(
        rows, pids, vectors, alpha=1.5, l=0.3, sigma=0.7
    )
    assert CircleLoss(0.3, 8.0)(rows, pids) == circle_loss(rows, pids, 0.3, 8.0)
    center = CenterLoss(4, 5).double()
    assert center(rows, pids) == center_loss(rows, pids, center.centers)
    scores = rows.abs()
    assert FrameAttentionLoss()(scores, scores > 1) == frame_attention_loss(scores, scores > 1)
