"""A folder belongs to one run: older runs are set aside whole, and a resume is of the same run."""

import csv
import json
import logging

import pytest
import torch

from videoreid.engine import CSVLogger, Engine, TrainSettings, find_checkpoint, load_checkpoint
from videoreid.engine.checkpointing import list_checkpoints, read_run
from videoreid.errors import CheckpointError, ConfigError
from videoreid.losses import SoftmaxCriterion, TripletCriterion
from videoreid.models import build_model
from videoreid.optim import build_optimizer


def engine_for(world, seed=0, *, criterion=SoftmaxCriterion, optim="sgd", **settings):
    torch.manual_seed(seed)
    model = world.Net()
    return Engine(
        model,
        criterion(),
        build_optimizer(model, optim, 0.05),
        settings=TrainSettings(**settings),
        device="cpu",
    )


def fit(engine, world, epochs, folder, **options):
    return engine.fit(world.loader(), epochs, output_dir=folder, progress=False, **options)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_new_run_moves_an_older_longer_one_aside_whole(world, tmp_path, caplog):
    fit(engine_for(world), world, 4, tmp_path, callbacks=[CSVLogger(tmp_path / "log.csv")],
        validate=lambda: {"mAP": 0.5})  # fmt: skip
    before = content(tmp_path)
    assert sorted(before) == [
        "best.pt",
        "checkpoint-00000012.pt",
        "checkpoint-00000016.pt",
        "log.csv",
        "run.json",
    ]
    new = engine_for(world, seed=1)
    with caplog.at_level(logging.WARNING, "videoreid"):
        fit(new, world, 2, tmp_path, callbacks=[CSVLogger(tmp_path / "log.csv")])
    assert "5 files were moved to" in caplog.text
    assert content(tmp_path / "run-1") == before
    assert names(tmp_path) == [
        "checkpoint-00000004.pt",
        "checkpoint-00000008.pt",
        "log.csv",
        "run-1",
        "run.json",
    ]
    _, state = find_checkpoint(tmp_path)
    assert torch.equal(state["state_dict"]["body.weight"], new.model.body.weight)
    with (tmp_path / "log.csv").open(newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file) if row["name"] == "loss"] == ["1", "2"]
    assert len(fit(engine_for(world, seed=1), world, 3, tmp_path, resume="auto")) == 3
    fit(engine_for(world, seed=2), world, 1, tmp_path)
    assert "run-2" in names(tmp_path)
    assert content(tmp_path / "run-1") == before


def test_the_older_run_can_be_resumed_where_it_was_moved(world, tmp_path):
    fit(engine_for(world), world, 2, tmp_path)
    fit(engine_for(world, seed=1), world, 1, tmp_path)
    assert len(fit(engine_for(world), world, 3, tmp_path / "run-1", resume="auto")) == 3
    assert names(tmp_path / "run-1") == ["checkpoint-00000008.pt", "checkpoint-00000012.pt", "run.json"]


def test_a_log_elsewhere_is_not_mixed_either(world, tmp_path):
    for _ in range(2):
        fit(engine_for(world), world, 1, None, callbacks=[CSVLogger(tmp_path / "log.csv")])
    assert names(tmp_path) == ["log-1.csv", "log.csv"]
    assert (tmp_path / "log.csv").read_text() != ""
    rows = [path.read_text().count("loss") for path in tmp_path.iterdir()]
    assert rows == [1, 1]


def test_a_resumed_log_goes_on(world, tmp_path):
    for epochs in (1, 2):
        logger = CSVLogger(tmp_path / "log.csv")
        fit(engine_for(world), world, epochs, tmp_path, resume="auto", callbacks=[logger])
    assert not list(tmp_path.glob("run-*"))
    assert (tmp_path / "log.csv").read_text().count(",loss,") == 2


def test_going_back_to_an_earlier_checkpoint_sets_the_later_ones_aside(world, tmp_path):
    scores = iter([0.5, 0.6, 0.7])
    fit(engine_for(world, keep=3), world, 3, tmp_path, validate=lambda: {"mAP": next(scores)})
    back = engine_for(world, keep=3)
    fit(back, world, 2, tmp_path, resume=tmp_path / "checkpoint-00000004.pt", validate=lambda: {"mAP": 0.1})
    assert names(tmp_path) == [
        "best.pt", "checkpoint-00000004.pt", "checkpoint-00000008.pt", "run-1", "run.json",
    ]  # fmt: skip
    assert names(tmp_path / "run-1") == ["best.pt", "checkpoint-00000008.pt", "checkpoint-00000012.pt"]
    assert load_checkpoint(tmp_path / "best.pt")["progress"]["best"] == 0.1
    assert load_checkpoint(tmp_path / "run-1" / "best.pt")["progress"]["best"] == 0.7


def test_a_run_whose_folder_was_taken_goes_on_where_it_was_moved(world, tmp_path):
    first = engine_for(world, save_every=1)

    def take_the_folder(event):
        if event.kind == "step" and event.step == 2:
            fit(engine_for(world, seed=1), world, 1, tmp_path)

    fit(first, world, 1, tmp_path, callbacks=[take_the_folder])
    assert read_run(tmp_path / "run-1") == first.run_id
    assert names(tmp_path / "run-1") == ["checkpoint-00000003.pt", "checkpoint-00000004.pt", "run.json"]
    assert names(tmp_path) == ["checkpoint-00000004.pt", "run-1", "run.json"]
    _, state = find_checkpoint(tmp_path)
    assert state["run"]["run"] == read_run(tmp_path) != first.run_id


