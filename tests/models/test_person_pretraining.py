"""PASS and SOLIDER, on files made in their published layouts."""

import pytest
import torch
from torch.nn import functional as F

from tests.models.test_transreid import timm_state
from videoreid.errors import ConfigError, WeightsError
from videoreid.models import build_model, load_weights

SMALL = {"backbone": "vit_ti_16", "height": 64, "width": 32}


def pass_state(patches=128):
    """The entries of PASS: a class and three part tokens with positions of their own, patch positions apart."""
    state = timm_state(patches=patches)
    state["pos_embed"] = state["pos_embed"][:, 1:]
    for i, name in enumerate(("cls_pos", "part1_pos", "part2_pos", "part3_pos")):
        state[name] = torch.full((1, 1, 192), float(i))
    for i in (1, 2, 3):
        state[f"part_token{i}"] = torch.full((1, 1, 192), 10.0 * i)
    return {name: value for name, value in state.items() if not name.startswith("head")}


@pytest.mark.parametrize("layout", ["teacher", "fine-tuned"])
def test_pass_files(layout, tmp_path):
    state = pass_state()
    if layout == "teacher":
        content = {"teacher": {f"module.backbone.{k}": v for k, v in state.items()}}
    else:
        content = {f"base.{k}": v for k, v in state.items()}
        content |= {
            "base.fc.weight": torch.zeros(1000, 192),
            "base.gem.p": torch.ones(1) * 3,
            "bottleneck.weight": torch.ones(384),
            "bottleneck.bias": torch.zeros(384),
            "bottleneck.running_mean": torch.zeros(384),
            "bottleneck.running_var": torch.ones(384),
            "classifier.weight": torch.ones(5, 384),
        }
    torch.save(content, tmp_path / "pass.pth")
    model = build_model("pass_vit_s16", 5, **SMALL)
    report = load_weights(model, tmp_path / "pass.pth")
    assert not report.missing
    assert not report.unexpected
    assert not report.mismatched
    trunk = model.backbone
    assert trunk.part_tokens[0, :, 0].tolist() == [10.0, 20.0, 30.0]
    assert trunk.pos_embed[0, :4, 0].tolist() == [0.0, 1.0, 2.0, 3.0]
    tall = state["pos_embed"][0].t().reshape(1, 192, 16, 8)
    wanted = F.interpolate(tall, size=(4, 2), mode="bilinear", align_corners=False)[0].flatten(1).t()
    assert torch.allclose(trunk.pos_embed[0, 4:], wanted)
    again = build_model("pass_vit_s16", 5, **SMALL)
    assert not load_weights(again, model.state_dict()).missing
    assert torch.equal(again.backbone.pos_embed, trunk.pos_embed)


@torch.no_grad()
def test_pass_embedding_is_class_and_mean_part_token():
    torch.manual_seed(0)
    model = build_model("pass_vit_s16", 5, **SMALL).eval()
    frames = torch.randn(2, 3, 3, 64, 32)
    tokens = model.backbone(frames.flatten(0, 1)).unflatten(0, (2, 3)).mean(1)
    assert torch.allclose(model(frames), torch.cat([tokens[:, 0], tokens[:, 1:4].mean(1)], dim=1), atol=1e-6)
    mean = build_model("pass_vit_s16", 5, fusion="mean", **SMALL).eval()
    mean.backbone.load_state_dict(model.backbone.state_dict())
    assert torch.allclose(mean(frames), (tokens[:, 0] + tokens[:, 1:4].mean(1)) / 2, atol=1e-6)
    with pytest.raises(ConfigError, match="unknown fusion 'max'"):
        build_model("pass_vit_s16", 5, fusion="max", **SMALL)


def solider_state(model):
    """The entries of SOLIDER's files for a small Swin: those of the network, and those that nothing here uses."""
    state = {
        name.removeprefix("backbone."): torch.randn(value.shape)
        for name, value in model.state_dict().items()
        if name.startswith("backbone.")
    }
    unused = {f"norm{i}.{part}": torch.zeros(32 * 2**i) for i in (0, 1, 2) for part in ("weight", "bias")}
    unused |= {
        f"semantic_embed_{kind}.3.{part}": torch.zeros(256) for kind in "wb" for part in ("weight", "bias")
    }
    index = {
        name.replace("relative_position_bias_table", "relative_position_index"): torch.zeros(49, 49)
        for name in state
        if name.endswith("relative_position_bias_table")
    }
    assert index
    return state, unused | index


@pytest.mark.parametrize("layout", ["teacher", "fine-tuned"])
def test_solider_files(layout, tmp_path):
    model = build_model("solider_swin_tiny", 5, backbone="swin_nano")
    state, unused = solider_state(model)
    if layout == "teacher":
        content = {
            "teacher": {f"backbone.{k}": v for k, v in (state | unused).items()}
            | {"head.mlp.0.weight": torch.zeros(2)}
        }
    else:
        content = {f"base.{k}": v for k, v in (state | unused).items()} | {
            "classifier.weight": torch.ones(5, 256)
        }
    torch.save(content, tmp_path / "solider.pth")
    report = load_weights(model, tmp_path / "solider.pth")
    assert not report.missing
    assert not report.unexpected
    assert not report.mismatched
    assert all(torch.equal(value, model.backbone.state_dict()[name]) for name, value in state.items())


@torch.no_grad()
def test_the_semantic_weight_changes_the_embedding():
    torch.manual_seed(0)
    frames = torch.randn(1, 2, 3, 64, 32)
    first = build_model("solider_swin_tiny", 5, backbone="swin_nano", semantic_weight=0.2).eval()
    second = build_model("solider_swin_tiny", 5, backbone="swin_nano", semantic_weight=1.0).eval()
    second.load_state_dict(first.state_dict())
    assert not torch.allclose(first(frames), second(frames))
    assert first.input_size == (384, 128)
    with pytest.raises(ConfigError, match=r"semantic_weight must be in 0\.\.1"):
        build_model("solider_swin_tiny", 5, semantic_weight=2.0)
    with pytest.raises(ConfigError, match="unknown backbone 'swin_x'"):
        build_model("solider_swin_tiny", 5, backbone="swin_x")


def test_frozen_semantic_layers_stay_frozen():
    model = build_model("solider_swin_tiny", 5, backbone="swin_nano")
    model.unfreeze()
    assert not any(p.requires_grad for p in model.backbone.semantic_embed_w.parameters())


def test_a_grid_that_does_not_fit():
    with pytest.raises(WeightsError, match="210 patches"):
        load_weights(build_model("pass_vit_s16", 5, **SMALL), pass_state(patches=210))
