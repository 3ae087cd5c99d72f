"""The precision "auto": what decides, that timing leaves no trace, and that a run keeps its choice."""

import json
import logging
import threading

import pytest
import torch
from small_world import Net, loader

from videoreid.engine import Engine, TrainSettings, auto_precision
from videoreid.engine.auto_precision import FEWEST_BATCHES, faster_precision, settle_precision
from videoreid.engine.checkpointing import find_checkpoint
from videoreid.errors import CheckpointError
from videoreid.losses import SoftmaxCriterion
from videoreid.models import build_model
from videoreid.optim import build_optimizer
from videoreid.types import Clip, ReIDOutput

FRAMES = torch.randint(0, 256, (4, 2, 3, 8, 4), dtype=torch.uint8)


def engine_with(precision, model=None, cls=Engine):
    torch.manual_seed(0)
    model = model or Net(norm=True, dropout=0.3)
    settings = TrainSettings(precision=precision)
    return cls(model, SoftmaxCriterion(), build_optimizer(model), settings=settings, device="cpu")


@pytest.fixture
def native(monkeypatch):
    """Hardware with bfloat16, and runs of one batch are long enough."""
    monkeypatch.setattr(auto_precision, "has_native_bfloat16", lambda device: True)
    monkeypatch.setattr(auto_precision, "FEWEST_BATCHES", 1)


def choose(monkeypatch, name):
    monkeypatch.setattr(auto_precision, "faster_precision", lambda *args, **options: (name, "as told"))


def refuse_timing(monkeypatch):
    def fail(*args, **options):
        raise AssertionError("the network was timed")

    monkeypatch.setattr(auto_precision, "faster_precision", fail)


def test_auto_is_the_default():
    assert TrainSettings().precision == "auto"
    assert FEWEST_BATCHES == 500


@pytest.mark.parametrize(
    ("float32", "bfloat16", "expected"),
    [(1.16, 1.0, "bfloat16"), (1.14, 1.0, "float32"), (0.5, 1.0, "float32")],
)
def test_bfloat16_must_be_more_than_15_percent_faster(float32, bfloat16, expected):
    times, now = [], 0.0
    for run in range(4):
        for seconds in (float32, bfloat16):
            slower = seconds * (1 + run % 2)  # another program disturbs some runs; the fastest one counts
            times.append(now)
            if run:  # the first pass of each is not measured
                times.append(now + slower)
            now += slower
    readings = iter(times)
    chosen, reason = faster_precision(Net().train(), FRAMES, clock=readings.__next__)
    assert chosen == expected
    assert reason == f"float32: {4 / float32:.1f} clips/s, bfloat16: {4 / bfloat16:.1f} clips/s"
    assert next(readings, None) is None


