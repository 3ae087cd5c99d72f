import math

import pytest
import torch
import torchvision

from videoreid.errors import ConfigError
from videoreid.models.layers.vit_trunk import QuickGELU, ViTTrunk, resize_positions


def test_positions_keep_the_class_token_and_follow_the_grid() -> None:
    positions = torch.arange(5.0).reshape(1, 5, 1)
    assert torch.equal(resize_positions(positions, (2, 2), (2, 2)), positions)
    resized = resize_positions(positions, (4, 2), (2, 2))
    assert resized.shape == (1, 9, 1)
    assert resized[0, 0, 0] == 0.0
    rows = resized[0, 1:, 0].view(4, 2).mean(1)
    assert (rows[1:] > rows[:-1]).all()  # still grows downwards


def test_quick_gelu_by_hand() -> None:
    expected = torch.tensor([1 / (1 + math.exp(-1.702)), -2 / (1 + math.exp(3.404))])
    assert torch.allclose(QuickGELU()(torch.tensor([1.0, -2.0])), expected)


def test_equals_torchvision() -> None:
    torch.manual_seed(0)
    published = torchvision.models.VisionTransformer(32, 16, 12, 3, 192, 768).eval()
    trunk = ViTTrunk("vit_ti_16", (2, 2), clip_style=False).eval()
    published.heads = torch.nn.Identity()
    with torch.inference_mode():
        published.class_token.normal_()
        trunk.class_token.copy_(published.class_token)
        trunk.positions.copy_(published.encoder.pos_embedding)
        trunk.patches.load_state_dict(published.conv_proj.state_dict())
        trunk.norm.load_state_dict(published.encoder.ln.state_dict())
        for ours, theirs in zip(trunk.blocks, published.encoder.layers, strict=True):
            ours.load_state_dict(theirs.state_dict())
        frames = torch.rand(2, 3, 3, 32, 32)
        assert torch.allclose(trunk(frames).flatten(0, 1), published(frames.flatten(0, 1)), atol=1e-5)


def test_the_offset_reaches_every_frame_of_its_clip_alone() -> None:
    trunk = ViTTrunk("vit_ti_16", (2, 1), clip_style=True).eval()
    frames, offset = torch.rand(2, 2, 3, 32, 16), torch.zeros(2, 192)
    plain = trunk(frames)
    offset[1] = torch.randn(192)
    moved = trunk(frames, offset)
    assert torch.allclose(moved[0], plain[0], atol=1e-6)
    assert (moved[1] - plain[1]).abs().amax(1).min() > 1e-4


def test_unknown_size_is_refused() -> None:
    with pytest.raises(ConfigError, match="vit_b_16"):
        ViTTrunk("vit_x", (2, 2), clip_style=True)
