"""Criteria: named terms, their weighted sum, several heads, centres as parameters."""

import pytest
import torch

from videoreid.errors import ConfigError
from videoreid.losses import (
    BagOfTricksCriterion,
    CenterLoss,
    CircleLoss,
    Criterion,
    CrossEntropyLoss,
    FeatureTerm,
    FrameAttentionTerm,
    LogitTerm,
    SoftmaxCriterion,
    TripletCriterion,
    TripletLoss,
    center_loss,
    circle_loss,
    cross_entropy_loss,
    frame_attention_loss,
    osm_caa_loss,
    over_heads,
    triplet_loss,
)
from videoreid.types import Clip, ReIDOutput

PIDS = torch.tensor([0, 0, 1, 1, 2, 2])
CLIP = Clip(torch.zeros(6, 2, 3, 4, 4), PIDS, PIDS * 0, PIDS.double(), torch.arange(6))


def output(heads=1, extras=None):
    generator = torch.Generator().manual_seed(heads)
    features = tuple(torch.randn(6, 4, generator=generator) for _ in range(heads))
    logits = tuple(torch.randn(6, 3, generator=generator) for _ in range(heads))
    return ReIDOutput(features[0], logits, features, extras or {})


def test_the_sum_is_weighted_and_the_terms_are_not():
    criterion = Criterion(
        {
            "softmax": (LogitTerm(CrossEntropyLoss(0.0)), 2.0),
            "circle": (FeatureTerm(CircleLoss(scale=4.0)), 0.5),
        }
    )
    out = output()
    losses = criterion(out, CLIP)
    softmax, circle = (
        cross_entropy_loss(out.logits[0], PIDS, 0.0),
        circle_loss(out.features[0], PIDS, scale=4.0),
    )
    assert list(losses) == ["loss", "softmax", "circle"]
    assert losses["softmax"] == softmax
    assert float(losses["loss"]) == pytest.approx(float(2 * softmax + 0.5 * circle))


@pytest.mark.parametrize(("heads", "divisor"), [("mean", 4), ("sum", 1)])
def test_several_heads(heads, divisor):
    out = output(4)
    losses = TripletCriterion(0.3, distance="cosine", label_smoothing=0.2, heads=heads)(out, CLIP)
    softmax = sum(float(cross_entropy_loss(head, PIDS, 0.2)) for head in out.logits) / divisor
    triplet = sum(float(triplet_loss(head, PIDS, 0.3, "cosine")) for head in out.features) / divisor
    assert float(losses["softmax"]) == pytest.approx(softmax, rel=1e-6)
    assert float(losses["triplet"]) == pytest.approx(triplet, rel=1e-6)
    assert float(losses["loss"]) == pytest.approx(softmax + triplet, rel=1e-6)


def test_softmax_criterion_is_smoothed_cross_entropy():
    out = output()
    assert SoftmaxCriterion()(out, CLIP)["loss"] == cross_entropy_loss(out.logits[0], PIDS, 0.1)


def test_a_term_of_weight_zero_is_left_out_of_the_ready_made_criterion():
    out = output()._replace(logits=())
    assert list(TripletCriterion(softmax_weight=0.0)(out, CLIP)) == ["loss", "triplet"]


@pytest.mark.parametrize("beta", [None, 0.0, 0.7, 1.0])
def test_bag_of_tricks_totals(beta):
    torch.manual_seed(0)
    criterion = BagOfTricksCriterion(
        3, 4, margin=0.04, beta=beta, osm={"alpha": 1.6, "l": 0.52, "sigma": 0.88}
    )
    out = output()
    losses = criterion(out, CLIP)
    centers = criterion.terms["center"].loss.centers
    softmax = cross_entropy_loss(out.logits[0], PIDS, 0.1)
    triplet = triplet_loss(out.features[0], PIDS, 0.04, "cosine")
    center = center_loss(out.features[0], PIDS, centers)
    osm = osm_caa_loss(out.features[0], PIDS, centers, alpha=1.6, l=0.52, sigma=0.88)
    total = softmax + (1 - (beta or 0.0)) * triplet + 0.0005 * center + (beta or 0.0) * osm
    assert float(losses["loss"]) == pytest.approx(float(total), rel=1e-6)
    assert [name for name, _ in criterion.named_parameters()] == ["terms.center.loss.centers"]


def test_classifier_weights_are_used_and_not_owned():
    classifier = torch.nn.Linear(4, 3, bias=False)
    criterion = BagOfTricksCriterion(3, 4, beta=1.0, classifier_weight=lambda: classifier.weight)
    out = output()
    losses = criterion(out, CLIP)
    assert losses["osm"] == osm_caa_loss(out.features[0], PIDS, classifier.weight)
    losses["loss"].backward()
    assert torch.count_nonzero(classifier.weight.grad) > 0
    assert len(list(criterion.parameters())) == 1


def test_class_centres_learn_from_osm_too():
    criterion = BagOfTricksCriterion(3, 4, beta=1.0, center_weight=0.0)
    criterion(output(), CLIP)["loss"].backward()
    assert torch.count_nonzero(criterion.terms["center"].loss.centers.grad) > 0


def test_frame_attention_reads_the_extras():
    scores, erased = torch.rand(6, 2), torch.rand(6, 2) > 0.5
    criterion = BagOfTricksCriterion(3, 4, frame_attention=True)
    losses = criterion(output(extras={"frame_scores": scores, "erased": erased}), CLIP)
    assert losses["attention"] == frame_attention_loss(scores, erased)
    with pytest.raises(ConfigError, match="lacks erased"):
        FrameAttentionTerm()(output(extras={"frame_scores": scores}), CLIP)


def test_errors():
    with pytest.raises(ConfigError, match="one term or more"):
        Criterion({})
    with pytest.raises(ConfigError, match="may be called 'loss'"):
        Criterion({"loss": (LogitTerm(CrossEntropyLoss()), 1.0)})
    with pytest.raises(ConfigError, match="weight 0"):
        Criterion({"softmax": (LogitTerm(CrossEntropyLoss()), 0.0)})(output(), CLIP)
    with pytest.raises(ConfigError, match="no head"):
        LogitTerm(CrossEntropyLoss())(output()._replace(logits=()), CLIP)
    with pytest.raises(ConfigError, match="unknown reduction"):
        over_heads(triplet_loss, output().features, PIDS, "max")
    with pytest.raises(ConfigError, match="no head"):
        FeatureTerm(CenterLoss(3, 4))(output()._replace(features=()), CLIP)
    with pytest.raises(ConfigError, match="unknown which"):
        FeatureTerm(TripletLoss(), which="last")
    assert "2 * circle" in repr(Criterion({"circle": (FeatureTerm(TripletLoss()), 2.0)}))


def test_a_term_of_the_first_head_ignores_the_others():
    out = output(3)
    first = FeatureTerm(triplet_loss, which="first")(out, CLIP)
    assert first == triplet_loss(out.features[0], PIDS)
    assert first != FeatureTerm(triplet_loss)(out, CLIP)
