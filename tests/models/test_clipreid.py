"""CLIP-ReID: recorded figures in both modes, and CLIP's image encoder out of every layout."""

import pytest
import torch

from tests.models.published_transformers import (
    assert_embeds_as_published,
    assert_rows,
    assert_trains_as_published,
    build_published,
    losses_of,
    published_state,
    record_of,
    train_output,
)
from videoreid.errors import ConfigError, WeightsError
from videoreid.losses import CLIPReIDCriterion, supervised_contrastive_loss
from videoreid.models import build_model, load_weights

SMALL = {"backbone": "vit_ti_16", "height": 64, "width": 32}
SMALL_RESNET = {"stem_width": 16, "height": 64, "width": 32}


def small(name):
    return SMALL if name == "clipreid_vit_b16" else SMALL_RESNET


@pytest.mark.slow
@pytest.mark.parametrize("figures", ["clipreid_vit_b16", "clipreid_rn50"])
def test_equal_to_the_recorded_figures(figures):
    model = build_published(figures, figures)
    assert_embeds_as_published(model, figures)
    output, clip = train_output(model, figures)
    outputs = {f"logits_{i}": value for i, value in enumerate(output.logits)}
    outputs |= {f"feature_{i}": value for i, value in enumerate(output.features)}
    assert_trains_as_published(output, figures, outputs)
    wanted = record_of(figures)["train"]["losses"]
    values = losses_of(CLIPReIDCriterion(torch.randn(625, output.features[2].shape[1])), output, clip)
    assert values["triplet"] == pytest.approx(sum(wanted["triplet_margin_0_3_euclidean"]), rel=1e-4)
    assert values["softmax"] == pytest.approx(sum(wanted["id"]), rel=1e-4)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("figures", "projected"), [("clipreid_vit_b16", 512), ("clipreid_rn50", 1024)])
def test_losses_against_texts_are_equal_to_the_recorded_figures(figures, projected):
    pytest.importorskip("open_clip", reason="the text encoder needs the [clip] extra")
    from videoreid.models.clip_text import identity_texts

    record = record_of(figures)
    texts = identity_texts(625, published_state(record["text_state_dict"]), projected=projected)
    features = texts.all_features(batch_size=128)
    wanted = record["text_features_625"]
    assert_rows(features[:4], wanted["first_rows_norm"], wanted["head"])
    output, clip = train_output(build_published(figures, figures), figures)
    wanted = record["train"]["losses"]
    values = losses_of(CLIPReIDCriterion(features, softmax_weight=wanted["id_weight"]), output, clip)
    assert values["image_to_text"] == pytest.approx(wanted["i2t"], rel=1e-4)
    assert values["loss"] == pytest.approx(wanted["total_with_config_weights"], rel=1e-4)
    images, own = output.features[2], features[clip.pid]
    for first, second, key in ((images, own, "stage1_i2t"), (own, images, "stage1_t2i")):
        loss = supervised_contrastive_loss(
            first, clip.pid, second, clip.pid, temperature=1.0, normalise=False
        )
        assert float(loss) == pytest.approx(wanted[key], rel=1e-4)


def visual_state(model):
    """Return the image encoder of a network with random values, under OpenAI's names."""
    generator = torch.Generator().manual_seed(1)
    return {
        name: torch.rand(value.shape, generator=generator).to(value.dtype)
        for name, value in model.image_encoder.state_dict().items()
        if value.ndim
    }


TEXT = {
    "token_embedding.weight": torch.zeros(10, 64),
    "positional_embedding": torch.zeros(77, 64),
    "transformer.resblocks.0.ln_1.weight": torch.zeros(64),
    "ln_final.weight": torch.zeros(64),
    "text_projection": torch.zeros(64, 64),
    "logit_scale": torch.zeros(()),
    "input_resolution": torch.tensor(224),
    "context_length": torch.tensor(77),
    "vocab_size": torch.tensor(49408),
}


