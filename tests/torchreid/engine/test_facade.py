"""torchreid's engines: their keywords, their schedule of tests, their errors."""

import logging
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from videoreid.engine import extract_features
from videoreid.errors import ConfigError, ProtocolError
from videoreid.functional import pairwise_distance
from videoreid.metrics import evaluate_rank, get_protocol, list_protocols, re_ranking
from videoreid.optim import build_lr_scheduler, build_optimizer
from videoreid.torchreid.engine import (
    ImageSoftmaxEngine,
    ImageTripletEngine,
    VideoSoftmaxEngine,
    VideoTripletEngine,
)
from videoreid.torchreid.engine.facade import Scoring
from videoreid.torchreid.models import build_model


def manager(world):
    train, test = world.loader(batch_size=12), world.loader(world.Clips(5, 4))
    return SimpleNamespace(train_loader=train, test_loader={"tiny": {"query": test, "gallery": test}})


def with_chance_labels(world):
    """Return clips whose people were drawn by lot, so that no score is perfect."""
    data = world.Clips(5, 4)
    clips = [data[i] for i in range(len(data))]
    people = np.random.default_rng(0).integers(0, 4, len(data)).tolist()
    tracklets = [replace(t, pid=p) for t, p in zip(data.tracklets, people, strict=True)]

    class Relabelled(list):
        pass

    relabelled = Relabelled(clips)
    relabelled.tracklets = tracklets
    return world.loader(relabelled)


def make(world, engine=ImageSoftmaxEngine, **options):
    torch.manual_seed(0)
    model = world.Net()
    optimizer = build_optimizer(model, "adam", 0.01)
    return engine(
        manager(world), model, optimizer, scheduler=build_lr_scheduler(optimizer, stepsize=20), **options
    )


@pytest.mark.parametrize(
    "engine", [ImageSoftmaxEngine, ImageTripletEngine, VideoSoftmaxEngine, VideoTripletEngine]
)
def test_run_trains_tests_and_saves(world, engine, tmp_path, caplog):
    subject = make(world, engine)
    with caplog.at_level(logging.INFO, "videoreid"):
        rankings = subject.run(
            save_dir=tmp_path, max_epoch=3, eval_freq=1, print_freq=2, start_eval=2, ranks=[1, 3]
        )
    assert rankings["tiny"].mean_average_precision > 0.5
    text = caplog.text
    assert text.count("Rank-3") == 2  # after epochs 2 and 3
    assert "protocol cross_camera" in text
    assert text.count("step: epoch") == 3  # 6 updates, every second one
    assert {path.name for path in tmp_path.iterdir()} >= {"best.pt", "log.csv", "checkpoint-00000006.pt"}
    names = {"loss", "softmax"} | ({"triplet"} if "Triplet" in engine.__name__ else set())
    assert all(f"{name} " in text for name in names)


def test_weights_of_the_terms_and_smoothing(world):
    engine = make(world, VideoTripletEngine, margin=0.5, weight_t=0.25, weight_x=2.0, label_smooth=False)
    assert engine.criterion.weights == {"softmax": 2.0, "triplet": 0.25}
    assert engine.criterion.terms["softmax"].loss.label_smoothing == 0.0
    assert engine.criterion.terms["triplet"].loss.margin == 0.5
    assert list(make(world, ImageTripletEngine, weight_x=0).criterion.weights) == ["triplet"]


def test_fixbase_trains_the_open_layers_only(world, tmp_path):
    subject = make(world)
    body = subject.model.body.weight.detach().clone()
    classifier = subject.model.classifier.weight.detach().clone()
    subject.run(tmp_path, max_epoch=1, fixbase_epoch=1, open_layers="classifier")
    assert torch.equal(subject.model.body.weight, body)
    assert not torch.equal(subject.model.classifier.weight, classifier)


