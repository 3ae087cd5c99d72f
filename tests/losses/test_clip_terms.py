"""The losses on single frames, by loops and against the recorded figures of the published systems."""

import json

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.models.published import FIGURES, weight_by_name
from videoreid.errors import ConfigError
from videoreid.losses import (
    Criterion,
    DivergenceLoss,
    DivergenceTerm,
    FrameInfoNCETerm,
    SoftmaxTerm,
    TripletTerm,
    divergence_loss,
    frame_info_nce_loss,
)
from videoreid.models import build_model, load_weights
from videoreid.types import Clip, ReIDOutput


def slow_info_nce(frames: Tensor, pids: list[int], temperature: float) -> Tensor:
    similar = torch.nn.functional.normalize(frames, dim=2)
    total = torch.zeros(())
    for pid in set(pids):
        rows = [row for row in range(len(pids)) if pids[row] == pid]
        terms = []
        for one in rows:
            for other in rows:
                for t in range(frames.shape[1]):
                    if one == other:
                        continue
                    positive = similar[one, t] @ similar[other, t] / temperature
                    negatives = [
                        similar[one, t] @ similar[row, s] / temperature
                        for row in rows
                        for s in range(frames.shape[1])
                        if s != t
                    ]
                    terms.append(torch.logsumexp(torch.stack([positive, *negatives]), 0) - positive)
        if terms:
            total = total + torch.stack(terms).mean()
    return total


@pytest.mark.parametrize(("pids", "instances"), [([0, 0, 1, 1], 2), ([4, 4, 4, 7, 7, 7], 3), ([5, 5], 2)])
def test_info_nce_by_loops(pids: list[int], instances: int) -> None:
    frames = torch.randn(len(pids), 4, 6, generator=torch.Generator().manual_seed(0))
    expected = slow_info_nce(frames, pids, 0.2)
    found = frame_info_nce_loss(frames, torch.tensor(pids), 0.2, instances=instances)
    assert torch.allclose(found, expected, rtol=1e-5)


def test_divergence_of_known_maps() -> None:
    apart = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    assert float(divergence_loss(apart)) == pytest.approx(0.0, abs=1e-5)
    same = torch.tensor([[0.25, 0.75], [0.25, 0.75]])
    assert float(divergence_loss(same)) == pytest.approx(2**0.5 / 4)
    assert DivergenceLoss()(same) == divergence_loss(same)


def test_the_first_map_gets_no_gradient() -> None:
    attention = torch.rand(2, 3, 8).softmax(2).requires_grad_()
    divergence_loss(attention).backward()
    assert attention.grad is not None
    assert not attention.grad[:, 0].any()
    assert attention.grad[:, 1:].all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sinet", "sbnet", "bicnet_tks"])
def test_losses_of_the_published_networks(name: str) -> None:
    path = FIGURES / f"{name}.json"
    if not path.exists():
        pytest.skip(f"recorded figures are not at {path}")
    record = json.loads(path.read_text())
    model = build_model(name, 625)
    load_weights(model, {n: weight_by_name(n, tuple(shape)) for n, shape in record["state_dict"].items()})
    train = record["train"]
    drawn = np.random.default_rng(train["input_seed"]).standard_normal(train["input_shape"]).astype("f4")
    frames = torch.from_numpy(drawn).transpose(1, 2)
    with torch.no_grad():
        output = model.train()(frames)
    clip = clip_of(frames, train["labels"])
    expected = train["losses"]
    if name == "bicnet_tks":
        assert float(DivergenceTerm()(output, clip)) == pytest.approx(expected["divergence"], rel=1e-3)
        triplet = TripletTerm(0.5, distance="cosine")(output, clip)
        assert float(triplet) == pytest.approx(expected["triplet_hard_cosine_margin_0_5"], rel=5e-3)
    else:
        found = float(FrameInfoNCETerm(instances=2)(output, clip))
        assert found == pytest.approx(expected["infonce_temperature_0_07_instances_2"], rel=5e-3)
    softmax = SoftmaxTerm(0.0)(output, clip)
    assert float(softmax) == pytest.approx(expected["cross_entropy"], rel=5e-3)


def clip_of(frames: Tensor, pids: list[int]) -> Clip:
    labels = torch.tensor(pids)
    return Clip(frames, labels, labels * 0, labels.double(), labels * 0)


def test_terms_read_the_extras() -> None:
    vectors = torch.rand(2, 3)
    extras = {"projected_frames": torch.rand(2, 4, 3), "strip_attention": torch.rand(2, 1, 3, 8).softmax(3)}
    output = ReIDOutput(vectors, (vectors,), (vectors,), extras)
    criterion = Criterion(
        {
            "softmax": (SoftmaxTerm(), 1.0),
            "frames": (FrameInfoNCETerm(instances=2), 0.001),
            "apart": (DivergenceTerm(), 0.01),
        }
    )
    losses = criterion(output, clip_of(torch.zeros(2, 1, 3, 2, 2), [1, 1]))
    assert losses["apart"] == divergence_loss(extras["strip_attention"])
    assert losses["frames"] == frame_info_nce_loss(
        extras["projected_frames"], torch.tensor([1, 1]), instances=2
    )


def test_mistakes_are_explained() -> None:
    vectors = torch.rand(2, 3)
    output = ReIDOutput(vectors, (vectors,), (vectors,))
    clip = clip_of(torch.zeros(2, 1, 3, 2, 2), [0, 0])
    with pytest.raises(ConfigError, match="projected_frames"):
        FrameInfoNCETerm()(output, clip)
    with pytest.raises(ConfigError, match=r"strip_attention.*bicnet_tks"):
        DivergenceTerm()(output, clip)
    with pytest.raises(ConfigError, match=r"\(B, T, D\)"):
        frame_info_nce_loss(vectors, torch.zeros(2))
    with pytest.raises(ConfigError, match="two maps"):
        divergence_loss(torch.rand(2, 1, 8))
