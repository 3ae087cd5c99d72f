from dataclasses import FrozenInstanceError, fields

import pytest
import torch

from videoreid.engine import Engine, FitPlan, Learner, TrainSettings, fit, load_checkpoint
from videoreid.engine.checkpointing import checkpoint_path
from videoreid.engine.training_state import FORMAT, TrainingState
from videoreid.errors import CheckpointError
from videoreid.losses import SoftmaxCriterion
from videoreid.optim import build_optimizer


def learner_for(world, kind=Learner, **settings):
    torch.manual_seed(0)
    model = world.Net(dropout=0.5)
    return kind(
        model,
        SoftmaxCriterion(),
        build_optimizer(model, "sgd", 0.05),
        settings=TrainSettings(**settings),
        device="cpu",
    )


def test_a_learner_is_fitted_as_an_engine_is(world, tmp_path):
    learner, engine = learner_for(world), None
    rows = fit(
        learner, world.loader(shuffle=True), 2, FitPlan(progress=False, output_dir=tmp_path / "learner")
    )
    engine = learner_for(world, Engine)
    assert rows == engine.fit(world.loader(shuffle=True), 2, output_dir=tmp_path / "engine", progress=False)
    assert torch.equal(learner.model.body.weight, engine.model.body.weight)
    names = [sorted(path.name for path in (tmp_path / kind).iterdir()) for kind in ("learner", "engine")]
    assert names[0] == names[1]


def test_a_new_run_may_begin_at_a_later_epoch(world, tmp_path):
    learner = learner_for(world)
    plan = FitPlan(start_epoch=2, output_dir=tmp_path, progress=False)
    assert [row["epoch"] for row in fit(learner, world.loader(), 3, plan)] == [3.0]
    resumed = learner_for(world)
    plan = FitPlan(start_epoch=2, output_dir=tmp_path, resume="auto", progress=False)
    assert [row["epoch"] for row in fit(resumed, world.loader(), 4, plan)] == [3.0, 4.0]


def test_a_plan_is_frozen():
    with pytest.raises(FrozenInstanceError):
        FitPlan().max_steps = 3


def test_every_checkpoint_has_one_shape(world, tmp_path):
    learner = learner_for(world, ema_decay=0.5)
    fit(
        learner,
        world.loader(),
        1,
        FitPlan(validate=lambda: {"mAP": 0.5}, output_dir=tmp_path, progress=False),
    )
    whole, best = load_checkpoint(checkpoint_path(tmp_path, 4)), load_checkpoint(tmp_path / "best.pt")
    assert list(whole) == list(best) == [field.name for field in fields(TrainingState)]
    assert whole["format"] == best["format"] == FORMAT == 1
    assert whole["run"] == best["run"]
    assert best["optimizers"] == best["streams"] == ()
    assert torch.equal(best["state_dict"]["body.weight"], learner.scored_model.body.weight)
    state = TrainingState.from_dict(whole)
    assert state.to_dict() == whole


def test_a_newer_format_is_refused(world, tmp_path):
    learner = learner_for(world)
    fit(learner, world.loader(), 1, FitPlan(output_dir=tmp_path, progress=False))
    path = checkpoint_path(tmp_path, 4)
    torch.save({**load_checkpoint(path), "format": FORMAT + 1}, path)
    with pytest.raises(CheckpointError, match="format 2 and this version reads formats up to 1"):
        fit(
            learner_for(world), world.loader(), 2, FitPlan(output_dir=tmp_path, resume="auto", progress=False)
        )


def test_best_alone_cannot_be_resumed(world, tmp_path):
    learner = learner_for(world)
    fit(
        learner,
        world.loader(),
        1,
        FitPlan(validate=lambda: {"mAP": 0.5}, output_dir=tmp_path, progress=False),
    )
    plan = FitPlan(resume=tmp_path / "best.pt", progress=False)
    with pytest.raises(CheckpointError, match=r"best\.pt holds only the weights with the best score"):
        fit(learner_for(world), world.loader(), 2, plan)


def test_checkpoints_without_a_format_number_are_read(world, tmp_path):
    fit(learner_for(world), world.loader(), 1, FitPlan(output_dir=tmp_path, progress=False))
    path = checkpoint_path(tmp_path, 4)
    old = {name: value for name, value in load_checkpoint(path).items() if name not in ("format", "run")}
    old["progress"] = {k: v for k, v in old["progress"].items() if k not in ("stopped", "unvalidated")}
    torch.save(old, path)
    (tmp_path / "run.json").unlink()
    plan = FitPlan(output_dir=tmp_path, resume="auto", progress=False)
    whole = fit(learner_for(world), world.loader(), 2, FitPlan(progress=False))
    assert fit(learner_for(world), world.loader(), 2, plan) == whole
    assert not list(tmp_path.glob("run-*"))


def test_a_checkpoint_is_named_by_its_step(tmp_path):
    assert checkpoint_path(tmp_path, 12) == tmp_path / "checkpoint-00000012.pt"
