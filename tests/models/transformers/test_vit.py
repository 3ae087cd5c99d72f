"""The re-ID vision transformer: grids, overlap, stem, cameras, drop path, gradient checkpointing."""

import pytest
import torch
from torch import nn

from videoreid.errors import ConfigError
from videoreid.models.transformers.blocks import drop_rates, run_blocks, vit_block
from videoreid.models.transformers.patches import PatchEmbed, patch_grid
from videoreid.models.transformers.vit import VisionTransformer, ViTOptions

SMALL = {"backbone": "vit_ti_16", "height": 64, "width": 32}


def images(count=2, seed=0, size=(64, 32)):
    return torch.randn(count, 3, *size, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("size", "patch", "stride", "grid"),
    [
        ((256, 128), (16, 16), (16, 16), (16, 8)),
        ((256, 128), (16, 16), (12, 12), (21, 10)),
        ((256, 128), (32, 16), (28, 12), (9, 10)),
        ((256, 128), (16, 32), (12, 28), (21, 4)),
        ((384, 128), (16, 16), (16, 16), (24, 8)),
    ],
)
def test_patch_grid(size, patch, stride, grid):
    assert patch_grid(size, patch, stride) == grid


@pytest.mark.parametrize(("size", "stride"), [((8, 32), 16), ((64, 8), 16), ((64, 32), 0)])
def test_patches_that_do_not_fit(size, stride):
    with pytest.raises(ConfigError, match="do not fit an image"):
        patch_grid(size, (16, 16), (stride, stride))


def test_overlapping_patches_are_cut_out_where_they_should_be():
    torch.manual_seed(0)
    embed = PatchEmbed(8, stride=(12, 12))
    pixels = images(1)
    tokens = embed(pixels)[0].unflatten(0, (5, 2))
    cut = pixels[0, :, 12 * 3 : 12 * 3 + 16, 12 : 12 + 16]
    wanted = (embed.proj.weight * cut).sum((1, 2, 3)) + embed.proj.bias
    assert torch.allclose(tokens[3, 1], wanted, atol=1e-5)


def test_conv_stem_has_the_published_names_and_grid():
    embed = PatchEmbed(8, stem="conv")
    shapes = {name: tuple(value.shape) for name, value in embed.state_dict().items()}
    assert shapes["conv.0.weight"] == (64, 3, 7, 7)
    assert shapes["conv.1.IN.weight"] == (32,)
    assert shapes["conv.1.BN.running_mean"] == (32,)
    assert shapes["conv.3.weight"] == shapes["conv.6.weight"] == (64, 64, 3, 3)
    assert shapes["conv.7.weight"] == (64,)
    assert shapes["proj.weight"] == (8, 64, 8, 8)
    assert embed(images()).shape == (2, 4 * 2, 8)
    with pytest.raises(ConfigError, match="do not overlap"):
        PatchEmbed(8, stem="conv", stride=(12, 12))
    with pytest.raises(ConfigError, match="unknown stem"):
        PatchEmbed(8, stem="pool")


def test_cameras_are_added_to_every_token():
    torch.manual_seed(0)
    model = VisionTransformer(ViTOptions(**SMALL, num_cameras=3, camera_scale=3.0)).eval()
    seen = []
    model.blocks[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    offsets = torch.randn(2, 192)
    model(images())
    model(images(), offsets)
    assert torch.allclose(seen[1] - seen[0], 3.0 * offsets[:, None].expand_as(seen[0]), atol=1e-5)


def test_drop_rates_grow_linearly():
    assert drop_rates(0.1, 12) == pytest.approx([0.1 * i / 11 for i in range(12)])
    assert drop_rates(0.1, 1) == [0.0]
    with pytest.raises(ConfigError, match="drop_path"):
        drop_rates(1.0, 12)


def test_drop_path_drops_branches_in_training_alone():
    torch.manual_seed(0)
    block = vit_block(ViTOptions(**SMALL).size, drop_path=0.5)
    tokens = torch.randn(64, 3, 192)
    untouched = (block.train()(tokens) == tokens).flatten(1).all(1).float().mean()
    assert 0.1 < untouched < 0.45  # both branches are dropped in a quarter of the rows
    assert not (block.eval()(tokens) == tokens).flatten(1).all(1).any()


def saved_bytes(model, pixels):
    """Return the bytes that the forward pass keeps for the backward pass, parameters left out."""
    own = {parameter.data_ptr() for parameter in model.parameters()}
    kept = {}

    def pack(tensor):
        if tensor.data_ptr() not in own:
            kept[tensor.data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model(pixels).sum().backward()
    return sum(kept.values())


def test_gradient_checkpointing_gives_the_same_gradients_in_less_memory():
    gradients, memory = [], []
    for recompute in (False, True):
        torch.manual_seed(0)
        options = ViTOptions(**SMALL, drop_path=0.0, gradient_checkpointing=recompute)
        model = VisionTransformer(options).train()
        memory.append(saved_bytes(model, images(4)))
        gradients.append([p.grad for p in model.parameters() if p.grad is not None])
    for plain, recomputed in zip(*gradients, strict=True):
        assert torch.allclose(plain, recomputed, atol=1e-6)
    assert memory[1] < memory[0] / 4, memory


def test_checkpointing_draws_the_same_branches_twice():
    torch.manual_seed(0)
    block = vit_block(ViTOptions(**SMALL).size, drop_path=0.5).train()
    tokens = torch.randn(16, 3, 192, requires_grad=True)
    out = run_blocks([block], tokens, recompute=True)
    dropped = (out == tokens).flatten(1).all(1)
    out.sum().backward()
    assert dropped.any()
    assert torch.equal(tokens.grad[dropped], torch.ones_like(tokens)[dropped])


def test_another_size_is_one_clear_error():
    model = VisionTransformer(ViTOptions(**SMALL))
    with pytest.raises(ConfigError, match="frames of 64 x 32, got 64 x 48"):
        model(images(size=(64, 48)))
    with pytest.raises(ConfigError, match="unknown backbone 'vit_g'"):
        VisionTransformer(ViTOptions(backbone="vit_g"))


def test_initial_weights():
    torch.manual_seed(0)
    model = VisionTransformer(ViTOptions(**SMALL))
    for module in model.modules():
        if isinstance(module, nn.Linear):
            assert 0.015 < module.weight.std() < 0.025
            assert not module.bias.any()
    assert model.pos_embed.any()
