"""TransReID: recorded figures in both modes, and every layout its weights come in."""

import argparse
import re
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from tests.models.published_transformers import (
    assert_embeds_as_published,
    assert_trains_as_published,
    build_published,
    losses_of,
    record_of,
    train_output,
)
from videoreid.errors import ConfigError, WeightsError
from videoreid.losses import TransReIDCriterion
from videoreid.models import build_model, load_weights
from videoreid.models.transreid import _shuffle

SMALL = {"backbone": "vit_ti_16", "height": 64, "width": 32}
FIGURES = [
    ("transreid_deit_small_base", "transreid_deit_small", {}),
    pytest.param("transreid_vit_b16_base", "transreid_vit_b16", {}, marks=pytest.mark.slow),
    *(
        pytest.param(
            f"transreid_vit_b16_s{stride}_jpm_sie",
            "transreid_vit_b16",
            {"jpm": True, "num_cameras": 15, "stride": stride},
            marks=pytest.mark.slow,
        )
        for stride in (16, 12)
    ),
]


@pytest.mark.parametrize(("figures", "name", "options"), FIGURES)
def test_equal_to_the_recorded_figures(figures, name, options):
    model = build_published(figures, name, **options)
    assert_embeds_as_published(model, figures)
    output, clip = train_output(model, figures)
    outputs = {f"logits_{i}": value for i, value in enumerate(output.logits)}
    outputs |= {f"feature_{i}": value for i, value in enumerate(output.features)}
    assert_trains_as_published(output, figures, outputs)
    wanted = record_of(figures)["train"]["losses"]
    assert losses_of(TransReIDCriterion(), output, clip)["loss"] == pytest.approx(wanted["total"], rel=1e-4)


def test_shuffle_by_hand():
    """Eight patches: rolled by four, halves interleaved; an odd number repeats the last but one."""
    patches = torch.arange(8.0)[None, :, None]
    assert _shuffle(patches).flatten().tolist() == [4, 0, 5, 1, 6, 2, 7, 3]
    odd = torch.arange(7.0)[None, :, None]  # 4 5 6 0 1 2 3, then 2 again
    assert _shuffle(odd).flatten().tolist() == [4, 1, 5, 2, 6, 3, 0, 2]


@torch.no_grad()
def test_frames_are_averaged_before_the_necks():
    torch.manual_seed(0)
    model = build_model("transreid_vit_b16", 5, **SMALL, jpm=True).eval()
    frames = torch.randn(2, 3, 3, 64, 32)
    single = torch.stack([model(frames[:, i]) for i in range(3)]).mean(0)
    assert torch.allclose(model(frames), single, atol=1e-5)
    assert model.embedding_dim == 5 * 192


@torch.no_grad()
def test_cameras():
    torch.manual_seed(0)
    model = build_model("transreid_vit_b16", 5, **SMALL, num_cameras=3).eval()
    plain = build_model("transreid_vit_b16", 5, **SMALL).eval()
    plain.load_state_dict({k: v for k, v in model.state_dict().items() if "sie_embed" not in k})
    frames = torch.randn(2, 2, 3, 64, 32)
    unknown = model(frames, torch.tensor([-1, -1]))
    assert torch.allclose(unknown, plain(frames), atol=1e-6), "an unknown camera adds nothing"
    mixed = model(frames, torch.tensor([2, -1]))
    assert not torch.allclose(mixed[0], unknown[0])
    assert torch.allclose(mixed[1], unknown[1], atol=1e-5)
    assert model.uses_cameras
    assert not plain.uses_cameras


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_missing_or_wrong_cameras_are_one_clear_error(mode):
    model = build_model("transreid_vit_b16", 5, **SMALL, num_cameras=3)
    getattr(model, mode)()
    frames = torch.randn(2, 1, 3, 64, 32)
    with pytest.raises(ConfigError, match=r"built with num_cameras.*-1 where the camera is unknown"):
        model(frames)
    with pytest.raises(ConfigError, match="camera 3, but the network was built for 3"):
        model(frames, torch.tensor([0, 3]))
    with pytest.raises(ConfigError, match=r"expected camids \(2,\)"):
        model(frames, torch.tensor([0]))


def test_a_single_camera_is_allowed():
    """The published code makes no table for one camera and fails."""
    model = build_model("transreid_vit_b16", 5, **SMALL, num_cameras=1).eval()
    assert model(torch.randn(1, 3, 64, 32), torch.tensor([0])).shape == (1, 192)