def test_test_only_with_every_metric(world, tmp_path):
    subject = make(world)
    loader = with_chance_labels(world)
    subject.datamanager.test_loader["tiny"] = {"query": loader, "gallery": loader}
    features = extract_features(subject.model, loader, progress=False)
    ids = (features.pids, features.pids, features.camids, features.camids)
    for metric, ours in (("euclidean", "squared_euclidean"), ("cosine", "cosine")):
        ranking = subject.run(tmp_path, test_only=True, dist_metric=metric)["tiny"]
        distances = pairwise_distance(features.embeddings, features.embeddings, ours).numpy()
        cmc, mean = evaluate_rank(distances, *ids)
        assert ranking.mean_average_precision == pytest.approx(mean)
        assert ranking.rank(1) == pytest.approx(cmc[0])
        again = subject.run(tmp_path, test_only=True, dist_metric=metric, rerank=True)["tiny"]
        expected = evaluate_rank(re_ranking(distances, distances, distances), *ids)[1]
        assert again.mean_average_precision == pytest.approx(expected, abs=1e-6)
        assert 0.2 < mean < 0.9
    normalised = subject.run(tmp_path, test_only=True, normalize_feature=True)["tiny"]
    cosine = subject.run(tmp_path, test_only=True, dist_metric="cosine")["tiny"]
    assert normalised.mean_average_precision == pytest.approx(cosine.mean_average_precision)
    assert "features normalised" in normalised.protocol_line
    assert (
        subject.test(tmp_path, Scoring(use_metric_cuhk03=True))["tiny"].protocol.name == "single_gallery_shot"
    )
    assert not list(tmp_path.glob("checkpoint*"))


def test_start_epoch_skips_what_is_done(world, tmp_path):
    subject = make(world)
    subject.run(tmp_path, max_epoch=3, start_epoch=2)
    assert [path.name for path in tmp_path.glob("checkpoint*")] == ["checkpoint-00000002.pt"]


