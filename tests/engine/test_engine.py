import json
import os
import signal

import cv2
import numpy as np
import pytest
import torch

from videoreid.data import ClipDataset, ClipLoader, ClipTransform, PKSampler
from videoreid.data.transforms import HorizontalFlip
from videoreid.engine import Engine, TrainSettings, fitting, load_checkpoint
from videoreid.errors import CheckpointError, ConfigError, TrainingError
from videoreid.losses import BagOfTricksCriterion, SoftmaxCriterion, TripletCriterion
from videoreid.optim import build_center_optimizer, build_lr_scheduler, build_optimizer
from videoreid.types import Tracklet


def engine_for(world, *, lr=0.05, criterion=None, optim="sgd", dropout=0.0, **settings):
    torch.manual_seed(0)
    model = world.Net(norm=False, dropout=dropout)
    optimizer = build_optimizer(model, optim, lr, weight_decay=0.0)
    return Engine(
        model, criterion or SoftmaxCriterion(), optimizer, settings=TrainSettings(**settings), device="cpu"
    )


def weights(engine):
    return torch.cat([parameter.detach().flatten() for parameter in engine.model.parameters()])


def fit(engine, loader, epochs, **options):
    return engine.fit(loader, epochs, progress=False, **options)


def test_training_pays_and_says_so(world):
    engine = engine_for(world, criterion=TripletCriterion(), optim="adam")
    data = world.loader(batch_size=12)
    history = fit(engine, data, 30, validate=lambda: engine.evaluate(data, data, progress=False).summary())
    assert len(history) == 30
    assert history[-1]["loss"] < 0.7 * history[0]["loss"]
    assert history[-1]["mAP"] > 0.9
    assert set(history[0]) >= {"epoch", "loss", "softmax", "triplet", "lr", "mAP", "rank1"}


def test_the_same_seed_gives_the_same_numbers(world):
    runs = []
    for _ in range(2):
        engine = engine_for(world, dropout=0.5)
        runs.append((fit(engine, world.loader(shuffle=True), 2), weights(engine)))
    assert runs[0][0] == runs[1][0]
    assert torch.equal(runs[0][1], runs[1][1])


def test_accumulated_batches_equal_one_large_batch(world):
    small, large = engine_for(world, accumulation=2), engine_for(world)
    fit(small, world.loader(batch_size=12), 2)
    fit(large, world.loader(batch_size=24), 2)
    assert small.progress.step == large.progress.step == 2
    assert torch.allclose(weights(small), weights(large), atol=1e-6)


def test_the_last_group_of_an_epoch_may_be_smaller(world):
    engine = engine_for(world, accumulation=3)
    fit(engine, world.loader(batch_size=6), 1)
    assert engine.progress.step == 2


