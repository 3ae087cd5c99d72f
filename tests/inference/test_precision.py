"""Which arithmetic is chosen, with a clock that the test winds."""

import logging

import torch
from torch import nn

from videoreid.export.parity import varied_clips
from videoreid.inference import precision
from videoreid.inference.eval_copy import eval_copy
from videoreid.inference.extraction import embed_frames
from videoreid.inference.precision import Arithmetic, choose_arithmetic, prepare_copy


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.norm = nn.Conv2d(3, 16, 3, bias=False), nn.BatchNorm2d(16)

    def forward(self, frames):
        return self.norm(self.conv(frames.flatten(0, 1))).relu().mean((2, 3))


class Clock:
    """Each run of the network takes the next of the given seconds."""

    def __init__(self, *seconds):
        self.seconds, self.now, self.calls = list(seconds), 0.0, 0

    def __call__(self):
        self.calls += 1
        # per arithmetic: the start of the first run, then start and end of three
        place, within = divmod(self.calls - 1, 7)
        if within and within % 2 == 0:
            self.now += self.seconds[place]
        return self.now


def choose(monkeypatch, *seconds, native=True, model=None, **keywords):
    monkeypatch.setattr(precision, "has_native_bfloat16", lambda device: native)
    frames = varied_clips(3, 1, (16, 8), seed=0)
    model = (model or Small()).eval()
    return choose_arithmetic(lambda: eval_copy(model), frames, clock=Clock(*seconds), **keywords)


def test_the_fastest_that_answers_alike_is_chosen(monkeypatch):
    # seconds of float32 channels first, channels last, then bfloat16 likewise
    chosen = choose(monkeypatch, 4, 3, 2, 1)
    assert (chosen.precision, chosen.channels_last) == ("bfloat16", True)
    assert chosen.reason.startswith(
        "float32, channels first: 0.8 frames/s, float32, channels last: 1.0 frames/s, "
        "bfloat16, channels first: 1.5 frames/s, bfloat16, channels last: 3.0 frames/s; "
        "smallest cosine of bfloat16 0.99"
    )
    chosen = choose(monkeypatch, 4, 3, 1, 2)
    assert (chosen.precision, chosen.channels_last) == ("bfloat16", False)
    chosen = choose(monkeypatch, 4, 3, 2.9, 2.8)
    assert (chosen.precision, chosen.channels_last) == ("float32", True), "hardly faster is not enough"
    chosen = choose(monkeypatch, 3, 4, native=False)
    assert (chosen.precision, chosen.channels_last) == ("float32", False)
    chosen = choose(monkeypatch, 2, 1, precision="bfloat16")
    assert (chosen.precision, chosen.channels_last) == ("bfloat16", True)


class Steep(Small):
    """Turns the rounding of bfloat16 into other directions."""

    def forward(self, frames):
        return torch.sin(1e4 * super().forward(frames))


def test_bfloat16_that_answers_otherwise_is_not_chosen(monkeypatch):
    chosen = choose(monkeypatch, 4, 4, 1, 1, model=Steep())
    assert chosen.precision == "float32"
    assert "smallest cosine of bfloat16" in chosen.reason


def test_networks_of_another_type_keep_it(monkeypatch):
    for dtype in (torch.float64, torch.bfloat16):
        assert choose(monkeypatch, model=Small().to(dtype)).precision == "float32"


class LooksAtItself(Small):
    """Asks its own layers: without the norm it does something else."""

    def forward(self, frames):
        return super().forward(frames) + float(isinstance(self.norm, nn.BatchNorm2d))


def test_a_network_that_folding_changes_is_left_as_it_is(caplog):
    model, frames = LooksAtItself().eval(), varied_clips(2, 1, (16, 8), seed=0)
    with caplog.at_level(logging.WARNING, "videoreid"):
        runner = prepare_copy(lambda: eval_copy(model), frames[:1], arithmetic=Arithmetic())
    with torch.inference_mode():
        assert torch.equal(embed_frames(runner, frames), embed_frames(model, frames))
    assert "batch norms are not folded" in caplog.text


def test_native_bfloat16_is_read_off_the_processor(monkeypatch):
    for known, expected in (
        ({"amx_bf16": True}, True),
        ({"avx512_bf16": True}, True),
        ({"avx2": True}, False),
    ):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda known=known: known, raising=False)
        assert precision.has_native_bfloat16("cpu") is expected
    assert precision.has_native_bfloat16("meta") is False
    for capability, expected in (((7, 5), False), ((8, 0), True), ((9, 0), True)):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device, c=capability: c)
        assert precision.has_native_bfloat16("cuda") is expected
