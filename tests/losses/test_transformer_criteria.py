"""The published combinations of losses, term by term."""

import pytest
import torch

from videoreid.errors import ConfigError
from videoreid.losses import (
    ClassVectorTerm,
    CLIPReIDCriterion,
    ExtraLogitsTerm,
    TFCLIPCriterion,
    TransReIDCriterion,
    cross_entropy_loss,
    over_heads,
    triplet_loss,
)
from videoreid.types import Clip, ReIDOutput

PIDS = torch.tensor([0, 0, 1, 1])
CLIP = Clip(PIDS, PIDS, PIDS, PIDS, PIDS)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_half_first():
    heads = [torch.full((4, 1), float(v)) for v in (1, 2, 3, 4, 5)]
    value = over_heads(lambda head, pids: head.mean(), heads, PIDS, "half_first")
    assert float(value) == 0.5 * 1 + 0.5 * 3.5
    assert float(over_heads(lambda head, pids: head.mean(), heads[:1], PIDS, "half_first")) == 1.0
    with pytest.raises(ConfigError, match="half_first"):
        over_heads(lambda head, pids: head.mean(), heads, PIDS, "third")


def test_transreid():
    logits = tuple(draw(4, 3, seed=i) for i in range(3))
    features = tuple(draw(4, 5, seed=10 + i) for i in range(3))
    values = TransReIDCriterion()(ReIDOutput(features[0], logits, features), CLIP)
    ce = [cross_entropy_loss(x, PIDS, 0.0) for x in logits]
    soft = [triplet_loss(x, PIDS, None) for x in features]
    assert torch.allclose(values["softmax"], ce[0] / 2 + (ce[1] + ce[2]) / 4)
    assert torch.allclose(values["triplet"], soft[0] / 2 + (soft[1] + soft[2]) / 4)
    assert torch.allclose(values["loss"], values["softmax"] + values["triplet"])


def test_clip_reid():
    texts, features = draw(3, 6), tuple(draw(4, 6, seed=i) for i in range(3))
    output = ReIDOutput(features[0], (draw(4, 3), draw(4, 3, seed=1)), features)
    values = CLIPReIDCriterion(texts)(output, CLIP)
    wanted = cross_entropy_loss(features[2] @ texts.t(), PIDS, 0.1)
    assert torch.allclose(values["image_to_text"], wanted)
    assert torch.allclose(values["loss"], 0.25 * values["softmax"] + values["triplet"] + wanted)
    with pytest.raises(ConfigError, match="6 wide, the head 7"):
        ClassVectorTerm(texts)(ReIDOutput(features[0], (), (draw(4, 7),)), CLIP)
    with pytest.raises(ConfigError, match=r"one vector for each identity \(K, D\)"):
        ClassVectorTerm(texts[0])


def test_tfclip():
    features = tuple(draw(4, 5, seed=i) for i in range(3))
    extras = {"memory_logits": draw(4, 3), "frame_logits": draw(4, 8, 3)}
    output = ReIDOutput(features[0], tuple(draw(4, 3, seed=i) for i in range(3)), features, extras)
    values = TFCLIPCriterion(8)(output, CLIP)
    frames = torch.stack(
        [cross_entropy_loss(extras["frame_logits"][:, t], PIDS, 0.1) for t in range(8)]
    ).mean()
    assert torch.allclose(values["frames"], frames)
    wanted = 0.25 * values["softmax"] + values["triplet"] + values["memory"] + frames / 8
    assert torch.allclose(values["loss"], wanted)
    with pytest.raises(ConfigError, match="lacks 'memory_logits': fill the CLIP-memory"):
        TFCLIPCriterion(8)(output._replace(extras={"frame_logits": extras["frame_logits"]}), CLIP)
    with pytest.raises(ConfigError, match="lacks 'other'"):
        ExtraLogitsTerm("other")(output, CLIP)
