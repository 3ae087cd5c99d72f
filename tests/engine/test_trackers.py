"""Loggers of other people's tools: what they are handed, by stand-ins everywhere and by the tools where installed."""

import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import ClassVar

import cv2
import numpy as np
import pytest
import torch

from tests.engine.small_world import Clips, Net, loader
from videoreid.engine import (
    Engine,
    Event,
    MLflowLogger,
    TensorBoardLogger,
    WandbLogger,
    log_pictures,
)
from videoreid.errors import ConfigError, MissingExtraError
from videoreid.losses import SoftmaxCriterion

EVENTS = [
    Event("step", 0, 1, {"loss": 2.0, "lr": 0.1}),
    Event("step", 0, 2, {"loss": 1.5, "lr": 0.1}),
    Event("epoch", 1, 2, {"loss": 1.75}),
    Event("validation", 1, 2, {"mAP": 0.25}),
]
PICTURE = np.zeros((4, 6, 3), np.uint8)
PICTURE[:, :2] = (250, 20, 10)  # red, so that exchanged channels are seen


class FakeRun:
    def __init__(self):
        self.logged, self.finished = [], False

    def log(self, values, step):
        self.logged.append((values, step))

    def finish(self):
        self.finished = True


@pytest.fixture
def wandb(monkeypatch):
    """Stand in for wandb."""
    fake = ModuleType("wandb")
    fake.calls = []
    fake.runs = []

    def init(**options):
        fake.calls.append(options)
        fake.runs.append(FakeRun())
        return fake.runs[-1]

    fake.init = init
    fake.Image = lambda picture: ("image", picture)
    monkeypatch.setitem(sys.modules, "wandb", fake)
    monkeypatch.delenv("WANDB_ERROR_REPORTING", raising=False)
    monkeypatch.setenv("WANDB_MODE", "online")  # not asked
    yield fake
    os.environ.pop("WANDB_ERROR_REPORTING", None)


def test_wandb_gets_scalars_and_pictures_offline(wandb, tmp_path):
    logger = WandbLogger(tmp_path / "w", name="one", config={"lr": 0.1})
    assert wandb.calls == [], "the run starts with the first event"
    with logger:
        for event in EVENTS:
            logger(event)
        logger.add_picture("maps", PICTURE, step=2)
    assert wandb.calls == [
        {
            "dir": str(tmp_path / "w"),
            "resume": None,
            "project": "videoreid",
            "mode": "offline",
            "name": "one",
            "id": None,
            "config": {"lr": 0.1},
        }
    ]
    assert os.environ["WANDB_ERROR_REPORTING"] == "false"
    run = wandb.runs[0]
    assert run.logged[0] == ({"step/loss": 2.0, "step/lr": 0.1, "epoch": 0}, 1)
    assert run.logged[3] == ({"validation/mAP": 0.25, "epoch": 1}, 2)
    kind, picture = run.logged[4][0]["maps"]
    assert kind == "image"
    assert picture is PICTURE
    assert run.finished


def test_wandb_is_online_only_when_told(wandb, tmp_path):
    WandbLogger(tmp_path, mode="online", run_id="abc")(EVENTS[0])
    assert wandb.calls[0]["mode"] == "online"
    assert (wandb.calls[0]["id"], wandb.calls[0]["resume"]) == ("abc", "allow")
    assert "WANDB_ERROR_REPORTING" not in os.environ
    with pytest.raises(ConfigError, match="'offline', 'online' or 'disabled'"):
        WandbLogger(tmp_path, mode="live")


class FakeClient:
    made: ClassVar[list] = []

    def __init__(self, tracking_uri):
        self.uri, self.metrics, self.params, self.artifacts, self.ended = tracking_uri, [], {}, {}, []
        FakeClient.made.append(self)

    def get_experiment_by_name(self, name):
        return SimpleNamespace(experiment_id="7") if name == "known" else None

    def create_experiment(self, name, artifact_location):
        self.artifact_location = artifact_location
        return f"new {name}"

    def create_run(self, experiment, run_name):
        self.experiment, self.name = experiment, run_name
        return SimpleNamespace(info=SimpleNamespace(run_id="r1"))

    def log_param(self, run, key, value):
        self.params[key] = value

    def log_metric(self, run, key, value, step):
        self.metrics.append((run, key, value, step))

    def log_artifact(self, run, path, folder):
        self.artifacts[f"{folder}/{Path(path).name}"] = cv2.imread(path)[..., ::-1]

    def set_terminated(self, run):
        self.ended.append(run)


@pytest.fixture
def mlflow(monkeypatch):
    """Stand in for mlflow."""
    monkeypatch.setattr(FakeClient, "made", [])
    package, tracking = ModuleType("mlflow"), ModuleType("mlflow.tracking")
    tracking.MlflowClient = FakeClient
    package.tracking = tracking
    monkeypatch.setitem(sys.modules, "mlflow", package)
    monkeypatch.setitem(sys.modules, "mlflow.tracking", tracking)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere")  # not asked
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    return FakeClient


def test_mlflow_gets_scalars_and_pictures_in_a_folder(mlflow, tmp_path):
    logger = MLflowLogger(tmp_path / "m", name="one", config={"lr": 0.1})
    assert mlflow.made == [], "the run starts with the first event"
    with logger:
        for event in EVENTS:
            logger(event)
        logger.add_picture("maps/query", PICTURE, step=2)
    (client,) = mlflow.made
    assert client.uri == f"sqlite:///{tmp_path / 'm' / 'mlflow.db'}"
    assert client.artifact_location == (tmp_path / "m" / "artifacts").as_uri()
    assert (client.experiment, client.name, client.params) == ("new videoreid", "one", {"lr": 0.1})
    assert client.metrics[0] == ("r1", "step/loss", 2.0, 1)
    assert client.metrics[-1] == ("r1", "validation/mAP", 0.25, 2)
    np.testing.assert_array_equal(client.artifacts["pictures/maps_query-2.png"], PICTURE)
    assert client.ended == ["r1"]


