"""What closes an epoch: stops inside it, accumulation, validation, batches that cannot be used, schedules."""

import os
import signal
from contextlib import nullcontext

import pytest
import torch
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    ExponentialLR,
    MultiStepLR,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
)

from videoreid.engine import Engine, TrainSettings, load_checkpoint, train_one_epoch
from videoreid.errors import CheckpointError, ConfigError, TrainingError
from videoreid.losses import SoftmaxCriterion
from videoreid.optim import build_lr_scheduler, build_optimizer


class Watched(Engine):
    """Notes the tracklets of each batch and the gradient of each update."""

    def step(self, clip):
        self.__dict__.setdefault("seen", []).append(clip.index.tolist())
        return super().step(clip)

    def update(self):
        gradient = torch.cat([p.grad.flatten() for p in self.model.parameters() if p.grad is not None])
        self.__dict__.setdefault("gradients", []).append(gradient)
        super().update()


def engine_for(world, *, lr=0.05, dropout=0.0, norm=False, **settings):
    torch.manual_seed(0)
    model = world.Net(dropout=dropout, norm=norm)
    optimizer = build_optimizer(model, "sgd", lr, weight_decay=0.0)
    return Watched(model, SoftmaxCriterion(), optimizer, settings=TrainSettings(**settings), device="cpu")


def fit(engine, loader, epochs, **options):
    return engine.fit(loader, epochs, progress=False, **options)


def weights(engine):
    return torch.cat([value.detach().flatten().double() for value in engine.model.state_dict().values()])


@pytest.mark.parametrize("stop", [1, 3, 4, 5, 7])
@pytest.mark.parametrize("accumulation", [1, 2])
def test_stopped_by_max_steps_and_resumed_equals_one_go(world, tmp_path, stop, accumulation):
    def engine():
        made = engine_for(world, dropout=0.5, norm=True, accumulation=accumulation)
        made.scheduler = build_lr_scheduler(made.optimizers[0], "cosine", max_epoch=3)
        return made

    def data():
        return world.loader(batch_size=4, shuffle=True)  # 6 batches: 6 or 3 updates an epoch

    whole = engine()
    expected = fit(whole, data(), 3)
    first = engine()
    fit(first, data(), 3, output_dir=tmp_path, max_steps=stop)
    second = engine()
    rows = fit(second, data(), 3, output_dir=tmp_path, resume="auto")
    assert first.seen + second.seen == whole.seen
    assert rows == expected
    assert torch.equal(weights(second), weights(whole))


def test_stopped_and_gone_on_in_the_same_process(world):
    whole = engine_for(world, dropout=0.5)
    expected = fit(whole, world.loader(shuffle=True), 3)
    parts = engine_for(world, dropout=0.5)
    for stop in (2, 4, 7, None):
        rows = fit(parts, world.loader(shuffle=True), 3, max_steps=stop)
    assert parts.seen == whole.seen
    assert rows == expected
    assert torch.equal(weights(parts), weights(whole))


def test_the_row_of_a_stopped_epoch_is_returned_and_validated_once(world, tmp_path):
    calls = []

    def validate():
        calls.append(torch.rand(1))  # draws from the generator that the network draws from
        return {"mAP": 0.25}

    def engine():
        return engine_for(world, dropout=0.5)

    options = {"output_dir": tmp_path, "resume": "auto", "validate": validate}
    rows = fit(engine(), world.loader(), 1, max_steps=3, **options)
    assert [(row["epoch"], row["mAP"]) for row in rows] == [(1.0, 0.25)]
    assert fit(engine(), world.loader(), 1, max_steps=3, **options) == rows
    assert len(calls) == 1
    resumed = engine()
    (row,) = fit(resumed, world.loader(), 1, output_dir=tmp_path, resume="auto")
    whole = engine()
    assert [row] == fit(whole, world.loader(), 1)
    assert torch.equal(weights(resumed), weights(whole))


def test_a_stop_inside_an_epoch_is_not_patient(world, tmp_path):
    engine = engine_for(world, patience=1)
    fit(engine, world.loader(), 3, validate=lambda: {"mAP": 0.5}, max_steps=5)
    assert engine.progress.stale == 0
    assert engine.progress.step == 5


