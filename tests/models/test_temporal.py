"""Temporal heads against values computed by hand or by loops."""

import pytest
import torch

from videoreid.errors import ConfigError, UnknownNameError
from videoreid.models.temporal import TEMPORAL, AttentionPool, SelfAttentionPool, build_temporal

HEADS = [name for name in TEMPORAL if TEMPORAL[name].__module__.startswith("videoreid.models.temporal.")]
OPTIONS = {
    "lstm": {"hidden": 5},
    "gru": {"hidden": 5},
    "self_attention": {"heads": 2},
    "attention": {"hidden": 4},
}


@pytest.fixture
def frames() -> torch.Tensor:
    return torch.rand(3, 5, 6, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("length", [1, 2, 5])
@pytest.mark.parametrize("name", HEADS)
def test_every_head_takes_any_length_and_trains(name: str, length: int, frames: torch.Tensor) -> None:
    head = build_temporal(name, 6, **OPTIONS.get(name, {}))
    clip = head(frames[:, :length].requires_grad_())
    assert clip.shape == (3, head.out_dim)
    clip.pow(3).sum().backward()
    # one frame gives a softmax over one score, a maximum of one, and an attention nobody else takes part in
    if length > 1:
        assert all(p.grad is not None for p in head.parameters())


def test_names_and_aliases() -> None:
    assert set(HEADS) <= set(TEMPORAL.names())
    assert type(build_temporal("avg", 3)) is type(build_temporal("average", 3))
    with pytest.raises(UnknownNameError, match="attention"):
        build_temporal("atention", 3)


def test_pooling_by_hand() -> None:
    clip = torch.tensor([[[1.0, 8.0], [3.0, 2.0]]])
    assert build_temporal("average", 2)(clip).tolist() == [[2.0, 5.0]]
    assert build_temporal("maximum", 2)(clip).tolist() == [[3.0, 8.0]]
    # p = 3: ((1 + 27) / 2)^(1/3) and ((512 + 8) / 2)^(1/3)
    assert torch.allclose(build_temporal("gem", 2)(clip), torch.tensor([[2.410142, 6.382504]]), atol=1e-4)


def test_gem_lifts_negative_values() -> None:
    pooled = build_temporal("gem", 1)(torch.tensor([[[-5.0], [2.0]]]))
    assert torch.allclose(pooled, torch.tensor([[(8.0 / 2) ** (1 / 3)]]), atol=1e-4)


@pytest.mark.parametrize("normalisation", ["softmax", "sigmoid"])
def test_attention_over_maps_by_loops(normalisation: str) -> None:
    torch.manual_seed(0)
    head = AttentionPool(3, hidden=4, map_size=(2, 1), normalisation=normalisation)  # type: ignore[arg-type]
    maps = torch.rand(2, 3, 3, 2, 1)
    expected = torch.zeros(2, 3)
    for b in range(2):
        hidden = []
        for t in range(3):
            total = (head.frame_conv.weight * maps[b, t]).sum((1, 2, 3)) + head.frame_conv.bias
            hidden.append(total.clamp(min=0))
        padded = [torch.zeros(4), *hidden, torch.zeros(4)]
        scores = []
        for t in range(3):
            score = head.time_conv.bias[0].clone()
            for k in range(3):
                score = score + head.time_conv.weight[0, :, k] @ padded[t + k]
            scores.append(score.clamp(min=0))
        raw = torch.stack(scores)
        weights = raw.softmax(0) if normalisation == "softmax" else raw.sigmoid() / raw.sigmoid().sum()
        for t in range(3):
            expected[b] += weights[t] * maps[b, t].mean((1, 2))
    assert torch.allclose(head(maps.mean((-2, -1)), maps), expected, atol=1e-6)


def test_attention_refuses_what_it_cannot_score() -> None:
    head = AttentionPool(3, map_size=(2, 1))
    vectors = torch.rand(1, 2, 3)
    with pytest.raises(ConfigError, match="given none"):
        head(vectors)
    with pytest.raises(ConfigError, match="height and width"):
        head(vectors, torch.rand(1, 2, 3, 4, 2))
    with pytest.raises(ConfigError, match="normalisation"):
        AttentionPool(3, normalisation="tanh")  # type: ignore[arg-type]


def test_recurrent_heads_average_their_outputs(frames: torch.Tensor) -> None:
    for name in ("lstm", "gru"):
        head = build_temporal(name, 6, hidden=4)
        outputs, _ = head.network(frames)
        assert torch.allclose(
            head(frames), (outputs[:, 0] + outputs[:, 1] + outputs[:, 2] + outputs[:, 3] + outputs[:, 4]) / 5
        )


def test_self_attention_starts_near_the_average(frames: torch.Tensor) -> None:
    torch.manual_seed(0)
    head = SelfAttentionPool(6, heads=2)
    assert torch.allclose(head(frames), frames.mean(1), atol=0.02)
    with pytest.raises(ConfigError, match="divide"):
        SelfAttentionPool(6, heads=4)


def test_order_matters_only_where_it_should(frames: torch.Tensor) -> None:
    for name in ("average", "maximum", "gem", "attention", "lstm", "gru", "self_attention"):
        torch.manual_seed(1)
        head = build_temporal(name, 6, **OPTIONS.get(name, {}))
        if name == "self_attention":
            for parameter in head.parameters():
                torch.nn.init.normal_(parameter)
        same = torch.allclose(head(frames), head(frames.flip(1)), atol=1e-6)
        assert same == (name in ("average", "maximum", "gem")), name


@pytest.mark.parametrize("name", HEADS)
def test_fuse_is_forward_with_extras(name: str, frames: torch.Tensor) -> None:
    torch.manual_seed(0)
    head = build_temporal(name, 6, **OPTIONS.get(name, {}))
    fused, extras = head.fuse(frames)
    assert torch.equal(fused, head(frames))
    if isinstance(head, AttentionPool):
        assert torch.equal(extras["frame_scores"], head.scores(frames))
    else:
        assert extras == {}