@pytest.mark.parametrize("name", ["clipreid_vit_b16", "clipreid_rn50"])
@pytest.mark.parametrize("layout", ["archive", "bare", "re-identification", "half precision"])
def test_openai_layouts(name, layout, tmp_path):
    model = build_model(name, 5, **small(name))
    state = visual_state(model)
    content = {
        "archive": {f"visual.{k}": v for k, v in state.items()} | TEXT,
        "bare": state,
        "re-identification": {f"image_encoder.{k}": v for k, v in state.items()}
        | {"prompt_learner.cls_ctx": torch.zeros(5, 4, 64), "text_encoder.ln_final.weight": torch.zeros(64)},
        "half precision": {f"visual.{k}": v.half() for k, v in state.items()} | TEXT,
    }[layout]
    torch.save(content, tmp_path / "clip.pt")
    report = load_weights(model, tmp_path / "clip.pt")
    assert not report.missing
    assert not report.unexpected
    assert not report.mismatched
    filled = model.image_encoder.state_dict()
    assert {value.dtype for value in filled.values() if value.is_floating_point()} == {torch.float32}
    for key, value in state.items():
        wanted = value.half().float() if layout == "half precision" else value
        assert torch.equal(filled[key], wanted)


def to_timm_vit(state):
    names = {
        "class_embedding": "cls_token", "positional_embedding": "pos_embed", "conv1.": "patch_embed.proj.",
        "ln_pre.": "norm_pre.", "ln_post.": "norm.", "transformer.resblocks.": "blocks.", "ln_1.": "norm1.",
        "ln_2.": "norm2.", "attn.in_proj_": "attn.qkv.", "attn.out_proj.": "attn.proj.", "mlp.c_fc.": "mlp.fc1.",
        "mlp.c_proj.": "mlp.fc2.",
    }  # fmt: skip
    out = {}
    for name, value in state.items():
        for ours, theirs in names.items():
            name = name.replace(ours, theirs)
        out[name] = value
    out["cls_token"], out["pos_embed"] = out["cls_token"][None, None], out["pos_embed"][None]
    out["head.weight"], out["head.bias"] = out.pop("proj").t().contiguous(), torch.zeros(512)
    return out


def test_timm_layout_of_the_transformer():
    model = build_model("clipreid_vit_b16", 5, **SMALL)
    state = visual_state(model)
    report = load_weights(model, to_timm_vit(state))
    assert not report.missing
    assert not report.unexpected
    assert not report.mismatched
    assert all(torch.equal(model.image_encoder.state_dict()[name], value) for name, value in state.items())
    biased = to_timm_vit(state) | {"head.bias": torch.ones(512)}
    assert load_weights(model, biased).unexpected == ("head.bias",), "CLIP's projection has no bias to fill"