def test_a_loader_of_another_length_is_refused_inside_an_epoch(world, tmp_path):
    fit(engine_for(world), world.loader(), 1, output_dir=tmp_path, max_steps=2)
    with pytest.raises(CheckpointError, match="inside an epoch of 4 batches, and this loader has 6"):
        fit(engine_for(world), world.loader(batch_size=4), 1, output_dir=tmp_path, resume="auto")


def test_the_last_group_is_averaged_over_its_own_size(world):
    clip = next(iter(world.loader(batch_size=12)))
    engine = engine_for(world, lr=0.0, accumulation=4)
    fit(engine, [clip] * 6, 1)
    assert len(engine.gradients) == 2
    assert torch.allclose(engine.gradients[0], engine.gradients[1], rtol=1e-5)
    alone = engine_for(world, lr=0.0)
    fit(alone, [clip], 1)
    assert torch.allclose(engine.gradients[1], alone.gradients[0], rtol=1e-5)


def test_no_checkpoint_is_written_inside_a_group(world, tmp_path):
    engine = engine_for(world, accumulation=2, save_every=1, keep=9)
    fit(engine, world.loader(batch_size=4), 1, output_dir=tmp_path)
    saved = sorted(tmp_path.glob("checkpoint-*.pt"))
    assert [load_checkpoint(path)["progress"]["batch"] for path in saved] == [2, 4, 0]


def test_a_signal_inside_a_group_waits_for_its_end(world, tmp_path):
    class Interrupted(Watched):
        def step(self, clip):
            if len(self.__dict__.get("seen", [])) == 2:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().step(clip)

    whole = engine_for(world, accumulation=2)
    fit(whole, world.loader(batch_size=4), 1)
    engine = engine_for(world, accumulation=2)
    stopped = Interrupted(
        engine.model, engine.criterion, engine.optimizers, settings=engine.settings, device="cpu"
    )
    with pytest.raises(SystemExit):
        fit(stopped, world.loader(batch_size=4), 1, output_dir=tmp_path)
    assert len(stopped.seen) == 4
    resumed = engine_for(world, accumulation=2)
    fit(resumed, world.loader(batch_size=4), 1, output_dir=tmp_path, resume="auto")
    assert torch.equal(weights(resumed), weights(whole))


@pytest.mark.parametrize("epochs", [1, 2])
def test_a_failing_validation_does_not_cost_the_epoch(world, tmp_path, epochs):
    def fail():
        raise RuntimeError("out of memory")

    engine = engine_for(world, validate_every=epochs, dropout=0.5)
    with pytest.raises(RuntimeError, match="out of memory"):
        fit(engine, world.loader(), epochs, output_dir=tmp_path, validate=fail)
    state = load_checkpoint(tmp_path / f"checkpoint-{4 * epochs:08d}.pt")
    assert torch.equal(state["state_dict"]["body.weight"], engine.model.body.weight)
    assert state["progress"]["epoch"] == epochs
    called = []
    resumed = engine_for(world, validate_every=epochs, dropout=0.5)
    rows = fit(
        resumed, world.loader(), epochs, output_dir=tmp_path, resume="auto",
        validate=lambda: called.append(1) or {"mAP": 0.5},
    )  # fmt: skip
    assert called == [1]  # the validation that failed is made up for
    assert rows[-1]["mAP"] == 0.5
    assert load_checkpoint(tmp_path / "best.pt")["progress"]["best"] == 0.5
    assert len(resumed.__dict__.get("seen", [])) == 0


@pytest.mark.parametrize("fails", [False, True])
def test_a_resume_draws_on_after_what_the_validation_drew(world, tmp_path, fails):
    def validate(crash=False):
        torch.rand(3)
        if crash:
            raise RuntimeError("out of memory")
        return {"mAP": 0.5}

    def run(epochs, crash=False, **options):
        engine = engine_for(world, dropout=0.5)
        rows = fit(engine, world.loader(shuffle=True), epochs, validate=lambda: validate(crash), **options)
        return rows, weights(engine)

    rows, expected = run(2)
    with pytest.raises(RuntimeError) if fails else nullcontext():
        run(1, crash=fails, output_dir=tmp_path)
    resumed_rows, resumed = run(2, output_dir=tmp_path, resume="auto")
    assert resumed_rows == rows
    assert torch.equal(resumed, expected)