@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_epochs_of_unequal_length_leave_no_batch_over(world, tmp_path, workers):
    path = str(tmp_path / "frame.png")
    cv2.imwrite(path, np.full((8, 4, 3), 128, np.uint8))
    tracklets = [Tracklet([path, path], i % 6, i % 2) for i in range(30)]
    dataset = ClipDataset(tracklets, num_frames=2, transform=ClipTransform([HorizontalFlip()]))
    sampler = PKSampler(tracklets, batch_size=4, instances=2, grouping="distinct")
    loader = ClipLoader(dataset, batch_size=4, sampler=sampler, workers=workers)
    lengths = []
    for epoch in range(8):
        loader.set_epoch(epoch)
        lengths.append(len(loader))
    # groups of two batches, and in some epochs one batch is left
    assert {length % 2 for length in lengths} == {0, 1}
    engine = engine_for(world, accumulation=2)
    fit(engine, loader, len(lengths))
    assert engine.progress.step == sum(-(-length // 2) for length in lengths)


def test_the_gradient_is_clipped(world):
    engine = engine_for(world, lr=1.0, clip_norm=1e-3)
    before = weights(engine)
    fit(engine, world.loader(batch_size=24), 1)
    assert float((weights(engine) - before).norm()) == pytest.approx(1e-3, rel=1e-3)


def test_the_moving_average_is_what_is_scored_and_saved(world, tmp_path):
    engine = engine_for(world, ema_decay=0.75)
    seen = [{name: value.clone() for name, value in engine.model.state_dict().items()}]
    seen = []
    fit(
        engine, world.loader(batch_size=12), 2, output_dir=tmp_path, validate=lambda: {"mAP": 0.5},
        callbacks=[lambda event: seen.append(weights(engine)) if event.kind == "step" else None],
    )  # fmt: skip
    average = seen[0]  # the first update copies
    for step in seen[1:]:
        average = 0.75 * average + 0.25 * step
    scored = torch.cat([p.detach().flatten() for p in engine.scored_model.parameters()])
    assert torch.allclose(scored, average, atol=1e-6)
    assert engine.scored_model is not engine.model
    best = load_checkpoint(tmp_path / "best.pt")["state_dict"]
    assert set(best) == set(engine.model.state_dict())


def test_freeze_then_open(world):
    engine = engine_for(world, fixbase_epochs=1, open_layers=("classifier",))
    body, seen = engine.model.body.weight.detach().clone(), []

    def look(event):
        if event.kind == "epoch":
            seen.append(bool(torch.equal(engine.model.body.weight, body)))

    fit(engine, world.loader(), 2, callbacks=[look])
    assert seen == [True, False]


@pytest.mark.parametrize(
    ("schedule", "expected"), [("epoch", [1.0, 0.5, 0.25]), ("step", [0.5**3, 0.5**7, 0.5**11])]
)
def test_schedules_count_epochs_or_steps(world, schedule, expected):
    engine = engine_for(world, lr=1.0, schedule=schedule)
    engine.scheduler = build_lr_scheduler(engine.optimizers[0], "single_step", 1, 0.5)
    lrs = []
    fit(
        engine,
        world.loader(),
        3,
        callbacks=[lambda e: lrs.append(e.values["lr"]) if e.kind == "step" else None],
    )
    assert lrs[3::4] == pytest.approx(expected)


def test_centres_have_their_own_optimiser(world):
    torch.manual_seed(0)
    model, criterion = world.Net(), BagOfTricksCriterion(6, 8, beta=0.5)
    optimizers = [build_optimizer(model), build_center_optimizer(criterion.parameters())]
    engine = Engine(model, criterion, optimizers, device="cpu")
    before = criterion.terms["center"].loss.centers.detach().clone()
    clip = next(iter(world.loader(batch_size=24)))
    losses = engine.step(clip)
    losses["loss"].backward()
    gradient = criterion.terms["center"].loss.centers.grad.clone()
    engine.update()
    assert torch.allclose(
        criterion.terms["center"].loss.centers.detach(), before - 0.5 * 2000 * gradient, atol=1e-4
    )
    assert criterion.terms["center"].loss.centers.grad is None


def test_validation_picks_the_best_and_patience_stops(world, tmp_path):
    engine = engine_for(world, metric="score", patience=2, validate_every=1)
    scores = iter([0.2, 0.5, 0.4, 0.5, 0.9])
    snapshots = []

    def validate():
        snapshots.append(weights(engine))
        return {"score": next(scores), "note": "words are left out"}

    history = fit(engine, world.loader(), 10, validate=validate, output_dir=tmp_path)
    assert [row["score"] for row in history] == [0.2, 0.5, 0.4, 0.5]
    best = load_checkpoint(tmp_path / "best.pt")["state_dict"]
    assert torch.equal(
        torch.cat([best[name].flatten() for name, _ in engine.model.named_parameters()]), snapshots[1]
    )


def test_validation_every_n_epochs_and_at_the_end(world):
    engine = engine_for(world, validate_every=2)
    history = fit(engine, world.loader(), 5, validate=lambda: {"mAP": 0.1})
    assert ["mAP" in row for row in history] == [False, True, False, True, True]


def test_max_steps(world):
    engine = engine_for(world)
    fit(engine, world.loader(), 100, max_steps=6)
    assert engine.progress.step == 6


def test_step_is_the_override_point(world):
    class Doubled(Engine):
        def step(self, clip):
            losses = self.losses(self.forward(clip), clip)
            return {"loss": 2 * losses["loss"], "single": losses["loss"]}

    torch.manual_seed(0)
    model = world.Net()
    history = fit(Doubled(model, SoftmaxCriterion(), build_optimizer(model), device="cpu"), world.loader(), 1)
    assert history[0]["loss"] == pytest.approx(2 * history[0]["single"])


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_losses_are_computed_in_float32(world, precision):
    engine = engine_for(world, precision=precision, channels_last=True)
    output = engine.forward(next(iter(world.loader())))
    assert {output.embedding.dtype, output.logits[0].dtype, output.features[0].dtype} == {torch.float32}
    assert len(fit(engine, world.loader(), 1)) == 1
    assert engine.accelerator.mixed_precision == {"float32": "no", "bfloat16": "bf16"}[precision]


def test_channels_last_is_a_layout_of_image_convolutions_alone(world):
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Conv3d(3, 4, 3), torch.nn.Linear(3, 4))
    before = [parameter.detach().clone() for parameter in model.parameters()]
    Engine(model, SoftmaxCriterion(), build_optimizer(model), device="cpu")
    assert model[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert model[1].weight.is_contiguous()
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), before, strict=True))
    other = torch.nn.Conv2d(3, 4, 3)
    Engine(
        other,
        SoftmaxCriterion(),
        build_optimizer(other),
        settings=TrainSettings(channels_last=False),
        device="cpu",
    )
    assert other.weight.is_contiguous()