def test_nothing_is_lost_where_the_default_folder_is_used_twice(world, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make(world).run(max_epoch=4, eval_freq=1)

    def content(folder):
        return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    old = content(tmp_path / "log")
    make(world).run(max_epoch=1)
    assert content(tmp_path / "log" / "run-1") == old
    assert {name for name in old if not name.startswith(".")} == {
        *("best.pt", "checkpoint-00000006.pt", "checkpoint-00000008.pt", "log.csv", "run.json"),
        *("ranking.npz", "tracklets.json.gz", "metrics.json"),
    }
    make(world).run(max_epoch=3, start_epoch=2)  # continued by hand: a run of its own
    assert [path.name for path in (tmp_path / "log").glob("checkpoint*")] == ["checkpoint-00000002.pt"]


def test_run_resumes(world, tmp_path):
    whole, first, second = make(world), make(world), make(world)
    whole.run(tmp_path / "whole", max_epoch=3)
    first.run(tmp_path / "parts", max_epoch=2)
    second.run(tmp_path / "parts", max_epoch=3, resume="auto")
    assert torch.equal(second.model.body.weight, whole.model.body.weight)
    assert not torch.equal(first.model.body.weight, whole.model.body.weight)


def test_one_camera_is_refused_before_training(world, tmp_path):
    subject = make(world)
    data = world.Clips(5, 4)
    data.tracklets = [replace(tracklet, camid=0) for tracklet in data.tracklets]
    one_camera = world.loader(data)
    subject.datamanager.test_loader["tiny"] = {"query": one_camera, "gallery": one_camera}
    before = subject.model.body.weight.detach().clone()
    with pytest.raises(
        ProtocolError, match=r"target 'tiny'.*share 5 people and are from 1 camera.*'any_camera'"
    ):
        subject.run(tmp_path, max_epoch=1)
    assert torch.equal(subject.model.body.weight, before)
    assert not list(tmp_path.iterdir())
    subject.datamanager.test_splits = {"tiny": SimpleNamespace(protocol="any_camera")}
    assert subject.run(tmp_path, max_epoch=1)["tiny"].mean_average_precision > 0


@pytest.mark.parametrize("targets", [{}, {"tiny": {"query": [], "gallery": []}}, None])
def test_training_without_query_or_gallery(world, tmp_path, targets, caplog):
    subject = make(world)
    subject.datamanager.test_loader = targets
    with caplog.at_level(logging.WARNING, "videoreid"):
        assert subject.run(tmp_path, max_epoch=1, eval_freq=1) == {}
    assert "the model is trained and not tested" in caplog.text
    assert (tmp_path / "checkpoint-00000002.pt").exists()
    with pytest.raises(ConfigError, match="nothing to test on"):
        subject.run(tmp_path, test_only=True)


def test_a_target_without_queries_is_left_out(world, tmp_path, caplog):
    subject = make(world)
    subject.datamanager.test_loader["empty"] = {"query": [], "gallery": world.loader()}
    with caplog.at_level(logging.WARNING, "videoreid"):
        assert list(subject.run(tmp_path, max_epoch=1)) == ["tiny"]
    assert "in empty: the other targets are tested" in caplog.text


def test_a_parallel_wrapper_is_taken_off(world):
    model = world.Net()
    engine = ImageSoftmaxEngine(manager(world), nn.DataParallel(model), build_optimizer(model), use_gpu=False)
    assert engine.model is model


def test_pooling_belongs_to_the_network(world):
    for temporal, method in (("average", "avg"), ("max", "max")):
        model = build_model("osnet_x0_25", 3, temporal=temporal, loss="softmax", use_gpu=False)
        VideoSoftmaxEngine(manager(world), model, build_optimizer(model), pooling_method=method)
        other = {"avg": "max", "max": "avg"}[method]
        with pytest.raises(ConfigError, match="belongs to the network"):
            VideoTripletEngine(manager(world), model, build_optimizer(model), pooling_method=other)
    with pytest.raises(ConfigError, match="unknown pooling_method 'sum'"):
        make(world, VideoSoftmaxEngine, pooling_method="sum")


def test_errors(world, tmp_path):
    subject = make(world)
    with pytest.raises(ConfigError, match="there is no epoch to train"):
        subject.run(tmp_path)
    with pytest.raises(ConfigError, match="set test_only=True as well"):
        subject.run(tmp_path, max_epoch=1, visrank=True)
    with pytest.raises(ConfigError, match=r"does not know a keyword.*rernak"):
        subject.run(tmp_path, max_epoch=1, rernak=True)
    with pytest.raises(ConfigError, match="has no layer fc"):
        subject.run(tmp_path, max_epoch=1, fixbase_epoch=1, open_layers=["fc"])


WITHOUT_CLOTHES = [name for name in list_protocols() if get_protocol(name).clothes == "any"]


@pytest.mark.parametrize("protocol", WITHOUT_CLOTHES)
def test_visrank_draws_the_tracklets_that_were_ranked(world, tmp_path, protocol):
    """Also where the protocol puts the queries into the gallery."""
    data = world.Clips(5, 4)
    clips = [data[i] for i in range(len(data))]
    asked: list[str] = []

    def read(keys):
        asked.extend(keys)
        return [np.full((8, 4, 3), 128, np.uint8) for _ in keys]

    class Part(list):
        reader = SimpleNamespace(read=read)

        def __init__(self, rows):
            super().__init__(clips[i]._replace(index=torch.tensor(n)) for n, i in enumerate(rows))
            self.tracklets = [data.tracklets[i] for i in rows]

    parts = {"query": Part(range(10)), "gallery": Part(range(10, 20))}
    subject = make(world)
    subject.datamanager.test_loader["tiny"] = {name: world.loader(part) for name, part in parts.items()}
    subject.datamanager.test_splits = {"tiny": SimpleNamespace(protocol=protocol)}
    ranking = subject.run(tmp_path, test_only=True, visrank=True, visrank_topk=4)["tiny"]
    assert ranking.protocol.name == protocol
    drawn = sorted(path.name for path in (tmp_path / "visrank_tiny").iterdir())
    names = [f"{n:04d}_pid{t.pid}_cam{t.camid}.png" for n, t in enumerate(parts["query"].tracklets)]
    assert drawn == names
    searched = [*parts["gallery"].tracklets]
    searched += parts["query"].tracklets if ranking.protocol.queries_in_gallery else []
    expected = []
    for tracklet, line in zip(parts["query"].tracklets, ranking.top_indices, strict=True):
        expected += [tracklet.frames[0], *(searched[row].frames[0] for row in line if row >= 0)]
    assert asked == expected
    found = np.array([t.pid for t in searched])[ranking.top_indices] == [
        [t.pid] for t in parts["query"].tracklets
    ]
    np.testing.assert_array_equal(found & (ranking.top_indices >= 0), ranking.top_matches)


def test_use_metric_cuhk03_has_torchreids_mean_ap(world, tmp_path):
    subject = make(world)
    loader = with_chance_labels(world)
    subject.datamanager.test_loader["tiny"] = {"query": loader, "gallery": loader}
    single = subject.run(tmp_path, test_only=True, use_metric_cuhk03=True)["tiny"]
    plain = subject.run(tmp_path, test_only=True)["tiny"]
    assert single.mean_average_precision == plain.mean_average_precision
    assert single.rank(1) != plain.rank(1)
