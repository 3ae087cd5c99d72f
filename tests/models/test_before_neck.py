import pytest
import torch

from videoreid.engine import extract_features
from videoreid.errors import ConfigError
from videoreid.models import BeforeNeck, build_model
from videoreid.types import Clip

SMALL = {"backbone": "resnet18", "height": 64, "width": 32}


def test_what_enters_the_neck() -> None:
    model = build_model("ap3d_resnet50", 5, **SMALL).eval()
    torch.nn.init.uniform_(model.neck.running_mean, -1.0, 1.0)
    frames = torch.rand(2, 3, 3, 64, 32)
    with torch.inference_mode():
        before = BeforeNeck(model).eval()(frames)
        assert torch.allclose(before, model.frame_features(frames).mean(1))
        assert torch.allclose(model.neck(before), model(frames), atol=1e-6)
    assert not model.neck._forward_pre_hooks, "the network is as it was"


def test_several_necks_stand_side_by_side() -> None:
    model = build_model("tclnet", 5, **SMALL).eval()
    frames = torch.rand(2, 4, 3, 64, 32)
    with torch.inference_mode():
        assert torch.allclose(BeforeNeck(model).eval()(frames), model.raw_features(frames))


def test_features_are_extracted_like_those_of_a_network() -> None:
    model = BeforeNeck(build_model("sanet", 5, **SMALL))
    ids = torch.arange(2)
    clip = Clip(torch.zeros(2, 4, 3, 64, 32, dtype=torch.uint8), ids, ids, ids.double(), ids)
    features = extract_features(model, [clip], progress=False)
    assert features.embeddings.shape == (2, 512)


def test_mistakes_are_explained() -> None:
    with pytest.raises(ConfigError, match="has no neck to embed before; it has: conv1"):
        BeforeNeck(build_model("osnet_x0_25", 5))
    with pytest.raises(ConfigError, match="eval mode"):
        BeforeNeck(build_model("sanet", 5, **SMALL))(torch.rand(1, 4, 3, 64, 32))
