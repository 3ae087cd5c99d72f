"""A run folder is read as it was written: record, history, rankings, features, frames; and refused when it is not."""

import json
import math
from dataclasses import asdict

import numpy as np
import pytest
import torch

from videoreid.engine import CSVLogger, Engine, RunFolder, TrainSettings, read_evaluation, save_evaluation
from videoreid.errors import CheckpointError, ConfigError, DatasetError, StorageError
from videoreid.losses import SoftmaxCriterion
from videoreid.metrics import evaluate_features
from videoreid.optim import build_optimizer
from videoreid.types import Features, Tracklet


def sides():
    rng = np.random.default_rng(0)
    found = []
    for repeats in (2, 3):
        pids = np.repeat(np.arange(5), repeats)
        found.append(
            Features(
                torch.from_numpy(rng.normal(size=(len(pids), 4))).float(), pids, np.tile(range(repeats), 5)
            )
        )
    return found


def train(world, folder, epochs=2, **options):
    torch.manual_seed(0)
    model = world.Net()
    settings = TrainSettings()
    engine = Engine(
        model, SoftmaxCriterion(), build_optimizer(model, "sgd", 0.05), settings=settings, device="cpu"
    )
    scores = iter([{"mAP": 0.25}, {"mAP": math.nan}, {"mAP": 0.5}])
    rows = engine.fit(
        world.loader(), epochs, output_dir=folder, progress=False, validate=lambda: next(scores), **options
    )
    return engine, rows


def test_a_training_leaves_its_history_and_what_it_ran_on(world, tmp_path):
    _, rows = train(world, tmp_path / "run", callbacks=[CSVLogger(tmp_path / "run" / "log.csv")])
    run = RunFolder.open(tmp_path / "run")
    assert run.name == "run"
    assert [path.name for path in run.checkpoints] == ["checkpoint-00000004.pt", "checkpoint-00000008.pt"]
    assert [list(row) for row in run.history] == [list(row) for row in rows]
    assert run.history[0] == rows[0]
    assert math.isnan(run.history[1]["mAP"])
    assert run.record["model"] == "Net"
    assert run.record["format"] == 1
    (session,) = run.record["sessions"]
    assert session["device"].startswith("cpu")
    assert session["versions"]["torch"] == torch.__version__
    assert run.seconds > 0
    assert run.evaluation_names == ()
    with pytest.raises(DatasetError, match="holds no evaluation: score the run with"):
        run.evaluation()
    json.loads((tmp_path / "run" / "run.json").read_text(), parse_constant=lambda _: pytest.fail("not JSON"))


def test_a_resumed_training_has_two_sessions_and_keeps_its_evaluation(world, tmp_path):
    engine, _ = train(world, tmp_path, epochs=1)
    engine.evaluate(
        world.loader(), world.loader(), output_dir=tmp_path, protocol="any_camera", progress=False
    )
    before = RunFolder.open(tmp_path)
    again, _ = train(world, tmp_path, epochs=2, resume="auto")
    run = RunFolder.open(tmp_path)
    assert [session["from_step"] for session in run.record["sessions"]] == [0, 4]
    assert run.record["run"] == before.record["run"] == again.run_id
    assert run.evaluation_names == ("test",)
    assert len(run.history) == 2
    train(world, tmp_path, epochs=1)  # another run: everything of the first goes aside
    assert RunFolder.open(tmp_path).evaluation_names == ()
    assert RunFolder.open(tmp_path / "run-1").evaluation_names == ("test",)


def test_the_engine_stores_what_it_scores(world, tmp_path):
    engine, _ = train(world, None, epochs=1)
    options = {"protocol": "cross_camera", "dataset": "tiny", "progress": False}
    plain = engine.evaluate(world.loader(), world.loader(), **options)
    for name, keep in (("small", False), ("whole", True)):
        engine.evaluate(
            world.loader(), world.loader(), output_dir=tmp_path, name=name, save_features=keep, **options
        )
    run = RunFolder.open(tmp_path)
    assert run.evaluation_names == ("small", "whole")
    small, whole = (run.evaluation(name) for name in run.evaluation_names)
    assert small.features() is None
    assert whole.features().query.embeddings.shape == (24, 8)
    assert np.array_equal(whole.ranking.average_precision, plain.average_precision)
    assert whole.query_lengths.tolist() == [1] * 24
    assert whole.tracklets().query[3].frames == ["/frames/3.jpg"]
    assert run.record["evaluations"]["whole"]["model"] == "Net"
    with pytest.raises(DatasetError, match="holds no evaluation 'other'; it has small, whole"):
        run.evaluation("other")


