"""Engines of the user's own: subclasses of torchreid's `Engine` with a `forward_backward`."""

import csv
import json
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from videoreid import torchreid
from videoreid.engine import auto_precision, extract_features
from videoreid.errors import ConfigError
from videoreid.optim import build_lr_scheduler, build_optimizer
from videoreid.types import ReIDOutput


def manager(world):
    train, test = world.loader(batch_size=12), world.loader(world.Clips(5, 4))
    return SimpleNamespace(train_loader=train, test_loader={"tiny": {"query": test, "gallery": test}})


def logged(folder, epoch):
    """Return the means of an epoch from the log."""
    with (folder / "log.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["kind"] == "epoch" and row["epoch"] == str(epoch)]
    return {row["name"]: float(row["value"]) for row in rows}


def network(world, seed=0, loss="softmax"):
    torch.manual_seed(seed)
    model = world.Net()
    model.loss = loss
    return model


class SoftmaxEngine(torchreid.engine.Engine):
    """As torchreid's users write one."""

    def __init__(self, datamanager, model, optimizer, scheduler=None, use_gpu=True):
        super().__init__(datamanager, use_gpu)
        self.model = model
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.register_model("model", model, optimizer, scheduler)
        self.criterion = torchreid.losses.CrossEntropyLoss(num_classes=6, use_gpu=self.use_gpu)
        self.batches = []

    def forward_backward(self, data):
        imgs, pids = self.parse_data_for_train(data)
        if self.use_gpu:
            imgs, pids = imgs.cuda(), pids.cuda()
        outputs = self.model(imgs)
        loss = self.compute_loss(self.criterion, outputs, pids)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.batches.append((self.epoch, self.batch_idx, data))
        return {"loss": loss.item(), "acc": torchreid.metrics.accuracy(outputs, pids)[0].item()}


def softmax_engine(world, kind=SoftmaxEngine, rate=0.01):
    model = network(world)
    optimizer = build_optimizer(model, "adam", rate)
    return kind(manager(world), model, optimizer, build_lr_scheduler(optimizer, stepsize=2, gamma=0.1))


def test_a_step_of_its_own_decides_the_precision_itself(world, tmp_path, monkeypatch):
    monkeypatch.setattr(auto_precision, "has_native_bfloat16", lambda device: True)
    monkeypatch.setattr(auto_precision, "FEWEST_BATCHES", 1)
    softmax_engine(world).run(tmp_path, max_epoch=1)
    assert json.loads((tmp_path / "run.json").read_text())["settings"]["precision"] == "float32"


def test_every_batch_of_every_epoch_is_handed_over(world, tmp_path):
    engine = softmax_engine(world)
    rankings = engine.run(tmp_path, max_epoch=3, print_freq=1)
    assert [(epoch, number) for epoch, number, _ in engine.batches] == [
        (e, b) for e in range(3) for b in (0, 1)
    ]
    assert (engine.max_epoch, engine.num_batches) == (3, 2)
    data = engine.batches[0][2]
    clip = next(iter(engine.datamanager.train_loader))
    mean, std = torch.tensor(world.MEAN).view(3, 1, 1), torch.tensor(world.STD).view(3, 1, 1)
    assert torch.allclose(data["img"], (clip.frames / 255 - mean) / std, atol=1e-6)
    assert torch.equal(data["pid"], clip.pid)
    assert torch.equal(data["camid"], clip.camid)
    assert data["impath"] == [f"/frames/{number}.jpg" for number in range(12)]
    assert rankings["tiny"].mean_average_precision > 0.5
    assert {"loss", "acc", "lr"} <= set(logged(tmp_path, epoch=1))
    assert engine.get_current_lr() == pytest.approx(0.001)  # one step of the schedule in three epochs


def test_it_trains_as_the_engine_with_a_criterion_does(world, tmp_path):
    own = softmax_engine(world)
    own.run(tmp_path / "own", max_epoch=3)
    model = network(world)
    optimizer = build_optimizer(model, "adam", 0.01)
    scheduler = build_lr_scheduler(optimizer, stepsize=2, gamma=0.1)
    ours = torchreid.engine.VideoSoftmaxEngine(manager(world), model, optimizer, scheduler=scheduler)
    ours.run(tmp_path / "ours", max_epoch=3)
    assert torch.allclose(own.model.body.weight, model.body.weight, atol=1e-5)
    assert not torch.allclose(own.model.body.weight, network(world).body.weight, atol=1e-3)


def test_it_resumes_exactly(world, tmp_path):
    whole, first, second = (softmax_engine(world) for _ in range(3))
    whole.run(tmp_path / "whole", max_epoch=4)
    first.run(tmp_path / "parts", max_epoch=2)
    second.run(tmp_path / "parts", max_epoch=4, resume="auto")
    assert [epoch for epoch, *_ in second.batches] == [2, 2, 3, 3]
    assert torch.equal(second.model.body.weight, whole.model.body.weight)
    assert second.get_current_lr() == whole.get_current_lr() == pytest.approx(0.0001)


class MutualEngine(torchreid.engine.Engine):
    """Two networks that learn from one another; both are scored together."""

    def __init__(self, datamanager, models, optimizers):
        super().__init__(datamanager)
        self.model1, self.model2 = models
        self.optimizer1, self.optimizer2 = optimizers
        self.register_model("model1", self.model1, self.optimizer1)
        self.register_model("model2", self.model2, self.optimizer2)
        self.criterion_t = torchreid.losses.TripletLoss(margin=0.3)
        self.centers = nn.Linear(3, 2)
        self.extracted = []

    def forward_backward(self, data):
        imgs, pids = self.parse_data_for_train(data)
        (logits1, features1), (logits2, features2) = self.model1(imgs), self.model2(imgs)
        likeness = F.kl_div(logits2.log_softmax(1), logits1.softmax(1).detach(), reduction="batchmean")
        loss1 = F.cross_entropy(logits1, pids) + self.compute_loss(self.criterion_t, features1, pids)
        loss2 = (
            F.cross_entropy(logits2, pids) + self.compute_loss(self.criterion_t, features2, pids) + likeness
        )
        for loss, optimizer in ((loss1, self.optimizer1), (loss2, self.optimizer2)):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return {"loss1": loss1, "loss2": loss2.item(), "acc": 50.0}

    def extract_features(self, input):
        assert not self.model1.training
        assert not self.model2.training
        self.extracted.append(input.dtype)
        return torch.cat([self.model1(input), self.model2(input)], 1)


def mutual_engine(world):
    models = network(world, 1, "triplet"), network(world, 2, "triplet")
    return MutualEngine(manager(world), models, [build_optimizer(model, "adam", 0.01) for model in models])


def test_several_networks(world, tmp_path):
    engine = mutual_engine(world)
    before = [model.body.weight.detach().clone() for model in (engine.model1, engine.model2)]
    engine.run(tmp_path, max_epoch=2, eval_freq=1)
    for model, weight in zip((engine.model1, engine.model2), before, strict=True):
        assert not torch.equal(model.body.weight, weight)
    query, _ = engine._features["tiny"]
    loader = engine.datamanager.test_loader["tiny"]["query"]
    parts = [extract_features(model, loader, progress=False) for model in (engine.model1, engine.model2)]
    assert query.embeddings.shape == (20, 16)
    assert torch.equal(query.embeddings, torch.cat([part.embeddings for part in parts], 1))
    assert set(engine.extracted) == {torch.float32}
    values = logged(tmp_path, epoch=1)
    assert values["loss"] == pytest.approx(values["loss1"] + values["loss2"], rel=1e-4)
    assert values["acc"] == 50.0
    state = torch.load(next(tmp_path.glob("checkpoint-*.pt")), weights_only=True)
    assert {name.split(".")[0] for name in state["state_dict"]} == {"model1", "model2"}
    assert set(state["criterion"]) == {"centers.weight", "centers.bias"}
    assert len(state["optimizers"]) == 2


def test_fixbase_trains_the_open_layers_of_every_network(world, tmp_path):
    engine = mutual_engine(world)
    bodies = [model.body.weight.detach().clone() for model in (engine.model1, engine.model2)]
    heads = [model.classifier.weight.detach().clone() for model in (engine.model1, engine.model2)]
    engine.run(tmp_path, max_epoch=1, fixbase_epoch=1, open_layers=["classifier"])
    for model, body, head in zip((engine.model1, engine.model2), bodies, heads, strict=True):
        assert torch.equal(model.body.weight, body)
        assert not torch.equal(model.classifier.weight, head)


def test_overridden_methods_are_called(world, tmp_path):
    calls = []

    class Telling(SoftmaxEngine):
        def update_lr(self, names=None):
            calls.append(("update_lr", self.epoch))
            super().update_lr(names)

        def two_stepped_transfer_learning(self, epoch, fixbase_epoch, open_layers, model=None):
            calls.append(("two_stepped", epoch, fixbase_epoch))
            super().two_stepped_transfer_learning(epoch, fixbase_epoch, open_layers, model)

        def parse_data_for_eval(self, data):
            calls.append(("parse", tuple(data["img"].shape[1:])))
            return super().parse_data_for_eval(data)

    softmax_engine(world, Telling).run(tmp_path, max_epoch=2)
    steps = [call for call in calls if call[0] != "parse"]
    assert steps == [
        ("two_stepped", 0, 0),
        ("update_lr", 0),
        ("two_stepped", 1, 0),
        ("update_lr", 1),
    ]
    assert ("parse", (2, 3, 8, 4)) in calls


def test_a_subclass_of_a_ready_engine_trains_by_its_own_step(world, tmp_path):
    class Louder(torchreid.engine.ImageTripletEngine):
        calls = 0

        def forward_backward(self, data):
            imgs, pids = self.parse_data_for_train(data)
            logits, features = self.model(imgs)
            loss = self.weight_x * self.compute_loss(self.criterion_x, logits, pids)
            loss = loss + self.weight_t * self.compute_loss(self.criterion_t, features, pids)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            Louder.calls += 1
            return {"loss": loss.item()}

    model = network(world, loss="triplet")
    engine = Louder(manager(world), model, build_optimizer(model, "adam", 0.01), weight_t=0.5)
    assert isinstance(engine, torchreid.engine.Engine)
    engine.run(tmp_path, max_epoch=2)
    assert Louder.calls == 4


def test_outside_a_step_networks_return_all_their_heads(world, tmp_path):
    engine = softmax_engine(world)
    engine.run(tmp_path, max_epoch=1)
    engine.set_model_mode("train")
    output = engine.model(torch.zeros(2, 2, 3, 8, 4))
    assert isinstance(output, ReIDOutput)


def test_registered_networks_and_their_files(world, tmp_path):
    engine = mutual_engine(world)
    assert engine.get_model_names() == ["model1", "model2"]
    assert engine.get_model_names("model2") == ["model2"]
    assert engine.model is engine.model1
    assert engine.get_current_lr("model2") == 0.01
    engine.set_model_mode("eval", "model1")
    assert (engine.model1.training, engine.model2.training) == (False, True)
    paths = engine.save_model(4, 0.5, tmp_path, is_best=True)
    assert paths == [tmp_path / name / "model.pth.tar-5" for name in ("model1", "model2")]
    fresh = network(world, 7)
    optimizer = build_optimizer(fresh, "adam", 0.5)
    assert torchreid.utils.resume_from_checkpoint(paths[1], fresh, optimizer) == 5
    assert torch.equal(fresh.body.weight, engine.model2.body.weight)
    assert optimizer.param_groups[0]["lr"] == 0.01
    assert (tmp_path / "model1" / "model-best.pth.tar").is_file()


def test_errors(world, tmp_path):
    class Silent(SoftmaxEngine):
        def forward_backward(self, data):
            del data

    class Nothing(torchreid.engine.Engine):
        pass

    with pytest.raises(ConfigError, match=r"Nothing has nothing to train: call self\.register_model"):
        Nothing(manager(world)).run(tmp_path / "a", max_epoch=1)
    with pytest.raises(ConfigError, match="Nothing has no network"):
        Nothing(manager(world)).run(tmp_path / "b", test_only=True)
    bare = Nothing(manager(world))
    model = network(world)
    bare.register_model("model", model, build_optimizer(model))
    with pytest.raises(ConfigError, match=r"Nothing has no forward_backward: write"):
        bare.run(tmp_path / "c", max_epoch=1)
    with pytest.raises(ConfigError, match="'model' is registered already"):
        bare.register_model("model", model)
    with pytest.raises(ConfigError, match="needs a network, got NoneType"):
        bare.register_model("other")
    with pytest.raises(ConfigError, match=r"no model 'other' is registered; there is: model"):
        bare.get_model_names("other")
    with pytest.raises(ConfigError, match="unknown mode 'fast'"):
        bare.set_model_mode("fast")
    with pytest.raises(ConfigError, match=r"forward_backward returned None: return numbers by name"):
        softmax_engine(world, Silent).run(tmp_path / "d", max_epoch=1)
    with pytest.raises(ConfigError, match=r"SoftmaxEngine\.forward_backward decides it"):
        softmax_engine(world).run(tmp_path / "e", max_epoch=1, precision="bfloat16")
