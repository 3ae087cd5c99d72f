"""Image networks on clips."""

import pytest
import torch
from torch import nn

from videoreid.errors import ConfigError
from videoreid.models import FrameOptions, build_model
from videoreid.models.frame_network import init_as_published
from videoreid.types import ReIDOutput


def frames(batch: int = 2, length: int = 3) -> torch.Tensor:
    return torch.randn(batch, length, 3, 64, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", ["osnet_x0_25", "hacnn", "pcb_p4", "mlfn"])
@torch.no_grad()
def test_average_is_the_mean_of_the_published_vectors(name: str) -> None:
    model = build_model(name, 5).eval()
    clips = frames()
    images = torch.stack([model(clips[:, index]) for index in range(3)], dim=1)
    assert torch.allclose(model(clips), images.mean(1), rtol=1e-4, atol=1e-6)


@torch.no_grad()
def test_maximum_over_frames() -> None:
    model = build_model("osnet_x0_25", 5, temporal="max").eval()
    clips = frames()
    images = torch.stack([model(clips[:, index]) for index in range(3)], dim=1)
    assert torch.allclose(model(clips), images.amax(1), rtol=1e-4, atol=1e-6)


def test_neck_separates_embedding_and_metric_features() -> None:
    model = build_model("osnet_x0_25", 5, neck=True)
    output = model.train()(frames(batch=4))
    assert isinstance(output, ReIDOutput)
    assert model.classifier.bias is None
    assert model.neck.bias.requires_grad is False
    (features,) = output.features
    assert torch.allclose(output.embedding.mean(0), torch.zeros(512), atol=1e-5)
    assert (features >= 0).all(), "what triplets see comes before the neck, behind the ReLU of the embedding"
    model.unfreeze()
    assert model.neck.bias.requires_grad is False, "the bias is fixed by design"


def test_attention_hands_its_scores_on() -> None:
    model = build_model("osnet_x0_25", 5, temporal="attention", temporal_options={"hidden": 8})
    output = model.train()(frames())
    assert output.extras["frame_scores"].shape == (2, 3)
    with torch.no_grad():
        embedding = model.eval()(frames())
    assert embedding.shape == (2, 512)


@pytest.mark.parametrize("name", ["pcb_p4", "hacnn"])
def test_part_networks_learn_through_an_attention_head(name: str) -> None:
    model = build_model(name, 5, temporal="attention", temporal_options={"hidden": 8}).train()
    torch.nn.init.ones_(model.temporal.time_conv.bias)  # scores end in a ReLU: wake it
    torch.nn.init.ones_(model.temporal.frame_conv.bias)
    sum(logits.logsumexp(1).mean() for logits in model(frames(batch=3)).logits).backward()
    assert model.temporal.frame_conv.weight.grad.any()


def test_recurrent_head_changes_the_width() -> None:
    model = build_model("osnet_x0_25", 5, temporal="lstm", temporal_options={"hidden": 32})
    assert model.embedding_dim == 32
    assert model.train()(frames()).logits[0].shape == (2, 5)


@pytest.mark.parametrize("name", ["pcb_p4", "hacnn"])
@pytest.mark.parametrize("options", [{"neck": True}, {"temporal": "lstm"}])
def test_part_networks_refuse_what_they_cannot_classify(name: str, options: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="takes no neck"):
        build_model(name, 5, **options)


def test_unknown_option_is_named() -> None:
    with pytest.raises(ConfigError, match=r"no option 'tempral'.*temporal"):
        build_model("osnet_x0_25", 5, tempral="max")
    assert FrameOptions.of({}) == FrameOptions()


def test_part_features_have_unit_length() -> None:
    with torch.no_grad():
        pcb = build_model("pcb_p4", 5).eval()(frames(length=1))
        hacnn = build_model("hacnn", 5).eval()(frames(length=1))
    assert torch.allclose(pcb.view(2, 2048, 4).norm(dim=1), torch.ones(2, 4), atol=1e-5)
    assert torch.allclose(hacnn.view(2, 2, 512).norm(dim=2), torch.ones(2, 2), atol=1e-5)


def test_initial_weights_are_the_published_ones() -> None:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(16, 64, 3), nn.BatchNorm2d(64), nn.Linear(256, 512))
    init_as_published(layers)
    assert layers[0].weight.std().item() == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.05)
    assert layers[2].weight.std().item() == pytest.approx(0.01, rel=0.05)
    for bias in (layers[0].bias, layers[1].bias, layers[2].bias):
        assert not bias.any()
