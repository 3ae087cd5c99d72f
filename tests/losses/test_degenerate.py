"""Degenerate batches give a finite value with a finite gradient, and bad input a clear error."""

import pytest
import torch

from videoreid import losses
from videoreid.errors import ConfigError
from videoreid.losses import (
    center_loss,
    circle_loss,
    cross_entropy_loss,
    frame_attention_loss,
    osm_caa_loss,
    supervised_contrastive_loss,
    triplet_loss,
)

VECTORS = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
LOSSES = {
    "cross_entropy": lambda x, y: cross_entropy_loss(x @ VECTORS.t(), y),
    "triplet_hard": triplet_loss,
    "triplet_soft": lambda x, y: triplet_loss(x, y, None),
    "triplet_cosine": lambda x, y: triplet_loss(x, y, 0.3, "cosine"),
    "triplet_all": lambda x, y: triplet_loss(x, y, mining="all"),
    "center": lambda x, y: center_loss(x, y, VECTORS),
    "osm_caa": lambda x, y: osm_caa_loss(x, y, VECTORS),
    "circle": circle_loss,
    "supervised_contrastive": supervised_contrastive_loss,
}
PIDS = {
    "one identity": [0, 0, 0, 0],
    "no positive": [0, 1, 2, 3],
    "one row": [2],
    "usual": [0, 0, 1, 1],
    "one positive pair, nothing else": [3, 3],
}


OTHER_INPUT = {"divergence_loss", "frame_attention_loss", "frame_info_nce_loss"}
"""Losses of something else than one row a clip; tested below and in test_clip_terms.py."""


def test_every_loss_is_tried():
    names = [name for name in losses.__all__ if name.endswith("_loss") and name not in OTHER_INPUT]
    untried = [name for name in names if not any(key.startswith(name[:-5]) for key in LOSSES)]
    assert untried == [], "add them to LOSSES"


def test_every_loss_has_a_module():
    functions = {name[:-5].replace("_", "") for name in losses.__all__ if name.endswith("_loss")}
    modules = {name[:-4].lower() for name in losses.__all__ if name.endswith(("Loss", "Term"))}
    assert functions - modules == {"supervisedcontrastive"}  # of two sets of rows: called, never a term


@pytest.mark.parametrize("duplicates", [False, True], ids=["distinct rows", "rows at distance 0"])
@pytest.mark.parametrize("pids", PIDS.values(), ids=PIDS.keys())
@pytest.mark.parametrize("name", LOSSES)
def test_finite_with_a_finite_gradient(name, pids, duplicates):
    rows = torch.randn(len(pids), 3, generator=torch.Generator().manual_seed(1))
    if duplicates:
        rows = rows[:1].repeat(len(pids), 1)
    rows.requires_grad_()
    value = LOSSES[name](rows, torch.tensor(pids))
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(rows.grad).all()


@pytest.mark.parametrize("name", ["triplet_hard", "triplet_soft", "triplet_cosine", "triplet_all", "circle"])
def test_without_negatives_nothing_moves(name):
    rows = torch.randn(4, 3, requires_grad=True)
    value = LOSSES[name](rows, torch.zeros(4, dtype=torch.long))
    value.backward()
    assert float(value) == 0.0
    assert torch.count_nonzero(rows.grad) == 0


def test_osm_caa_without_positives_is_its_negative_term_alone():
    rows, pids = torch.randn(4, 3), torch.arange(4)
    whole = osm_caa_loss(rows, pids, VECTORS, l=1.0)
    assert float(whole) > 0
    assert float(osm_caa_loss(rows, pids, VECTORS, l=0.25)) == pytest.approx(0.25 * float(whole))


def test_osm_caa_with_every_negative_beyond_the_margin():
    rows = torch.eye(3).repeat(1, 1).requires_grad_()
    value = osm_caa_loss(rows, torch.arange(3), VECTORS, alpha=0.1)
    value.backward()
    assert float(value) == pytest.approx(0.0, abs=1e-12)
    assert torch.isfinite(rows.grad).all()


def test_zero_rows_are_finite():
    rows = torch.zeros(4, 3, requires_grad=True)
    for name in LOSSES:
        value = LOSSES[name](rows, torch.tensor([0, 0, 1, 1]))
        value.backward()
        assert torch.isfinite(value), name
    assert torch.isfinite(rows.grad).all()


@pytest.mark.parametrize("name", LOSSES)
def test_wrong_shapes_and_empty_batches_are_refused(name):
    with pytest.raises(ConfigError, match="expected"):
        LOSSES[name](torch.randn(4, 3), torch.zeros(3, dtype=torch.long))
    with pytest.raises(ConfigError, match="empty batch"):
        LOSSES[name](torch.randn(0, 3), torch.zeros(0, dtype=torch.long))


@pytest.mark.parametrize("name", ["cross_entropy", "center", "osm_caa"])
@pytest.mark.parametrize("pid", [-1, 4])
def test_a_label_out_of_range_is_named(name, pid):
    with pytest.raises(ConfigError, match=rf"label {pid} is outside 0..3"):
        LOSSES[name](torch.randn(2, 3), torch.tensor([0, pid]))


def test_other_errors():
    rows, pids = torch.randn(4, 3), torch.zeros(4, dtype=torch.long)
    with pytest.raises(ConfigError, match="unknown distance 'manhattan'"):
        triplet_loss(rows, pids, 0.3, "manhattan")
    with pytest.raises(ConfigError, match="unknown mining"):
        triplet_loss(rows, pids, mining="soft")
    with pytest.raises(ConfigError, match=r"centers \(K, 3\)"):
        center_loss(rows, pids, torch.randn(3, 4))
    with pytest.raises(ConfigError, match=r"class_vectors \(K, 3\)"):
        osm_caa_loss(rows, pids, torch.randn(3, 4))
    with pytest.raises(ConfigError, match="frame_scores and erased"):
        frame_attention_loss(torch.rand(2, 3), torch.zeros(3, 2))
