"""TF-CLIP: recorded figures in both modes, the memory, and what does not reach the encoder."""

import numpy as np
import pytest
import torch

from tests.models.published_transformers import (
    assert_embeds_as_published,
    assert_rows,
    assert_trains_as_published,
    build_published,
    frames_from,
    losses_of,
    record_of,
    train_output,
)
from videoreid.errors import ConfigError
from videoreid.losses import TFCLIPCriterion
from videoreid.models import build_model, load_weights
from videoreid.types import Clip

SMALL = {"backbone": "vit_ti_16", "height": 64, "width": 32}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("figures", "options"), [("tfclip_vit_b16", {"num_cameras": 6}), ("tfclip_vit_b16_nosie", {})]
)
def test_equal_to_the_recorded_figures(figures, options):
    model = build_published(figures, "tfclip_vit_b16", **options)
    assert_embeds_as_published(model, figures)
    memory = np.random.default_rng(3).standard_normal((625, 512)).astype("f4")
    model.set_memory(torch.from_numpy(memory))
    output, clip = train_output(model, figures)
    names = ("logits_768", "logits_512", "logits_tmd_clip")
    outputs = dict(zip(names, output.logits, strict=True))
    outputs |= dict(zip(("feature_768", "feature_512", "feature_tmd"), output.features, strict=True))
    outputs["logits_tmd_frame"] = output.extras["frame_logits"].flatten(0, 1)
    outputs["memory_logits"] = output.extras["memory_logits"]
    assert_trains_as_published(output, figures, outputs)
    wanted = record_of(figures)["train"]["losses"]
    values = losses_of(TFCLIPCriterion(8), output, clip)
    assert values["softmax"] == pytest.approx(sum(wanted["id"]), rel=1e-4)
    assert values["triplet"] == pytest.approx(sum(wanted["triplet_margin_0_3_euclidean"]), rel=1e-3)
    assert values["memory"] == pytest.approx(wanted["video_to_memory"], rel=1e-4)
    assert values["frames"] == pytest.approx(wanted["frame_id"], rel=1e-4)
    assert values["loss"] == pytest.approx(wanted["total"], rel=1e-4)


@pytest.mark.slow
@torch.inference_mode()
def test_the_projected_part_is_what_memories_are_made_of():
    record = record_of("tfclip_vit_b16_nosie")
    model = build_published("tfclip_vit_b16_nosie", "tfclip_vit_b16").eval()
    features = model(frames_from(0, record["input_shape"]))[:, model.projected]
    wanted = record["clip_memory_feature"]
    assert_rows(features, wanted["row_norms"], wanted["head"])


def test_without_a_memory_there_are_no_memory_logits():
    model = build_model("tfclip_vit_b16", 5, **SMALL).train()
    frames = torch.randn(2, 3, 3, 64, 32)
    output = model(frames)
    assert "memory_logits" not in output.extras
    clip = Clip(frames, torch.tensor([0, 1]), torch.zeros(2).long(), torch.zeros(2), torch.arange(2))
    with pytest.raises(ConfigError, match="fill the CLIP-memory before training"):
        TFCLIPCriterion(3)(output, clip)
    model.set_memory(torch.randn(5, 512))
    loss = TFCLIPCriterion(3)(model(frames), clip)["loss"]
    assert loss.isfinite()
    with pytest.raises(
        ConfigError, match=r"is \(5, 512\), one row for each training identity; got \(4, 512\)"
    ):
        model.set_memory(torch.randn(4, 512))
    with pytest.raises(ConfigError, match="NaN or infinite"):
        model.set_memory(torch.full((5, 512), float("nan")))


def test_a_memory_survives_saving(tmp_path):
    model = build_model("tfclip_vit_b16", 5, **SMALL)
    model.set_memory(torch.randn(5, 512))
    torch.save(model.state_dict(), tmp_path / "own.pth")
    other = build_model("tfclip_vit_b16", 5, **SMALL)
    assert not other.has_memory
    assert not load_weights(other, tmp_path / "own.pth").missing
    assert other.has_memory
    assert torch.equal(other.memory, model.memory)


def test_diffusion_sends_no_gradient_into_the_encoder():
    model = build_model("tfclip_vit_b16", 5, **SMALL).train()
    output = model(torch.randn(2, 3, 3, 64, 32))
    (output.features[2].square().mean() + output.extras["frame_logits"].square().mean()).backward()
    assert all(p.grad is None for p in model.image_encoder.parameters())
    assert all(p.grad is not None for p in model.tmd.parameters())


def test_memory_logits_by_hand():
    torch.manual_seed(0)
    model = build_model("tfclip_vit_b16", 5, **SMALL)
    memory = torch.randn(5, 512)
    model.set_memory(memory)
    for layer in model.ssp.out_proj.parameters():
        torch.nn.init.zeros_(layer)  # the prompt adds nothing
    frames = torch.randn(2, 3, 3, 64, 32)
    output = model.train()(frames)
    assert torch.allclose(
        output.extras["memory_logits"], output.features[1] @ memory.t(), rtol=1e-4, atol=1e-3
    )


@torch.no_grad()
def test_the_clip_vector_uses_the_classifier_of_the_frames():
    torch.manual_seed(0)
    model = build_model("tfclip_vit_b16", 5, **SMALL).train()
    torch.nn.init.normal_(model.classifier_tmd.weight)
    output = model(torch.randn(4, 3, 3, 64, 32))
    wanted = (
        torch.nn.functional.batch_norm(output.features[2], None, None, training=True)
        @ model.classifier_tmd.weight.t()
    )
    assert torch.allclose(output.logits[2], wanted, atol=1e-3)


def test_normalisation_is_imagenet_unless_said_otherwise():
    assert build_model("tfclip_vit_b16", 5, **SMALL).pixel_mean == (0.485, 0.456, 0.406)
    clip = build_model("tfclip_vit_b16", 5, **SMALL, normalisation="clip")
    assert clip.pixel_std == (0.26862954, 0.26130258, 0.27577711)


@torch.no_grad()
def test_any_clip_length():
    model = build_model("tfclip_vit_b16", 5, **SMALL).eval()
    for length in (1, 2, 5):
        assert model(torch.randn(1, length, 3, 64, 32)).shape == (1, model.embedding_dim)