@pytest.mark.parametrize("protocol", ["cross_camera", "mars_official", "single_gallery_shot"])
def test_a_ranking_comes_back_as_it_was(tmp_path, protocol):
    folder = tmp_path / "run"
    query, gallery = sides()
    ranking = evaluate_features(query, gallery, protocol=protocol, dataset="fünf <b>")
    frames = [f"{folder}/crops/{i}.png" for i in range(40)]
    asked = [
        Tracklet(frames, int(p), int(c), 3.0, clothes=2)
        for p, c in zip(query.pids, query.camids, strict=True)
    ]
    odd = ["elsewhere/'\"<b>ü.png"]
    found = [Tracklet(odd, int(p), int(c)) for p, c in zip(gallery.pids, gallery.camids, strict=True)]
    place = save_evaluation(
        folder, ranking, query=query, gallery=gallery, tracklets=(asked, found), features=True
    )
    moved = folder.rename(tmp_path / "moved")
    stored = read_evaluation(moved / place.relative_to(folder))
    for name, value in vars(ranking).items():
        other = getattr(stored.ranking, name)
        if isinstance(value, np.ndarray):
            assert np.array_equal(value, other, equal_nan=value.dtype.kind == "f")
            assert value.dtype == other.dtype
    assert asdict(stored.ranking.protocol) == asdict(ranking.protocol)
    assert stored.ranking.protocol == ranking.protocol
    assert stored.ranking.summary() == ranking.summary()
    assert np.array_equal(stored.ranking.gallery.pids, ranking.gallery.pids)
    assert stored.ranking.gallery.query_start == ranking.gallery.query_start
    back = stored.tracklets()
    assert stored.query_lengths.tolist() == [40] * len(query)
    assert len(back.query[0].frames) == 16
    assert back.query[0].frames[-1] == f"{moved}/crops/39.png", "frames in the run folder move with it"
    assert back.gallery[0].frames == odd
    assert math.isnan(back.gallery[0].time)
    assert back.query[0].clothes == 2
    assert stored.ranking.searched(back.query, back.gallery) is not None
    assert torch.equal(stored.features().gallery.embeddings, gallery.embeddings)


def test_features_elsewhere_are_named(tmp_path):
    query, gallery = sides()
    ranking = evaluate_features(query, gallery)
    first = save_evaluation(tmp_path / "a", ranking, query=query, gallery=gallery, features=True)
    save_evaluation(
        tmp_path / "a", ranking, query=query, gallery=gallery, name="b", features=first / "features.h5"
    )
    save_evaluation(tmp_path / "c", ranking, query=query, gallery=gallery, features=first / "features.h5")
    (tmp_path / "a").rename(tmp_path / "moved")
    assert RunFolder.open(tmp_path / "moved").evaluation("b").features() is not None
    with pytest.raises(DatasetError, match="no feature file"):
        RunFolder.open(tmp_path / "c").evaluation().features()


def test_what_is_no_run_folder_is_refused(tmp_path, world):
    with pytest.raises(DatasetError, match=r"is not a run folder: it has no run.json"):
        RunFolder.open(tmp_path)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(DatasetError, match="cannot be read"):
        RunFolder.open(tmp_path)
    (tmp_path / "run.json").write_text("[1]")
    with pytest.raises(DatasetError, match="cannot be read"):
        RunFolder.open(tmp_path)
    (tmp_path / "run.json").write_text('{"format": 2, "run": "x"}')
    with pytest.raises(
        DatasetError, match="of layout 2; this version reads layouts up to 1: update videoreid"
    ):
        RunFolder.open(tmp_path)
    with pytest.raises(CheckpointError, match="has layout 2; this version reads layouts up to 1"):
        train(world, tmp_path, resume="auto")


def test_a_damaged_or_newer_evaluation_is_refused(tmp_path):
    query, gallery = sides()
    place = save_evaluation(tmp_path, evaluate_features(query, gallery), query=query, gallery=gallery)
    path = place / "ranking.npz"
    whole = path.read_bytes()
    for cut in (0, 10, len(whole) // 2, len(whole) - 3):
        path.write_bytes(whole[:cut])
        with pytest.raises(DatasetError, match="it is damaged; evaluate again"):
            read_evaluation(place)
    path.write_bytes(whole)
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    about = json.loads(str(arrays["about"]))
    arrays["about"] = np.array(json.dumps({**about, "format": 2}))
    np.savez(path, **arrays)
    with pytest.raises(DatasetError, match="evaluation of layout 2; this version reads layouts up to 1"):
        read_evaluation(place)
    path.unlink()
    with pytest.raises(DatasetError, match=r"holds no ranking.npz"):
        read_evaluation(place)


def test_bad_names_and_folders(tmp_path):
    query, gallery = sides()
    ranking = evaluate_features(query, gallery)
    for name in ("../up", "", "a/b", ".."):
        with pytest.raises(ConfigError, match="cannot name an evaluation"):
            save_evaluation(tmp_path, ranking, query=query, gallery=gallery, name=name)
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write"):
        save_evaluation(tmp_path / "file", ranking, query=query, gallery=gallery)


def test_a_lost_record_is_written_with_the_name_that_the_checkpoints_have(world, tmp_path):
    first, _ = train(world, tmp_path, epochs=1)
    (tmp_path / "run.json").unlink()
    again, _ = train(world, tmp_path, epochs=2, resume="auto")
    assert RunFolder.open(tmp_path).record["run"] == again.run_id == first.run_id

    def lose(event):
        if event.kind == "step":
            (tmp_path / "run.json").unlink(missing_ok=True)

    third, _ = train(world, tmp_path, epochs=3, resume="auto", callbacks=[lose])
    assert RunFolder.open(tmp_path).record["run"] == third.run_id == first.run_id