def test_nan_names_the_batch_and_leaves_the_weights(world):
    engine = engine_for(world)
    before = weights(engine)
    engine.criterion.register_forward_hook(lambda m, a, out: {**out, "loss": out["loss"] * torch.nan})
    with pytest.raises(TrainingError, match=r"loss = nan.*pids \[0, 1, 2, 3, 4, 5\].*/frames/5.jpg"):
        fit(engine, world.loader(), 1)
    assert torch.equal(weights(engine), before)


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)]
)
def test_a_signal_saves_a_checkpoint_that_resumes_exactly(world, tmp_path, number, error):
    def interrupt(event):
        if event.kind == "step" and event.step == 6:
            os.kill(os.getpid(), number)

    whole = engine_for(world, dropout=0.5)
    expected = fit(whole, world.loader(shuffle=True), 3)
    handlers = signal.getsignal(number)
    stopped = engine_for(world, dropout=0.5)
    with pytest.raises(error) as caught:
        fit(stopped, world.loader(shuffle=True), 3, output_dir=tmp_path, callbacks=[interrupt])
    if error is SystemExit:
        assert caught.value.code == 143
    assert signal.getsignal(number) is handlers
    assert (tmp_path / "checkpoint-00000006.pt").exists()
    torch.manual_seed(99)
    resumed = engine_for(world, dropout=0.5, lr=0.9)
    history = fit(resumed, world.loader(shuffle=True), 3, output_dir=tmp_path, resume="auto")
    assert torch.equal(weights(resumed), weights(whole))
    assert history == expected


def test_a_signal_during_validation_ends_the_run_after_the_epoch_is_saved(world, tmp_path):
    def validate():
        os.kill(os.getpid(), signal.SIGTERM)
        return {"mAP": np.float32(0.5)}

    engine = engine_for(world)
    with pytest.raises(SystemExit):
        fit(engine, world.loader(), 1, validate=validate, output_dir=tmp_path)
    assert engine.progress.history[0]["mAP"] == 0.5
    assert (tmp_path / "checkpoint-00000004.pt").exists()


def test_a_second_ctrl_c_does_not_wait(world):
    def press_twice(event):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError("not reached")

    with pytest.raises(KeyboardInterrupt):
        fit(engine_for(world), world.loader(), 1, callbacks=[press_twice])