@pytest.mark.slow
@torch.no_grad()
def test_timm_networks_give_the_same_features():
    """Real timm networks of the same shape, their weights loaded here, and the features side by side."""
    timm = pytest.importorskip("timm", reason="needs the [timm] extra")
    torch.manual_seed(0)
    pixels = torch.randn(2, 3, 64, 64)
    theirs = timm.create_model("vit_base_patch16_clip_quickgelu_224", num_classes=512, img_size=64).eval()
    ours = build_model("clipreid_vit_b16", 5, height=64, width=64).eval()
    report = load_weights(ours, theirs.state_dict())
    assert not report.missing
    assert not report.unexpected
    assert torch.allclose(ours(pixels)[:, ours.projected], theirs(pixels), atol=1e-4)
    theirs = timm.create_model("resnet50_clip", num_classes=1024).eval()
    ours = build_model("clipreid_rn50", 5, height=64, width=64).eval()
    report = load_weights(ours, theirs.state_dict())
    assert not report.missing
    assert not report.unexpected
    third = theirs.stages[:3](theirs.stem(pixels)).mean((2, 3))
    assert torch.allclose(ours.image_encoder(pixels)[0], third, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
@torch.no_grad()
def test_open_clip_networks_give_the_same_features():
    open_clip = pytest.importorskip("open_clip", reason="needs the [clip] extra")
    torch.manual_seed(0)
    theirs = open_clip.create_model("ViT-B-16-quickgelu", force_image_size=64).eval()
    ours = build_model("clipreid_vit_b16", 5, height=64, width=64).eval()
    report = load_weights(ours, theirs.state_dict())
    assert not report.missing
    assert not report.unexpected
    pixels = torch.randn(2, 3, 64, 64)
    assert torch.allclose(ours(pixels)[:, ours.projected], theirs.encode_image(pixels), atol=1e-4)


def test_an_archive_of_another_architecture_is_one_clear_error():
    vit, resnet = (build_model(name, 5, **small(name)) for name in ("clipreid_vit_b16", "clipreid_rn50"))
    for model, other in ((vit, resnet), (resnet, vit)):
        archive = {f"visual.{k}": v for k, v in visual_state(other).items()} | TEXT
        with pytest.raises(WeightsError, match=r"these weights hold a CLIP .*, the network has a CLIP"):
            load_weights(model, archive)
    wide = {f"visual.{k}": v for k, v in visual_state(vit).items()}
    wide["visual.conv1.weight"] = torch.zeros(1024, 3, 14, 14)
    with pytest.raises(WeightsError, match="width 1024 with 12 blocks and patches of 14 x 14"):
        load_weights(vit, wide)


def test_an_unknown_grid_is_one_clear_error():
    for name, key in (
        ("clipreid_vit_b16", "positional_embedding"),
        ("clipreid_rn50", "attnpool.positional_embedding"),
    ):
        model = build_model(name, 5, **small(name))
        state = visual_state(model)
        state[key] = torch.zeros(211, state[key].shape[1])
        with pytest.raises(WeightsError, match="210 patches"):
            load_weights(model, {f"visual.{k}": v for k, v in state.items()})


@torch.no_grad()
def test_frames_are_averaged_and_cameras_move_the_class_token_alone():
    torch.manual_seed(0)
    model = build_model("clipreid_vit_b16", 5, **SMALL, num_cameras=2).eval()
    frames = torch.randn(2, 3, 3, 64, 32)
    camids = torch.tensor([1, -1])
    single = torch.stack([model(frames[:, i], camids) for i in range(3)]).mean(0)
    assert torch.allclose(model(frames, camids), single, atol=1e-5)
    seen = []
    model.image_encoder.ln_pre.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    model(frames[:1, 0], torch.tensor([-1]))
    model(frames[:1, 0], torch.tensor([1]))
    difference = (seen[1] - seen[0])[0]
    assert torch.allclose(difference[0], model.cv_embed[1], atol=1e-6)
    assert not difference[1:].any()
    with pytest.raises(ConfigError, match="built with num_cameras"):
        model(frames)


def test_normalisation_is_that_of_the_published_configurations():
    assert build_model("clipreid_vit_b16", 5, **SMALL).pixel_mean == (0.5, 0.5, 0.5)
    assert build_model("clipreid_rn50", 5, **SMALL_RESNET).pixel_mean == (0.485, 0.456, 0.406)
    clip = build_model("clipreid_vit_b16", 5, **SMALL, normalisation="clip")
    assert clip.pixel_mean == (0.48145466, 0.4578275, 0.40821073)
    assert clip.pixel_std == (0.26862954, 0.26130258, 0.27577711)


def test_gradient_checkpointing_changes_nothing():
    frames, gradients = torch.randn(2, 3, 64, 32), []
    for recompute in (False, True):
        torch.manual_seed(0)
        model = build_model("clipreid_vit_b16", 5, **SMALL, gradient_checkpointing=recompute).train()
        output = model(frames)
        sum(features.square().mean() for features in output.features).backward()
        gradients.append([p.grad for p in model.image_encoder.parameters()])
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(*gradients, strict=True))
