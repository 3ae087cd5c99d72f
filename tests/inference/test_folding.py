"""Folded networks answer as before; what cannot be folded stays."""

import pytest
import torch
from torch import nn

from tests.models.test_registry import SLOW, build
from videoreid.export.parity import varied_clips
from videoreid.inference import folding
from videoreid.inference.eval_copy import eval_copy
from videoreid.inference.extraction import embed_frames
from videoreid.models import list_models

FAST = {
    "osnet_x0_25", "osnet_ain_x0_25", "osnet_ibn_x1_0", "mobilenetv2_x1_0", "ce2p_resnet18_half", "clipreid_rn50",
}  # fmt: skip
NAMES = [
    pytest.param(name, marks=() if name in FAST else pytest.mark.slow)
    for name in list_models()
    if name not in SLOW
]


def move_statistics(model):
    """Give every batch norm statistics of its own: those of a new network fold into nothing."""
    generator = torch.Generator().manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)


@pytest.mark.parametrize("name", NAMES)
def test_every_network_answers_as_before(name):
    model = build(name).eval()
    move_statistics(model)
    size = model.input_size if "height" in model.build_arguments else (64, 32)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    copied = eval_copy(model)
    length = model.frames or 4
    camids = torch.tensor([0, 1])
    frames = varied_clips(2, length, size, seed=1)
    count = folding.fold_batch_norms(copied, frames[:1], camids[:1])
    norms = sum(isinstance(module, nn.BatchNorm2d) for module in model.modules())
    assert count >= norms // 3
    # the example had one clip of `length` frames; any other goes the same way
    for part in (frames, *([] if model.frames else [varied_clips(2, length + 3, size, seed=2)])):
        with torch.inference_mode():
            expected = embed_frames(model, part, camids)
            answer = embed_frames(copied, part, camids)
        error = (answer - expected).norm(dim=1) / expected.norm(dim=1)
        assert float(error.max()) < 1e-4
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


class Forked(nn.Module):
    """The result of the first convolution is used twice, the second norm has two inputs, the third pair is plain."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.forked, self.forked_norm = nn.Conv2d(3, 4, 1, bias=False), nn.BatchNorm2d(4)
        self.one, self.other, self.shared_norm = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)
        self.plain, self.plain_norm = nn.Conv2d(4, 4, 3, bias=False), nn.BatchNorm2d(4, affine=False)
        self.moved, self.moved_norm = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)
        self.last, self.last_norm = nn.Linear(4, 5), nn.BatchNorm1d(5)
        move_statistics(self)

    def forward(self, frames):
        raw = self.forked(frames.flatten(0, 1))
        maps = self.forked_norm(raw) + raw
        maps = self.shared_norm(self.one(maps)) + self.shared_norm(self.other(maps))
        maps = self.plain_norm(self.plain(maps)).relu()
        maps = self.moved_norm(self.moved(maps).relu_())
        return self.last_norm(self.last(maps.mean((2, 3))))


def test_only_pairs_that_belong_to_each_other_are_folded():
    model = Forked().eval()
    frames = varied_clips(3, 1, (8, 8), seed=0)
    copied = eval_copy(model)
    assert folding.fold_batch_norms(copied, frames[:1]) == 2
    left = [name for name, module in copied.named_modules() if isinstance(module, nn.BatchNorm2d)]
    assert left == ["forked_norm", "shared_norm", "moved_norm"]
    assert isinstance(copied.last_norm, nn.Identity)
    with torch.inference_mode():
        torch.testing.assert_close(embed_frames(copied, frames), embed_frames(model, frames))


def test_modules_with_hooks_stay():
    model = Forked().eval()
    seen = []
    model.plain.register_forward_hook(lambda module, given, result: seen.append(result))
    copied = eval_copy(model)
    assert folding.fold_batch_norms(copied, varied_clips(1, 1, (8, 8), seed=0)) == 1
    assert isinstance(copied.plain_norm, nn.BatchNorm2d)


class Tied(nn.Module):
    """The weight of the second layer is used by hand as well."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.tied = nn.Conv2d(3, 4, 3), nn.Linear(4, 4)

    def forward(self, frames):
        vectors = self.tied(self.conv(frames.flatten(0, 1)).mean((2, 3)))
        return vectors + self.tied.weight.norm()


def test_weights_are_cast_where_nothing_else_looks_at_them():
    model = Tied().eval()
    frames = varied_clips(2, 1, (8, 8), seed=0)
    copied = eval_copy(model)
    assert folding.cast_products(copied, frames[:1], dtype=torch.bfloat16) == 1
    assert (copied.conv.weight.dtype, copied.conv.bias.dtype) == (torch.bfloat16, torch.bfloat16)
    assert copied.tied.weight.dtype == torch.float32
    assert model.conv.weight.dtype == torch.float32
    with torch.inference_mode():
        expected = embed_frames(model, frames, precision="bfloat16")
        torch.testing.assert_close(
            embed_frames(copied, frames, precision="bfloat16"), expected, rtol=2e-2, atol=1e-2
        )