def test_checkpoints_are_pruned_and_resume_takes_a_path(world, tmp_path):
    engine = engine_for(world, save_every=1, keep=3)
    fit(engine, world.loader(), 2, output_dir=tmp_path)
    names = sorted(path.name for path in tmp_path.glob("checkpoint-*.pt"))
    assert names == [f"checkpoint-{step:08d}.pt" for step in (6, 7, 8)]
    resumed = engine_for(world)
    fit(resumed, world.loader(), 2, resume=tmp_path / names[0])
    assert torch.equal(weights(resumed), weights(engine))


def test_torchs_own_schedules_are_resumed(world, tmp_path):
    def run(epochs, **options):
        engine = engine_for(world, lr=1.0)
        engine.scheduler = torch.optim.lr_scheduler.MultiStepLR(engine.optimizers[0], [1, 2], 0.5)
        return fit(engine, world.loader(), epochs, **options)

    run(1, output_dir=tmp_path)
    assert run(4, output_dir=tmp_path, resume="auto") == run(4)


def test_resume_auto_starts_anew_in_an_empty_folder(world, tmp_path):
    assert len(fit(engine_for(world), world.loader(), 1, output_dir=tmp_path, resume="auto")) == 1


def test_a_checkpoint_of_another_run_is_refused(world, tmp_path):
    fit(engine_for(world), world.loader(), 1, output_dir=tmp_path)
    other = world.Net(classes=9)
    with pytest.raises(CheckpointError, match="another run"):
        fit(Engine(other, SoftmaxCriterion(), build_optimizer(other), device="cpu"), world.loader(), 2,
            output_dir=tmp_path, resume="auto")  # fmt: skip
    with pytest.raises(CheckpointError, match="ema is missing"):
        fit(engine_for(world, ema_decay=0.9), world.loader(), 2, output_dir=tmp_path, resume="auto")


def test_errors(world):
    engine = engine_for(world)
    with pytest.raises(ConfigError, match="give output_dir"):
        fit(engine, world.loader(), 1, resume="auto")
    with pytest.raises(ConfigError, match="without 'mAP'"):
        fit(engine, world.loader(), 1, validate=lambda: {"rank1": 0.5})
    with pytest.raises(ConfigError, match="has no length"):
        fit(engine, (clip for clip in world.loader()), 1)
    with pytest.raises(ConfigError, match="has no batch"):
        fit(engine, world.loader(batch_size=100, drop_last=True), 1)
    with pytest.raises(ConfigError, match="needs CUDA"):
        engine_for(world, precision="float16")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "int8"}, "unknown precision"),
        ({"schedule": "batch"}, "unknown schedule"),
        ({"accumulation": 0}, "accumulation must be 1"),
        ({"patience": 0}, "patience must be 1"),
        ({"ema_decay": 1.0}, "ema_decay must be in"),
        ({"clip_norm": -1.0}, "clip_norm must be above 0"),
        ({"clip_norm": float("nan")}, "clip_norm must be above 0"),
        ({"fixbase_epochs": 2}, "needs open_layers"),
    ],
)
def test_settings_are_checked(options, message):
    with pytest.raises(ConfigError, match=message):
        TrainSettings(**options)


def test_the_state_of_a_run_is_plain_numbers(world):
    engine = engine_for(world)
    fit(engine, world.loader(), 1, validate=lambda: {"mAP": 0.25})
    assert json.loads(json.dumps(engine.progress.state_dict())) == engine.progress.state_dict()


@pytest.mark.parametrize(("epochs", "calls"), [(24, 0), (25, 1)])
def test_a_run_of_100_batches_on_a_cpu_keeps_its_memory(world, monkeypatch, epochs, calls):
    made = []
    monkeypatch.setattr(fitting, "reuse_freed_memory", lambda: made.append(True))
    engine_for(world).fit(world.loader(), epochs, max_steps=1, progress=False)  # four batches an epoch
    assert len(made) == calls
