"""CAViT: the recorded figures, the next frame, and weights of a plain ViT."""

import pytest
import torch
from torch.nn import functional as F

from tests.models.published_transformers import assert_embeds_as_published, build_published
from tests.models.test_transreid import timm_state
from videoreid.errors import ConfigError
from videoreid.models import build_model, load_weights
from videoreid.models.cavit import NextFrameAttention

SMALL = {"backbone": "vit_ti_16", "height": 64, "width": 32, "depth": 2}


@pytest.mark.slow
def test_equal_to_the_recorded_figures():
    figures = "cavit_vit_b16"
    assert_embeds_as_published(build_published(figures, figures), figures, "raw_features")


@torch.no_grad()
def test_a_frame_sees_itself_and_the_next_one():
    torch.manual_seed(0)
    layer = NextFrameAttention(12, 3)
    layer.frames = 3
    tokens = torch.randn(6, 4, 12)  # two clips of three frames
    answer = layer(tokens)
    for row, after in ((0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3)):
        memory = torch.cat([tokens[row], tokens[after]])[None]
        query = layer.qkv(tokens[row : row + 1]).chunk(3, 2)[0]
        _, key, value = layer.qkv(memory).chunk(3, 2)
        split = [part.unflatten(2, (3, 4)).transpose(1, 2) for part in (query, key, value)]
        weights = (split[0] @ split[1].transpose(2, 3) / 2).softmax(3)
        wanted = layer.proj((weights @ split[2]).transpose(1, 2).flatten(2))
        assert torch.allclose(answer[row], wanted[0], atol=1e-5)


@torch.no_grad()
def test_eval_embedding_is_the_mean_of_normalised_frames():
    torch.manual_seed(0)
    model = build_model("cavit_vit_b16", 5, **SMALL).eval()
    frames = torch.randn(2, 3, 3, 64, 32)
    torch.nn.init.normal_(model.neck.running_mean)
    wanted = model.neck(model.raw_features(frames))
    assert torch.allclose(model(frames), wanted, atol=1e-5)


def test_a_plain_vit_fills_all_three_streams():
    model = build_model("cavit_vit_b16", 5, **SMALL)
    state = timm_state()
    report = load_weights(model, state)
    assert not report.missing
    assert not report.unexpected
    assert not report.mismatched
    own = model.state_dict()
    for i, size in enumerate(((16, 16), (32, 16), (16, 32))):
        kernel = F.interpolate(
            state["patch_embed.proj.weight"], size=size, mode="bilinear", align_corners=False
        )
        assert torch.allclose(own[f"streams.{i}.patch_embed.proj.weight"], kernel)
        assert torch.allclose(own[f"streams.{i}.motion_embed.proj.weight"], kernel)
        assert torch.equal(own[f"streams.{i}.blocks.1.mlp.fc1.bias"], state["blocks.1.mlp.fc1.bias"])
    square = state["pos_embed"][0, 1:].t().reshape(1, 192, 14, 14)
    grid = model.streams[1].grid
    wanted = F.interpolate(square, size=grid, mode="bilinear", align_corners=False)[0].flatten(1).t()
    assert torch.allclose(own["streams.1.pos_embed"][0], wanted)


def test_frames_of_another_size():
    model = build_model("cavit_vit_b16", 5, **SMALL)
    with pytest.raises(ConfigError, match="frames of 64 x 32"):
        model(torch.randn(1, 2, 3, 64, 64))