def test_options_that_do_not_fit():
    with pytest.raises(ConfigError, match="no option 'strid'"):
        build_model("transreid_vit_b16", 5, strid=12)
    with pytest.raises(ConfigError, match="JPM cuts the patches"):
        build_model("transreid_vit_b16", 5, backbone="vit_ti_16", height=32, width=32, jpm=True)
    with pytest.raises(ConfigError, match="unknown normalisation 'net'"):
        build_model("transreid_vit_b16", 5, normalisation="net")
    with pytest.raises(ConfigError, match="num_cameras must be 0"):
        build_model("transreid_vit_b16", 5, **SMALL, num_cameras=-1)


def timm_state(dim=192, depth=12, patches=196, *, dist=False):
    """A state dict as timm writes a ViT, with random values."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(*shape, generator=generator)

    state = {
        "cls_token": draw(1, 1, dim),
        "pos_embed": draw(1, patches + (2 if dist else 1), dim),
        "patch_embed.proj.weight": draw(dim, 3, 16, 16),
        "patch_embed.proj.bias": draw(dim),
        "norm.weight": draw(dim),
        "norm.bias": draw(dim),
        "head.weight": draw(1000, dim),
        "head.bias": draw(1000),
    }
    if dist:
        state |= {
            "dist_token": draw(1, 1, dim),
            "head_dist.weight": draw(1000, dim),
            "head_dist.bias": draw(1000),
        }
    for i in range(depth):
        for name, shape in {
            "norm1.weight": (dim,), "norm1.bias": (dim,), "norm2.weight": (dim,), "norm2.bias": (dim,),
            "attn.qkv.weight": (3 * dim, dim), "attn.qkv.bias": (3 * dim,),
            "attn.proj.weight": (dim, dim), "attn.proj.bias": (dim,),
            "mlp.fc1.weight": (4 * dim, dim), "mlp.fc1.bias": (4 * dim,),
            "mlp.fc2.weight": (dim, 4 * dim), "mlp.fc2.bias": (dim,),
        }.items():  # fmt: skip
            state[f"blocks.{i}.{name}"] = draw(*shape)
    return state


def heads_alone(report):
    return all(name.startswith(("necks.", "classifiers.")) for name in report.missing)


def test_timm_weights_fill_the_trunk():
    model = build_model("transreid_vit_b16", 5, **SMALL)
    state = timm_state()
    report = load_weights(model, state)
    assert heads_alone(report)
    assert not report.unexpected
    assert not report.mismatched
    own = model.state_dict()
    assert torch.equal(own["backbone.blocks.11.mlp.fc2.weight"], state["blocks.11.mlp.fc2.weight"])
    square = state["pos_embed"][0, 1:].t().reshape(1, 192, 14, 14)
    wanted = F.interpolate(square, size=(4, 2), mode="bilinear", align_corners=False)[0].flatten(1).t()
    assert torch.allclose(own["backbone.pos_embed"][0, 1:], wanted)


def test_distilled_weights_lose_their_second_token():
    model = build_model("transreid_deit_small", 5, **SMALL)
    state = timm_state(dist=True)
    assert heads_alone(load_weights(model, state))
    plain = {name: value for name, value in state.items() if "dist" not in name}
    plain["pos_embed"] = state["pos_embed"][:, [0, *range(2, 198)]]
    other = build_model("transreid_deit_small", 5, **SMALL)
    load_weights(other, plain)
    assert torch.equal(model.backbone.pos_embed, other.backbone.pos_embed)


def test_jpm_starts_from_copies_of_the_last_pretrained_block():
    model = build_model("transreid_vit_b16", 5, **SMALL, jpm=True)
    state = timm_state()
    report = load_weights(model, state)
    assert heads_alone(report)
    assert not report.unexpected
    own = model.state_dict()
    for branch in ("global_branch", "local_branch"):
        assert torch.equal(own[f"{branch}.block.attn.qkv.weight"], state["blocks.11.attn.qkv.weight"])
        assert torch.equal(own[f"{branch}.norm.bias"], state["norm.bias"])


def test_own_files_pass_unchanged(tmp_path):
    model = build_model("transreid_vit_b16", 5, **SMALL, jpm=True, num_cameras=2)
    torch.save(model.state_dict(), tmp_path / "own.pth")
    other = build_model("transreid_vit_b16", 5, **SMALL, jpm=True, num_cameras=2)
    report = load_weights(other, tmp_path / "own.pth")
    assert not report.missing
    assert not report.unexpected
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("layout", ["dino", "converted", "personvit"])
@pytest.mark.parametrize("stem", ["patch", "conv"])
def test_self_supervised_files(layout, stem, tmp_path):
    """Files in the layouts of TransReID-SSL (DINO's own and converted) and PersonViT, on a 2:1 grid of positions."""
    options = {**SMALL, "height": 96, "width": 32, "stem": stem}
    state = timm_state(patches=128)
    del state["head.weight"], state["head.bias"]
    if stem == "conv":
        reference = build_model("transreid_vit_s16", 5, **options).backbone.patch_embed
        state |= {
            f"patch_embed.{k}": torch.randn(v.shape) for k, v in reference.state_dict().items() if v.ndim
        }
    head = {"head.mlp.0.weight": torch.zeros(3, 192), "head.last_layer.weight_g": torch.zeros(3, 1)}
    if layout == "dino":
        prefixed = {f"module.backbone.{k}": v for k, v in state.items()} | {
            f"module.{k}": v for k, v in head.items()
        }
        content = {
            "student": {f"module.backbone.{k}": torch.zeros_like(v) for k, v in state.items()},
            "teacher": prefixed,
            "epoch": 100,
            "args": argparse.Namespace(arch="vit_small"),
        }
    elif layout == "converted":
        content = {"teacher": {f"backbone.{k}": v for k, v in state.items()} | head}
    else:
        content = {
            "module": {
                "target_encoder": {f"module.{k}": v for k, v in state.items()}
                | {"module.mask_token": torch.zeros(1, 1, 192)}
            }
        }
    torch.save(content, tmp_path / "ssl.pth")
    model = build_model("transreid_vit_s16", 5, **options)
    report = load_weights(model, tmp_path / "ssl.pth")
    assert heads_alone(report)
    assert not report.unexpected
    assert not report.mismatched
    own = model.state_dict()
    assert torch.equal(own["backbone.blocks.3.attn.proj.weight"], state["blocks.3.attn.proj.weight"])
    tall = state["pos_embed"][0, 1:].t().reshape(1, 192, 16, 8)
    wanted = F.interpolate(tall, size=(6, 2), mode="bilinear", align_corners=False)[0].flatten(1).t()
    assert torch.allclose(own["backbone.pos_embed"][0, 1:], wanted)
    if stem == "conv":
        assert torch.equal(
            own["backbone.patch_embed.conv.1.IN.weight"], state["patch_embed.conv.1.IN.weight"]
        )


def test_positions_of_an_unknown_grid_are_one_clear_error():
    model = build_model("transreid_vit_b16", 5, **SMALL)
    with pytest.raises(WeightsError, match="210 patches"):
        load_weights(model, timm_state(patches=210))


def test_the_weights_say_how_pixels_are_normalised(tmp_path, monkeypatch):
    """A row of the table wins over the network's own default, an explicit argument over the row."""
    from videoreid.models import factory

    torch.save(timm_state(), tmp_path / "timm.pth")
    monkeypatch.setattr(factory, "resolve_weights", lambda *args, **options: tmp_path / "timm.pth")
    model = build_model("transreid_vit_b16", 5, pretrained=True, **SMALL)
    assert (model.pixel_mean, model.pixel_std) == ((0.5,) * 3, (0.5,) * 3)
    chosen = build_model("transreid_vit_b16", 5, pretrained=True, normalisation="imagenet", **SMALL)
    assert chosen.pixel_mean == (0.485, 0.456, 0.406)


@pytest.mark.parametrize(
    ("name", "options", "count"),
    [
        ("transreid_vit_b16", {}, 85_747_968),
        ("transreid_vit_b16", {"jpm": True, "num_cameras": 15}, 92_855_040),
        ("transreid_vit_small", {}, 47_934_720),
        ("transreid_vit_s16", {}, 21_640_320),
    ],
)
def test_the_page_says_how_many_parameters(name, options, count):
    with torch.device("meta"):
        model = build_model(name, **options)
    entries = [entry for part, entry in model.named_parameters() if not part.startswith("classifier")]
    assert sum(entry.numel() for entry in entries) == count
    page = (Path(__file__).parents[2] / "docs" / "models" / "transreid.md").read_text(encoding="utf-8")
    first = "the same, `jpm=True, num_cameras=15`" if options else f"`{name}`"
    row = re.search(rf"^\| {re.escape(first)} .*$", page, re.MULTILINE)
    assert row is not None
    assert f"| {count / 1e6:.1f} M |" in row[0]
