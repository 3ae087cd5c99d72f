"""The VPReID family."""

import pytest
import torch

from tests.models.published import assert_agrees_with_published, parameters_without_gradient
from videoreid.models import build_model, load_weights

SMALL = {"backbone": "resnet18", "height": 64, "width": 32}
NAMES = ["gcm_baseline", "gcm_me", "gcm_coordatt", "gcm_multiloss", "gcm"]
HEADS = {"gcm_multiloss": 4, "gcm": 4}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("figures", "name"),
    [("vpreid_baseline", "gcm_baseline"), ("vpreid_coordatt", "gcm_coordatt"), ("vpreid_gcm", "gcm")],
)
def test_answers_as_published(figures: str, name: str) -> None:
    assert_agrees_with_published(figures, name, num_classes=625, method="frame_features")


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("gcm_baseline", 24_792_754),
        ("gcm_me", 25_031_730),
        ("gcm_coordatt", 25_323_378),
        ("gcm_multiloss", 28_634_630),
        ("gcm", 29_404_235),
    ],
)
def test_published_parameter_count(name: str, count: int) -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in build_model(name, num_classes=625).parameters()) == count


@pytest.mark.parametrize("length", [1, 3, 4, 6])
@pytest.mark.parametrize("name", NAMES)
def test_train_and_eval_contract(name: str, length: int) -> None:
    model = build_model(name, num_classes=5, **SMALL)
    frames = torch.rand(2, length, 3, 64, 32)
    output = model(frames)
    heads = HEADS.get(name, 1)
    assert [logits.shape for logits in output.logits] == [(2, 5)] * heads
    assert [features.shape for features in output.features] == [(2, 512)] * heads
    model.eval()
    assert model(frames[:1]).shape == (1, 512)
    assert model.frame_features(frames).shape == (2, 512, 1 if heads > 1 else length)


def test_embedding_is_the_time_mean_through_the_neck() -> None:
    model = build_model("gcm_me", num_classes=5, **SMALL).eval()
    torch.nn.init.uniform_(model.neck.running_mean)
    frames = torch.rand(2, 4, 3, 64, 32)
    with torch.inference_mode():
        assert torch.allclose(model(frames), model.neck(model.frame_features(frames).mean(2)))


def test_losses_see_the_vector_after_the_neck() -> None:
    output = build_model("gcm_baseline", num_classes=5, **SMALL)(torch.rand(8, 2, 3, 64, 32))
    assert output.features[0].mean(0).abs().max() < 1e-4


def test_subsets_grow_to_the_whole_clip() -> None:
    model = build_model("gcm", num_classes=5, **SMALL)
    for length, sizes in ((4, [1, 2, 3, 4]), (1, [1, 1, 1, 1]), (6, [2, 3, 5, 6])):
        subsets = model._subsets(length)
        assert [len(subset) for subset in subsets] == sizes
        assert all(len(set(subset.tolist())) == len(subset) for subset in subsets)
        assert sorted(subsets[-1].tolist()) == list(range(length))


def test_subsets_follow_the_seed() -> None:
    model = build_model("gcm", num_classes=5, **SMALL)
    torch.manual_seed(3)
    first = [subset.tolist() for subset in model._subsets(8)]
    torch.manual_seed(3)
    assert [subset.tolist() for subset in model._subsets(8)] == first
    assert [subset.tolist() for subset in model._subsets(8)] != first


def test_eval_of_several_heads_pools_every_frame_whatever_their_order() -> None:
    model = build_model("gcm_multiloss", num_classes=5, **SMALL).eval()
    frames = torch.rand(1, 5, 3, 64, 32)
    with torch.inference_mode():
        assert torch.allclose(model(frames), model(frames.flip(1)), atol=1e-5)
        assert not torch.allclose(model(frames), model(frames[:, :4]), atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_learns(name: str) -> None:
    torch.manual_seed(0)
    assert (
        parameters_without_gradient(build_model(name, num_classes=5, **SMALL), torch.rand(4, 4, 3, 64, 32))
        == []
    )


def test_no_relu_after_the_stem() -> None:
    assert isinstance(build_model("gcm_baseline", **SMALL).backbone.relu, torch.nn.Identity)


def test_imagenet_weights_find_the_trunk() -> None:
    import torchvision

    source = torchvision.models.resnet18(weights=None).state_dict()
    model = build_model("gcm", num_classes=5, **SMALL)
    report = load_weights(model, source)
    assert torch.equal(model.backbone.layer4[1].conv2.weight, source["layer4.1.conv2.weight"])
    assert not report.unexpected  # torchvision's fc is left out
    assert {name.split(".")[0] for name in report.missing} <= {
        "backbone",
        "frame_pool",
        "clip_pool",
        "neck",
        "classifiers",
    }
    assert all("inserts" in name for name in report.missing if name.startswith("backbone"))