def test_a_failing_epoch_callback_does_not_cost_the_epoch(world, tmp_path):
    def fail(event):
        if event.kind == "epoch":
            raise OSError("the disk of the log is full")

    with pytest.raises(OSError, match="disk"):
        fit(engine_for(world), world.loader(), 1, output_dir=tmp_path, callbacks=[fail])
    assert (tmp_path / "checkpoint-00000004.pt").exists()


def test_nan_is_never_the_best(world, tmp_path, caplog):
    scores = iter([float("nan"), 0.1, float("nan"), 0.3])
    engine = engine_for(world)
    fit(engine, world.loader(), 4, output_dir=tmp_path, validate=lambda: {"mAP": next(scores)})
    assert engine.progress.best == 0.3
    assert load_checkpoint(tmp_path / "best.pt")["progress"]["epoch"] == 4
    assert caplog.text.count("mAP is NaN") == 2
    patient = engine_for(world, patience=2)
    fit(patient, world.loader(), 9, output_dir=tmp_path / "nan", validate=lambda: {"mAP": float("nan")})
    assert patient.progress.epoch == 2
    assert not (tmp_path / "nan" / "best.pt").exists()


def spoil(engine, value, at):
    """Let the loss of one batch be ``value``, through the values of the output as a broken batch would."""
    batches = []

    def hook(module, arguments, losses):
        batches.append(1)
        return {**losses, "loss": losses["loss"] + (value if len(batches) == at else 0.0)}

    engine.criterion.register_forward_hook(hook)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("accumulation", [1, 2])
