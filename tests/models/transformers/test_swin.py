"""Swin: against torchvision's where they agree, against a slow oracle where they do not."""

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional as F

from videoreid.models.transformers.swin import SwinSize, SwinTransformer, WindowAttention

NAMES = [
    ("norm1.", "norm1."),
    ("norm2.", "norm2."),
    ("attn.w_msa.", "attn."),
    ("ffn.layers.0.0.", "mlp.0."),
    ("ffn.layers.1.", "mlp.3."),
]


def published_name(ours):
    """Return torchvision's name of an entry, or None."""
    if ours.startswith("patch_embed."):
        return ours.replace("patch_embed.projection", "features.0.0").replace(
            "patch_embed.norm", "features.0.2"
        )
    if ours.startswith("norm3."):
        return ours.replace("norm3", "norm")
    if ".downsample." in ours:
        stage = int(ours.split(".")[1])
        return f"features.{2 * stage + 2}." + ours.split("downsample.")[1]
    if not ours.startswith("stages."):
        return None
    _, stage, _, block, rest = ours.split(".", 4)
    for here, there in NAMES:
        if rest.startswith(here):
            return f"features.{2 * int(stage) + 1}.{block}.{there}{rest[len(here) :]}"
    raise AssertionError(ours)


def unfolded(value):
    """Put torchvision's four neighbours, one block of channels each, in the order of an unfold."""
    last = value.shape[-1] // 4
    blocks = value.unflatten(-1, (4, last))[..., [0, 2, 1, 3], :]
    return blocks.transpose(-1, -2).flatten(-2)


@torch.no_grad()
def test_equal_to_torchvision_where_every_map_is_larger_than_a_window():
    torch.manual_seed(0)
    theirs = torchvision.models.SwinTransformer(
        [4, 4], 16, [2, 2], [2, 4], [7, 7], stochastic_depth_prob=0.0
    ).eval()
    for parameter in theirs.parameters():
        parameter.copy_(0.2 * torch.randn_like(parameter))
    ours = SwinTransformer(SwinSize(16, (2, 2), (2, 4)), drop_path=0.0).eval()
    ours.semantic_embed_w[0].weight.zero_()
    ours.semantic_embed_w[0].bias.fill_(float(torch.log(torch.expm1(torch.ones(())))))  # softplus gives 1
    ours.semantic_embed_b[0].weight.zero_()
    ours.semantic_embed_b[0].bias.zero_()
    state = ours.state_dict()
    for name in state:
        published = published_name(name)
        if published is not None:
            value = theirs.state_dict()[published]
            state[name] = unfolded(value) if ".downsample." in name else value
    ours.load_state_dict(state)
    pixels = torch.randn(2, 3, 80, 72)  # maps of 20 x 18 and 10 x 9: none is a multiple of 7
    features = theirs.norm(theirs.features(pixels)).mean((1, 2))
    assert torch.allclose(ours(pixels), features, atol=1e-4)


def window_oracle(layer, maps):
    """Attend position by position: only those of the same window and of the same region of the rolled map."""
    batch, rows, columns, dim = maps.shape
    window, shift, inner = layer.window, layer.shift, layer.w_msa
    high, wide = -(-rows // window) * window, -(-columns // window) * window
    padded = torch.zeros(batch, high, wide, dim, dtype=maps.dtype)
    padded[:, :rows, :columns] = maps
    out = torch.zeros_like(maps)
    qkv = inner.qkv(padded).unflatten(3, (3, inner.heads, -1))
    table = inner.relative_position_bias_table
    for y in range(rows):
        for x in range(columns):
            places = []
            ry, rx = (y - shift) % high, (x - shift) % wide  # where the roll puts it
            for wy in range(ry // window * window, ry // window * window + window):
                for wx in range(rx // window * window, rx // window * window + window):
                    region = [
                        (0 if v < n - window else 1 if v < n - shift else 2) if shift else 0
                        for v, n in ((wy, high), (wx, wide), (ry, high), (rx, wide))
                    ]
                    if region[:2] == region[2:]:
                        places.append((wy, wx))
            ys = torch.tensor([(p[0] + shift) % high for p in places])
            xs = torch.tensor([(p[1] + shift) % wide for p in places])
            index = torch.tensor(
                [(ry - p[0] + window - 1) * (2 * window - 1) + rx - p[1] + window - 1 for p in places]
            )
            query, key, value = qkv[:, y, x, 0], qkv[:, ys, xs, 1], qkv[:, ys, xs, 2]
            scores = torch.einsum("bhc,bnhc->bnh", query, key) / query.shape[-1] ** 0.5 + table[index]
            out[:, y, x] = torch.einsum("bnh,bnhc->bhc", scores.softmax(1), value).flatten(1)
    return inner.proj(out)


@torch.no_grad()
@pytest.mark.parametrize("shift", [0, 2])
@pytest.mark.parametrize("size", [(10, 7), (4, 3), (5, 5)])
def test_windows_against_a_slow_oracle(size, shift):
    """Also where a map is no larger than one window, which torchvision treats otherwise."""
    torch.manual_seed(0)
    layer = WindowAttention(8, 2, 5, shift).double()
    nn.init.normal_(layer.w_msa.relative_position_bias_table)
    maps = torch.randn(2, *size, 8, dtype=torch.float64)
    assert torch.allclose(layer(maps), window_oracle(layer, maps), atol=1e-9)


@torch.no_grad()
def test_the_semantic_weight_scales_and_shifts():
    torch.manual_seed(0)
    model = SwinTransformer(SwinSize(16, (2, 2), (2, 4)), semantic_weight=0.2, drop_path=0.0).eval()
    nn.init.normal_(model.semantic_embed_b[0].weight)
    seen = []
    model.stages[0].downsample.register_forward_hook(lambda *parts: seen.append(parts[2]))
    model.stages[1].blocks[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    model(torch.randn(1, 3, 64, 64))
    weight = torch.tensor([0.2, 0.8])
    scale = F.softplus(model.semantic_embed_w[0](weight))
    assert torch.allclose(seen[1], seen[0] * scale + model.semantic_embed_b[0](weight), atol=1e-6)
    assert not any(p.requires_grad for p in model.semantic_embed_w.parameters())


def test_any_size_works():
    model = SwinTransformer(SwinSize(16, (2, 2), (2, 4))).eval()
    assert model(torch.randn(1, 3, 35, 18)).shape == (1, 32)


def test_gradient_checkpointing_gives_the_same_gradients():
    gradients = []
    for recompute in (False, True):
        torch.manual_seed(0)
        model = SwinTransformer(
            SwinSize(16, (2, 2), (2, 4)), drop_path=0.0, gradient_checkpointing=recompute
        ).train()
        model(torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))).sum().backward()
        gradients.append([p.grad for p in model.parameters() if p.grad is not None])
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(*gradients, strict=True))