def test_checkpoints_of_another_run_are_passed_over(world, tmp_path, caplog):
    fit(engine_for(world), world, 3, tmp_path / "other")
    mine = engine_for(world, seed=1)
    fit(mine, world, 1, tmp_path / "mine")
    foreign = list_checkpoints(tmp_path / "other")[-1]
    (tmp_path / "mine" / foreign.name).write_bytes(foreign.read_bytes())
    with caplog.at_level(logging.WARNING, "videoreid"):
        path, _ = find_checkpoint(tmp_path / "mine")
    assert path.name == "checkpoint-00000004.pt"
    assert "belongs to another run" in caplog.text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"accumulation": 2}, "settings.accumulation was 1 and is 2"),
        ({"clip_norm": 1.0}, "settings.clip_norm was None and is 1.0"),
        ({"precision": "bfloat16"}, "settings.precision was 'float32' and is 'bfloat16'"),
        ({"schedule": "step"}, "settings.schedule was 'epoch' and is 'step'"),
        ({"fixbase_epochs": 1, "open_layers": ("body",)}, "settings.fixbase_epochs was 0 and is 1"),
        ({"criterion": TripletCriterion}, "criterion was 'SoftmaxCriterion' and is 'TripletCriterion'"),
        ({"optim": "adam"}, "optimizers was \\['SGD'\\] and is \\['Adam'\\]"),
    ],
)
def test_a_resume_with_other_settings_is_refused_and_changes_nothing(world, tmp_path, change, message):
    fit(engine_for(world), world, 1, tmp_path)
    before = content(tmp_path)
    other = engine_for(world, seed=5, **change)
    weights = other.model.body.weight.detach().clone()
    with pytest.raises(CheckpointError, match=message):
        fit(other, world, 2, tmp_path, resume="auto")
    assert torch.equal(other.model.body.weight, weights)
    assert content(tmp_path) == before
    fit(other, world, 1, tmp_path)  # a run of its own after all
    assert content(tmp_path / "run-1") == before


def test_what_is_not_learnt_from_may_change_on_a_resume(world, tmp_path):
    fit(engine_for(world), world, 1, tmp_path)
    changed = engine_for(world, keep=5, save_every=1, validate_every=2, patience=3, channels_last=False)
    assert len(fit(changed, world, 2, tmp_path, resume="auto", validate=lambda: {"mAP": 0.1})) == 2


def test_a_network_of_equal_shapes_built_otherwise_is_refused(tmp_path, world):
    def run(temporal, **options):
        model = build_model("osnet_x0_25", num_classes=6, temporal=temporal)
        engine = Engine(model, SoftmaxCriterion(), build_optimizer(model), device="cpu")
        clips = [next(iter(world.loader()))]
        big = [
            clip._replace(frames=clip.frames.repeat_interleave(8, -1).repeat_interleave(8, -2))
            for clip in clips
        ]
        engine.fit(big, 1, output_dir=tmp_path, progress=False, **options)

    run("average")
    with pytest.raises(CheckpointError, match=r"build_arguments\.temporal was 'average' and is 'max'"):
        run("max", resume="auto")


def test_a_refused_checkpoint_leaves_the_network_as_it_was(world, tmp_path):
    fit(engine_for(world, ema_decay=0.5), world, 1, tmp_path)
    other = engine_for(world, seed=3)
    before = other.model.body.weight.detach().clone()
    with pytest.raises(CheckpointError, match="another run: ema is missing in this run"):
        fit(other, world, 2, tmp_path, resume="auto")
    assert torch.equal(other.model.body.weight, before)


@pytest.mark.parametrize("saved_by", [2, 3])
def test_fewer_or_more_processes_are_refused(world, tmp_path, saved_by):
    fit(engine_for(world), world, 1, tmp_path)
    path = tmp_path / "checkpoint-00000004.pt"
    state = load_checkpoint(path)
    torch.save({**state, "streams": state["streams"] * saved_by}, path)
    with pytest.raises(
        ConfigError, match=f"saved by {saved_by} processes and this run has 1: resume with {saved_by}"
    ):
        fit(engine_for(world), world, 2, tmp_path, resume="auto")


def test_the_record_says_what_is_trained(world, tmp_path):
    engine = engine_for(world, ema_decay=0.5)
    fit(engine, world, 1, tmp_path)
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["model"] == "Net"
    assert record["criterion"] == "SoftmaxCriterion"
    assert record["optimizers"] == ["SGD"]
    assert record["processes"] == 1
    assert record["settings"]["ema_decay"] == 0.5
    saved = load_checkpoint(tmp_path / "checkpoint-00000004.pt")["run"]
    assert {name: record[name] for name in saved} == saved


def test_a_broken_record_stops_a_resume_and_not_a_new_run(world, tmp_path):
    fit(engine_for(world), world, 1, tmp_path)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(CheckpointError, match="names no run"):
        fit(engine_for(world), world, 2, tmp_path, resume="auto")
    fit(engine_for(world), world, 1, tmp_path)
    assert names(tmp_path / "run-1") == ["checkpoint-00000004.pt", "run.json"]
