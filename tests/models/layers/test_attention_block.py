import pytest
import torch

from videoreid.errors import ConfigError
from videoreid.models.layers.attention_block import AttentionBlock


def test_equals_pytorchs_encoder_layer() -> None:
    torch.manual_seed(0)
    block = AttentionBlock(12, heads=3, expansion=2.0).eval()
    layer = torch.nn.TransformerEncoderLayer(12, 3, 24, 0.0, "gelu", batch_first=True, norm_first=True).eval()
    names = {
        "norm1": "norm1", "qkv": "self_attn.in_proj_", "project": "self_attn.out_proj", "norm2": "norm2",
        "expand": "linear1", "reduce": "linear2",
    }  # fmt: skip
    state = {}
    for name, value in block.state_dict().items():
        module, kind = name.split(".")
        target = names[module]
        state[f"{target}{kind}" if target.endswith("_") else f"{target}.{kind}"] = value
    layer.load_state_dict(state)
    tokens = torch.randn(2, 5, 12)
    assert torch.allclose(block(tokens), layer(tokens), atol=1e-5)


def test_starts_close_to_its_input_yet_learns() -> None:
    block = AttentionBlock(8, heads=2, start_as_identity=True)
    tokens = torch.randn(2, 3, 8)
    answer = block(tokens)
    assert torch.allclose(answer, tokens, atol=0.05)
    answer.pow(3).sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in block.parameters())


def test_heads_must_divide() -> None:
    with pytest.raises(ConfigError, match="divide"):
        AttentionBlock(10, heads=4)