def test_mlflow_goes_on_with_a_run_on_a_server_when_told(mlflow, tmp_path):
    logger = MLflowLogger(tmp_path, tracking_uri="http://here:5000", run_id="old")
    logger(EVENTS[2])
    (client,) = mlflow.made
    assert client.uri == "http://here:5000"
    assert client.metrics == [("old", "epoch/loss", 1.75, 2)]
    assert list(tmp_path.iterdir()) == []
    MLflowLogger(tmp_path, experiment="known")(EVENTS[2])
    assert mlflow.made[1].experiment == "7"


class Sink:
    def __init__(self):
        self.taken = []

    def add_picture(self, name, picture, *, step):
        self.taken.append((name, step))


def test_pictures_are_drawn_between_epochs_of_a_real_run():
    sink, net = Sink(), Net()
    engine = Engine(net, SoftmaxCriterion(), torch.optim.SGD(net.parameters(), 0.01))
    drawn = log_pictures(lambda event: {"sheet": PICTURE}, [sink], kind="epoch", every=2)
    engine.fit(loader(Clips()), 3, callbacks=[drawn], progress=False)
    assert sink.taken == [("sheet", 4), ("sheet", 12)], "at epochs 1 and 3 of 4 updates"


@pytest.mark.parametrize("picture", [PICTURE.astype(float), PICTURE[..., 0], PICTURE[..., :2], "x.png"])
def test_what_is_no_picture_is_named(wandb, tmp_path, picture):
    with pytest.raises(ConfigError, match=r"RGB \(H, W, 3\) uint8, got"):
        WandbLogger(tmp_path).add_picture("p", picture, step=0)


def test_every_must_be_positive():
    with pytest.raises(ConfigError, match="every must be 1 or more"):
        log_pictures(lambda event: {}, [], every=0)


@pytest.mark.parametrize(
    ("make", "module", "extra"),
    [
        (TensorBoardLogger, "torch.utils.tensorboard", "tensorboard"),
        (WandbLogger, "wandb", "wandb"),
        (MLflowLogger, "mlflow.tracking", "mlflow"),
    ],
)
def test_each_tool_is_an_extra(make, module, extra, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    with pytest.raises(MissingExtraError, match=rf"videoreid\[{extra}\]"):
        make(tmp_path)


def test_tensorboard_by_a_stand_in(tmp_path, monkeypatch):
    taken = []

    class Writer:
        def __init__(self, folder):
            taken.append(("folder", folder))

        def add_scalar(self, name, value, step):
            taken.append((name, value, step))

        def add_image(self, name, picture, step, dataformats):
            taken.append((name, picture.shape, step, dataformats))

        def flush(self):
            taken.append("flush")

        def close(self):
            taken.append("close")

    fake = ModuleType("torch.utils.tensorboard")
    fake.SummaryWriter = Writer
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", fake)
    with TensorBoardLogger(tmp_path) as logger:
        logger(EVENTS[3])
        logger.add_picture("maps", PICTURE, step=2)
    assert taken == [
        ("folder", str(tmp_path)),
        ("validation/mAP", 0.25, 2),
        "flush",
        ("maps", (4, 6, 3), 2, "HWC"),
        "flush",
        "close",
    ]


def test_tensorboard_gets_every_number_and_picture(tmp_path):
    pytest.importorskip("tensorboard", reason="the extra [tensorboard] is not installed")
    with TensorBoardLogger(tmp_path) as logger:
        for event in EVENTS:
            logger(event)
        logger.add_picture("maps", PICTURE, step=2)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(tmp_path)).Reload()
    assert set(read.Tags()["scalars"]) == {"step/loss", "step/lr", "epoch/loss", "validation/mAP"}
    assert [point.value for point in read.Scalars("step/loss")] == [2.0, 1.5]
    data = np.frombuffer(read.Images("maps")[0].encoded_image_string, np.uint8)
    np.testing.assert_array_equal(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1], PICTURE)


def test_wandb_writes_an_offline_run(tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb", reason="the extra [wandb] is not installed")
    monkeypatch.setenv("WANDB_SILENT", "true")
    with WandbLogger(tmp_path) as logger:
        for event in EVENTS:
            logger(event)
        logger.add_picture("maps", PICTURE, step=2)
        assert logger.run.settings.mode == "offline"
    wandb.teardown()  # its service writes behind our back until then
    runs = list((tmp_path / "wandb").glob("offline-run-*"))
    assert len(runs) == 1
    (record,) = runs[0].glob("run-*.wandb")
    assert b"validation/mAP" in record.read_bytes()
    assert len(list(runs[0].rglob("*.png"))) == 1


def test_mlflow_writes_a_folder(tmp_path, monkeypatch):
    pytest.importorskip("mlflow", reason="the extra [mlflow] is not installed")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with MLflowLogger(tmp_path / "m", config={"lr": 0.1}) as logger:
        for event in EVENTS:
            logger(event)
        logger.add_picture("maps", PICTURE, step=2)
        history = logger.client.get_metric_history(logger.run_id, "step/loss")
        run = logger.client.get_run(logger.run_id)
    assert [(metric.value, metric.step) for metric in history] == [(2.0, 1), (1.5, 2)]
    assert run.data.metrics["validation/mAP"] == 0.25
    assert run.data.params == {"lr": "0.1"}
    (picture,) = (tmp_path / "m").rglob("maps-2.png")
    np.testing.assert_array_equal(cv2.imread(str(picture))[..., ::-1], PICTURE)
