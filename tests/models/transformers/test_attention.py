"""Fused attention against the plain formula in float64."""

import math

import pytest
import torch
from torch import nn

from videoreid.errors import ConfigError
from videoreid.models.transformers.attention import PackedAttention, QKVAttention, attend


def by_formula(query, key, value, heads, scale=None, mask=None):
    batch, count, dim = query.shape
    out = torch.empty(batch, count, dim, dtype=torch.float64)
    width = dim // heads
    for h in range(heads):
        part = slice(h * width, (h + 1) * width)
        q, k, v = (x[..., part].double() for x in (query, key, value))
        scores = q @ k.transpose(1, 2) * (scale or 1 / math.sqrt(width))
        if mask is not None:
            scores = scores + mask[h].double()
        weights = scores.exp() / scores.exp().sum(2, keepdim=True)
        out[..., part] = weights @ v
    return out


@pytest.mark.parametrize("scale", [None, 0.1])
def test_attend(scale):
    torch.manual_seed(0)
    query, key, value = torch.randn(2, 5, 12), torch.randn(2, 7, 12), torch.randn(2, 7, 12)
    mask = torch.randn(3, 5, 7)
    answer = attend(query, key, value, heads=3, scale=scale, mask=mask)
    assert torch.allclose(answer.double(), by_formula(query, key, value, 3, scale, mask), atol=1e-6)


def test_qkv_attention_uses_its_own_scale():
    torch.manual_seed(0)
    layer = QKVAttention(12, 3, qkv_bias=False, scale=12**-0.5)
    tokens = torch.randn(2, 5, 12)
    query, key, value = layer.qkv(tokens).chunk(3, dim=2)
    wanted = layer.proj.double()(by_formula(query, key, value, 3, 12**-0.5))
    assert torch.allclose(layer.float()(tokens).double(), wanted, atol=1e-6)
    assert layer.qkv.bias is None


def test_packed_attention_is_that_of_torch():
    torch.manual_seed(0)
    layer, theirs = PackedAttention(12, 3), nn.MultiheadAttention(12, 3, batch_first=True)
    layer.load_state_dict(theirs.state_dict())
    tokens = torch.randn(2, 5, 12)
    assert torch.allclose(layer(tokens), theirs(tokens, tokens, tokens)[0], atol=1e-6)


def test_heads_that_do_not_divide():
    for layer in (QKVAttention, PackedAttention):
        with pytest.raises(ConfigError, match="5 heads do not divide 12"):
            layer(12, 5)
