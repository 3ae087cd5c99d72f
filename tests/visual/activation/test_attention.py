"""Attention that is computed again, and its roll-out."""

import numpy as np
import pytest
import torch
from torch import nn

from tests.models.test_registry import SIZE, build, clips
from videoreid.models.layers.attention_block import AttentionBlock
from videoreid.models.transformers.attention import PackedAttention, QKVAttention
from videoreid.visual import activation_maps
from videoreid.visual.activation.attention import attention_weights, is_attention


@pytest.mark.parametrize("layer", [QKVAttention(8, 1), QKVAttention(8, 1, scale=0.3), PackedAttention(8, 1)])
def test_the_weights_give_what_the_layer_returns(layer: nn.Module) -> None:
    tokens = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(0))
    assert is_attention(layer)
    weights = attention_weights(layer, tokens)
    projected = (
        layer.qkv(tokens) if hasattr(layer, "qkv") else tokens @ layer.in_proj_weight.T + layer.in_proj_bias
    )
    value = projected.chunk(3, dim=2)[2]
    last = layer.proj if hasattr(layer, "proj") else layer.out_proj
    torch.testing.assert_close(last(weights @ value), layer(tokens))


@pytest.mark.parametrize("batch_first", [True, False])
def test_the_weights_of_torch_are_its_own(batch_first: bool) -> None:
    layer = nn.MultiheadAttention(8, 2, batch_first=batch_first)
    tokens = torch.randn(3, 5, 8, generator=torch.Generator().manual_seed(0))
    _, expected = layer(tokens, tokens, tokens)
    torch.testing.assert_close(attention_weights(layer, tokens), expected)


def test_a_block_normalises_before_it_attends() -> None:
    block = AttentionBlock(8, heads=2)
    tokens = torch.randn(3, 5, 8, generator=torch.Generator().manual_seed(0))
    plain = QKVAttention(8, 2)
    plain.qkv.load_state_dict(block.qkv.state_dict())
    torch.testing.assert_close(
        attention_weights(block, tokens), attention_weights(plain, block.norm1(tokens))
    )


@pytest.mark.parametrize("name", ["transreid_vit_b16", "pass_vit_b16"])
def test_roll_out_of_uniform_attention_is_known(name: str) -> None:
    model = build(name)
    layers = [module for module in model.modules() if isinstance(module, QKVAttention)]
    for layer in layers:
        layer.qkv.weight.data.zero_()
        layer.qkv.bias.data.zero_()
    found = activation_maps(model, clips(1, 2, model), method="rollout")
    tokens = 8 + (1 if name.startswith("transreid") else 4)
    # ((J / N + I) / 2) ** L = I / 2 ** L + (1 - 1 / 2 ** L) J / N
    expected = (1 - 0.5 ** len(layers)) / tokens
    np.testing.assert_allclose(found.values, np.full((1, 2, 4, 2), expected), rtol=1e-5)


def test_roll_out_follows_a_token_that_is_looked_at() -> None:
    torch.manual_seed(0)
    model = build("transreid_vit_b16")
    frames = clips(1, 1, model)
    frames[..., 16:32, 16:32] = 0  # the fourth patch, second row and column, is flat
    for layer in (module for module in model.modules() if isinstance(module, QKVAttention)):
        layer.qkv.weight.data.mul_(30)
    found = activation_maps(model, frames, method="rollout")
    assert found.maps.shape == (1, 1, *SIZE)
    assert found.values.min() >= 0
    assert found.values.sum() < 1, "the class token keeps a share"
    assert np.ptp(found.values) > 1e-3


@pytest.mark.slow
def test_roll_out_where_positions_are_resized() -> None:
    model = build("tracklet_vit")
    found = activation_maps(model, clips(1, 2, model), method="rollout")
    assert found.values.shape == (1, 2, 4, 2)
    assert found.frame_weights is not None
