"""The transformer for tracklets."""

import pytest
import torch
import torchvision
from torch.nn import functional as F

from tests.models.published import parameters_without_gradient
from videoreid.errors import ConfigError
from videoreid.models import build_model, load_weights

TINY = {"backbone": "vit_ti_16", "height": 64, "width": 32}


def clip_tower(dim: int = 192, side: int = 2, depth: int = 12) -> dict[str, torch.Tensor]:
    """Draw an image tower under CLIP's names, and a text tower's entries that share some of them."""
    random = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        return 0.1 * torch.randn(*shape, generator=random)

    tower = {
        "class_embedding": draw(dim),
        "positional_embedding": draw(1 + side * side, dim),
        "proj": draw(dim, 8),
        "conv1.weight": draw(dim, 3, 16, 16),
    }
    for norm in ("ln_pre", "ln_post"):
        tower |= {f"{norm}.weight": 1 + draw(dim), f"{norm}.bias": draw(dim)}
    for i in range(depth):
        block = f"transformer.resblocks.{i}."
        tower |= {
            block + "attn.in_proj_weight": draw(3 * dim, dim),
            block + "attn.in_proj_bias": draw(3 * dim),
            block + "attn.out_proj.weight": draw(dim, dim),
            block + "attn.out_proj.bias": draw(dim),
            block + "mlp.c_fc.weight": draw(4 * dim, dim),
            block + "mlp.c_fc.bias": draw(4 * dim),
            block + "mlp.c_proj.weight": draw(dim, 4 * dim),
            block + "mlp.c_proj.bias": draw(dim),
        }
        for norm in ("ln_1", "ln_2"):
            tower |= {f"{block}{norm}.weight": 1 + draw(dim), f"{block}{norm}.bias": draw(dim)}
    return tower


def slow_clip(tower: dict[str, torch.Tensor], image: torch.Tensor, heads: int = 3) -> torch.Tensor:
    """Return the class token ``(D,)`` of one image, as CLIP's image tower computes it before its projection."""
    dim = len(tower["class_embedding"])

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        return F.layer_norm(x, (dim,), tower[f"{name}.weight"], tower[f"{name}.bias"], 1e-5)

    patches = F.conv2d(image[None], tower["conv1.weight"], stride=16)[0].flatten(1).t()
    x = norm(torch.cat([tower["class_embedding"][None], patches]) + tower["positional_embedding"], "ln_pre")
    for i in range(12):
        name = f"transformer.resblocks.{i}."
        q, k, v = F.linear(
            norm(x, name + "ln_1"), tower[name + "attn.in_proj_weight"], tower[name + "attn.in_proj_bias"]
        ).chunk(3, 1)
        out = []
        for h in range(heads):
            part = slice(h * dim // heads, (h + 1) * dim // heads)
            weights = (q[:, part] @ k[:, part].t() / (dim // heads) ** 0.5).softmax(1)
            out.append(weights @ v[:, part])
        x = x + F.linear(
            torch.cat(out, 1), tower[name + "attn.out_proj.weight"], tower[name + "attn.out_proj.bias"]
        )
        hidden = F.linear(
            norm(x, name + "ln_2"), tower[name + "mlp.c_fc.weight"], tower[name + "mlp.c_fc.bias"]
        )
        hidden = hidden * torch.sigmoid(1.702 * hidden)
        x = x + F.linear(hidden, tower[name + "mlp.c_proj.weight"], tower[name + "mlp.c_proj.bias"])
    return norm(x[0], "ln_post")


@pytest.mark.parametrize("prefix", ["", "visual.", "image_encoder."])
def test_clip_weights_give_clips_answer(prefix: str) -> None:
    tower = clip_tower()
    checkpoint = {prefix + name: value for name, value in tower.items()}
    if prefix:
        checkpoint |= {"transformer.resblocks.0.ln_1.weight": torch.zeros(7), "logit_scale": torch.zeros(())}
    model = build_model("tracklet_vit", num_classes=5, backbone="vit_ti_16", height=32, width=32).eval()
    report = load_weights(model, checkpoint)
    assert not report.unexpected
    assert not report.mismatched
    assert {name.split(".")[0] for name in report.missing} == {"temporal", "neck", "classifier"}
    frames = torch.rand(1, 2, 3, 32, 32)
    with torch.inference_mode():
        tokens = model.backbone(frames)[0]
    for token, image in zip(tokens, frames[0], strict=True):
        assert torch.allclose(token, slow_clip(tower, image), atol=1e-3)


def test_positions_are_moved_to_another_grid() -> None:
    model = build_model("tracklet_vit", num_classes=5, **TINY)
    tower = clip_tower(side=3)
    assert not load_weights(model, tower).mismatched
    assert model.backbone.positions.shape == (1, 1 + 4 * 2, 192)
    assert torch.equal(model.backbone.positions[0, 0], tower["positional_embedding"][0])


def test_imagenet_weights_load_into_their_style() -> None:
    published = torchvision.models.VisionTransformer(32, 16, 12, 3, 192, 768)
    options = {"backbone": "vit_ti_16", "height": 32, "width": 32}
    model = build_model("tracklet_vit", num_classes=5, weights_style="imagenet", **options)
    report = load_weights(model, published.state_dict())
    assert not report.unexpected
    assert not any(name.startswith("backbone.") for name in report.missing)
    mismatched = load_weights(build_model("tracklet_vit", num_classes=5, **options), published.state_dict())
    assert mismatched.unexpected == ("backbone.patches.bias",)


@pytest.mark.parametrize("length", [1, 3])
def test_train_and_eval_contract(length: int) -> None:
    model = build_model("tracklet_vit", num_classes=5, **TINY)
    frames = torch.rand(2, length, 3, 64, 32)
    output = model(frames)
    assert [logits.shape for logits in output.logits] == [(2, 5)]
    assert [features.shape for features in output.features] == [(2, 192)]
    assert model.eval()(frames[:1]).shape == (1, 192)
    assert model(torch.rand(1, length, 3, 96, 48)).shape == (1, 192)  # positions are interpolated


def test_every_parameter_learns() -> None:
    torch.manual_seed(0)
    model = build_model("tracklet_vit", num_classes=5, num_cameras=2, **TINY)
    assert parameters_without_gradient(model, torch.rand(3, 2, 3, 64, 32)) == []


def test_cameras_shift_their_own_clips_alone() -> None:
    torch.manual_seed(0)
    model = build_model("tracklet_vit", num_classes=5, num_cameras=2, **TINY).eval()
    frames = torch.rand(1, 2, 3, 64, 32).expand(3, -1, -1, -1, -1)
    with torch.inference_mode():
        model.cameras.normal_()
        clips = model(frames, torch.tensor([0, 1, -1]))
        assert not torch.allclose(clips[0], clips[1], atol=1e-3)
        assert torch.allclose(clips[2], model(frames[:1])[0], atol=1e-5)  # -1 is unknown
    with pytest.raises(ConfigError, match="camera 2"):
        model(frames[:1], torch.tensor([2]))


def test_pixels_are_normalised_as_the_weights_expect() -> None:
    clip, imagenet = (
        build_model("tracklet_vit", weights_style=style, **TINY) for style in ("clip", "imagenet")
    )
    assert clip.pixel_mean != imagenet.pixel_mean == (0.485, 0.456, 0.406)


def test_options_that_make_no_sense() -> None:
    with pytest.raises(ConfigError, match="multiple"):
        build_model("tracklet_vit", height=250)
    with pytest.raises(ConfigError, match="weights_style"):
        build_model("tracklet_vit", weights_style="dino")