def test_a_batch_that_cannot_be_used_leaves_no_trace(world, value, accumulation):
    kept = engine_for(world, norm=True, accumulation=accumulation)
    fit(kept, world.loader(), 1, max_steps=2 // accumulation)
    engine = engine_for(world, norm=True, accumulation=accumulation)
    spoil(engine, value, at=3)
    with pytest.raises(TrainingError, match="the loss is not finite"):
        fit(engine, world.loader(), 1)
    assert torch.equal(weights(engine), weights(kept))  # batch-norm statistics and counters included
    assert all(p.grad is None for p in [*engine.model.parameters(), *engine.criterion.parameters()])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_the_smallest_loop_leaves_no_trace_either(world, value):
    engine = engine_for(world, norm=True)
    before = weights(engine)
    spoil(engine, value, at=1)
    with pytest.raises(TrainingError):
        train_one_epoch(engine.model, engine.criterion, engine.optimizers[0], world.loader(), progress=False)
    assert torch.equal(weights(engine), before)


def test_a_script_may_catch_the_error_and_go_on(world):
    engine = engine_for(world, norm=True)
    spoil(engine, float("nan"), at=2)
    with pytest.raises(TrainingError):
        fit(engine, world.loader(), 1)
    (row,) = fit(engine, world.loader(), 1)  # the epoch again, from its first batch
    assert row["epoch"] == 1.0
    assert len(engine.seen) == 2 + 4
    assert torch.isfinite(weights(engine)).all()


def test_a_gradient_that_is_not_finite_is_not_applied(world):
    class Root(Engine):
        def step(self, clip):
            losses = super().step(clip)
            zero = (self.model.body.weight - self.model.body.weight).sum()
            return {**losses, "loss": losses["loss"] + zero.sqrt()}

    engine = engine_for(world, clip_norm=1.0)
    root = Root(engine.model, engine.criterion, engine.optimizers, settings=engine.settings, device="cpu")
    before = weights(root)
    with pytest.raises(TrainingError, match="the gradient is not finite although the loss is finite"):
        fit(root, world.loader(), 1)
    assert torch.equal(weights(root), before)


SCHEDULES = {
    "cosine": lambda optimizer, epochs: build_lr_scheduler(optimizer, "cosine", max_epoch=epochs),
    "torch cosine": lambda optimizer, epochs: CosineAnnealingLR(optimizer, epochs),
    "exponential": lambda optimizer, epochs: ExponentialLR(optimizer, 0.5 ** (1 / epochs)),
    "multi step": lambda optimizer, epochs: MultiStepLR(optimizer, [3 * epochs // 4], 0.1),
    "one cycle": lambda optimizer, epochs: OneCycleLR(optimizer, 0.1, epochs + 1),
    "sequential": lambda optimizer, epochs: SequentialLR(
        optimizer, [ExponentialLR(optimizer, 1.5), CosineAnnealingLR(optimizer, epochs)], [epochs // 4]
    ),
}


@pytest.mark.parametrize("kind", SCHEDULES)
@pytest.mark.parametrize("schedule", ["epoch", "step"])
def test_a_longer_schedule_counts_from_the_first_resumed_step(world, tmp_path, kind, schedule):
    scale = 1 if schedule == "epoch" else 2

    def run(epochs, **options):
        engine, rates = engine_for(world, schedule=schedule), []
        engine.scheduler = SCHEDULES[kind](engine.optimizers[0], epochs * scale)
        fit(
            engine, world.loader(batch_size=12), epochs,
            callbacks=[lambda e: rates.append(e.values["lr"]) if e.kind == "step" else None], **options,
        )  # fmt: skip
        return rates

    short, whole = run(4, output_dir=tmp_path), run(8)
    assert run(8, output_dir=tmp_path, resume="auto") == pytest.approx(whole[8:], rel=1e-12)
    assert short[-1] != whole[8]


def test_reduce_on_plateau_follows_the_metric_or_the_loss(world, tmp_path):
    scores = [0.2, 0.2, 0.2, 0.3, 0.3]

    def run(epochs, mode, **options):
        engine = engine_for(world, lr=1e-3)
        engine.scheduler = ReduceLROnPlateau(engine.optimizers[0], mode, factor=0.5, patience=0)
        validate = lambda: {"mAP": scores[engine.progress.epoch - 1]}  # noqa: E731
        rows = fit(engine, world.loader(), epochs, validate=validate, **options)
        return [row["lr"] for row in rows], engine

    rates, _ = run(5, "max")
    assert rates == [1e-3, 1e-3, 5e-4, 2.5e-4, 2.5e-4]
    run(2, "max", output_dir=tmp_path)
    assert run(5, "max", output_dir=tmp_path, resume="auto")[0] == rates
    falling, engine = run(3, "min")
    assert falling == [1e-3] * 3
    assert engine.scheduler.best == pytest.approx(min(row["loss"] for row in engine.progress.history))


def test_reduce_on_plateau_needs_what_it_follows(world):
    engine = engine_for(world)
    engine.scheduler = ReduceLROnPlateau(engine.optimizers[0], "max")
    with pytest.raises(ConfigError, match="there is no validate"):
        fit(engine, world.loader(), 1)
    stepwise = engine_for(world, schedule="step")
    stepwise.scheduler = ReduceLROnPlateau(stepwise.optimizers[0])
    with pytest.raises(ConfigError, match="is stepped per epoch"):
        fit(stepwise, world.loader(), 1)


@pytest.fixture
def float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def test_training_in_float64(world, float64, tmp_path):
    engine = engine_for(world, norm=True, ema_decay=0.5, clip_norm=1.0)
    output = engine.forward(next(iter(world.loader())))
    assert output.embedding.dtype == output.logits[0].dtype == torch.float64
    (row,) = fit(engine, world.loader(), 1, output_dir=tmp_path)
    assert row["loss"] > 0
    assert (
        load_checkpoint(tmp_path / "checkpoint-00000004.pt")["state_dict"]["body.weight"].dtype
        == torch.float64
    )


def test_half_precision_of_a_float64_network_is_refused(world, float64):
    with pytest.raises(ConfigError, match="this network is float64"):
        engine_for(world, precision="bfloat16")