def test_timing_leaves_no_trace_in_network_and_random_state(native):
    frames = torch.randint(
        0, 256, (3, 1, 3, 64, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    pids = torch.arange(3)
    clip = Clip(frames, pids, torch.zeros(3, dtype=torch.long), torch.zeros(3), pids)
    engine = engine_with("auto", build_model("osnet_x0_25", num_classes=3).train())
    network = engine.model
    before = {name: value.clone() for name, value in network.state_dict().items()}
    torch.manual_seed(5)
    state = torch.get_rng_state()
    assert settle_precision(engine, clip, batches=1) > 0
    assert settle_precision(engine, clip, batches=1) == 0
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert all("forward" not in vars(module) for module in network.modules())


@pytest.mark.parametrize(
    ("clips", "length", "rows"), [(64, 1, 16), (64, 4, 4), (64, 30, 2), (1, 4, 2), (3, 1, 3)]
)
def test_a_cpu_times_at_most_16_frames_and_at_least_two_clips(clips, length, rows):
    seen = []

    class Watched(Net):
        def forward(self, frames):
            seen.append(tuple(frames.shape[:2]))
            return super().forward(frames)

    faster_precision(Watched().train(), torch.zeros(clips, length, 3, 8, 4, dtype=torch.uint8))
    assert set(seen) == {(rows, length)}
    assert len(seen) == 8


def test_outputs_that_bfloat16_makes_infinite_keep_float32():
    class Fragile(Net):
        def forward(self, frames):
            output = super().forward(frames)
            half = output.logits[0].dtype == torch.bfloat16
            return ReIDOutput(
                output.embedding, (output.logits[0] * (torch.inf if half else 1.0),), output.features
            )

    chosen, reason = faster_precision(Fragile().train(), FRAMES)
    assert (chosen, reason) == ("float32", "outputs are not finite in bfloat16")


def test_a_network_with_all_layers_frozen_is_timed_without_a_backward_pass():
    network = Net().train().requires_grad_(requires_grad=False)
    assert faster_precision(network, FRAMES)[0] in ("float32", "bfloat16")


@pytest.mark.parametrize("chosen", ["float32", "bfloat16"])
def test_a_run_is_that_of_the_chosen_precision_to_the_bit(native, monkeypatch, chosen):
    timed = auto_precision.faster_precision

    def time_and_choose(*args, **options):
        timed(*args, **options)
        return chosen, "as told"

    monkeypatch.setattr(auto_precision, "faster_precision", time_and_choose)
    engines = [engine_with("auto"), engine_with(chosen)]
    for engine in engines:
        torch.manual_seed(1)
        engine.fit(loader(shuffle=True), 2, progress=False)
    auto, fixed = engines
    assert auto.settings == fixed.settings
    assert auto.accelerator.mixed_precision == {"float32": "no", "bfloat16": "bf16"}[chosen]
    for name, value in auto.model.state_dict().items():
        assert torch.equal(value, fixed.model.state_dict()[name]), name


def test_the_choice_is_logged_and_stored_and_a_resumed_run_keeps_it(native, monkeypatch, tmp_path, caplog):
    choose(monkeypatch, "bfloat16")
    with caplog.at_level(logging.INFO, "videoreid"):
        engine_with("auto").fit(loader(), 2, output_dir=tmp_path, max_steps=3, progress=False)
    assert "precision: bfloat16 (as told)" in caplog.text
    assert json.loads((tmp_path / "run.json").read_text())["settings"]["precision"] == "bfloat16"
    found = find_checkpoint(tmp_path)
    assert found is not None
    assert found[1]["run"]["settings"]["precision"] == "bfloat16"
    refuse_timing(monkeypatch)
    monkeypatch.setattr(auto_precision, "has_native_bfloat16", lambda device: False)  # on another machine
    resumed = engine_with("auto")
    resumed.fit(loader(), 2, output_dir=tmp_path, resume="auto", progress=False)
    assert resumed.settings.precision == "bfloat16"
    assert resumed.progress.epoch == 2
    with pytest.raises(CheckpointError, match=r"settings\.precision was 'bfloat16' and is 'float32'"):
        engine_with("float32").fit(loader(), 3, output_dir=tmp_path, resume="auto", progress=False)


def test_a_run_that_began_in_float32_is_continued_in_it(native, monkeypatch, tmp_path):
    engine_with("float32").fit(loader(), 1, output_dir=tmp_path, progress=False)
    refuse_timing(monkeypatch)
    resumed = engine_with("auto")
    resumed.fit(loader(), 2, output_dir=tmp_path, resume="auto", progress=False)
    assert resumed.settings.precision == "float32"


def test_a_second_fit_keeps_the_choice(native, monkeypatch):
    choose(monkeypatch, "bfloat16")
    engine = engine_with("auto")
    engine.fit(loader(), 1, progress=False)
    refuse_timing(monkeypatch)
    engine.fit(loader(), 2, progress=False)
    assert engine.settings.precision == "bfloat16"


class OwnStep(Engine):
    def step(self, clip):
        return self.losses(self.forward(clip), clip)


class OwnForward(Engine):
    def forward(self, clip):
        return super().forward(clip)


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("emulated", "cpu has no native bfloat16"),
        ("short", "fewer than 9 batches"),
        ("float64", "the network is not in float32"),
        ("step", "OwnStep has its own step for a network that is no ReIDModel"),
        ("forward", "OwnForward has its own step for a network that is no ReIDModel"),
        ("lock", "the network cannot be copied for a timing: cannot pickle '_thread.lock' object"),
    ],
)
def test_float32_without_timing(native, monkeypatch, caplog, case, reason):
    refuse_timing(monkeypatch)
    if case == "emulated":
        monkeypatch.setattr(auto_precision, "has_native_bfloat16", lambda device: False)
    if case == "short":  # 4 batches an epoch, 2 epochs
        monkeypatch.setattr(auto_precision, "FEWEST_BATCHES", 9)
    model = Net().double() if case == "float64" else Net()
    if case == "lock":
        model.lock = threading.Lock()
    engine = engine_with("auto", model, {"step": OwnStep, "forward": OwnForward}.get(case, Engine))
    with caplog.at_level(logging.INFO, "videoreid"):
        engine.fit(loader(), 2, progress=False)
    assert engine.settings.precision == "float32"
    assert f"precision: float32 ({reason}" in caplog.text


@pytest.mark.parametrize("cls", [Engine, OwnStep, OwnForward])
def test_a_reid_model_is_timed_whatever_the_step(native, monkeypatch, cls):
    choose(monkeypatch, "bfloat16")
    engine = engine_with("auto", build_model("resnet18", num_classes=6), cls)
    engine.fit([next(iter(loader()))], 1, progress=False)
    assert engine.settings.precision == "bfloat16"


def test_eight_batches_are_enough_for_a_limit_of_eight(native, monkeypatch):
    monkeypatch.setattr(auto_precision, "FEWEST_BATCHES", 8)
    choose(monkeypatch, "bfloat16")
    engine = engine_with("auto")
    engine.fit(
        loader(), 2, max_steps=1, progress=False
    )  # the plan counts, so that a resume would choose the same
    assert engine.settings.precision == "bfloat16"


def test_the_first_process_chooses(native, monkeypatch):
    choose(monkeypatch, "float32")
    monkeypatch.setattr(auto_precision, "gather_objects", lambda value: [("bfloat16", "first"), value])
    engine = engine_with("auto")
    engine.fit(loader(), 1, progress=False)
    assert engine.settings.precision == "bfloat16"
