"""What a recipe builds: batches an epoch, rates, pieces of tracklets, erased frames, frames as samples."""

import math
import re
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from videoreid.data import PKSampler
from videoreid.errors import ConfigError, UnknownNameError
from videoreid.metrics import KReciprocal, evaluate_features
from videoreid.models import build_model
from videoreid.recipes import (
    FrameEngine,
    PublishedScore,
    RunOptions,
    build_criterion,
    build_engine,
    build_network,
    erase_frames,
    get_recipe,
    list_recipes,
    open_dataset,
    open_test,
    open_training,
    override,
    parse_settings,
    score_features,
)
from videoreid.types import Clip, Features, ReIDOutput, Splits, Tracklet


def test_streid_trains_on_every_image_of_market_in_an_epoch() -> None:
    recipe = get_recipe("streid_pcb").on("market1501")
    images = [Tracklet([f"{n}.jpg"], n % 751, n % 6) for n in range(12_936)]
    sampler = PKSampler(
        images, batch_size=recipe.batch_size, instances=recipe.instances, grouping=recipe.grouping
    )
    assert sampler.num_batches == 404
    epoch = [key.tracklet for key in sampler]
    assert len(set(epoch)) == len(epoch) == 404 * 32
    assert epoch != sorted(epoch)


def test_vpreid_has_its_batches_on_mars() -> None:
    recipe = get_recipe("vpreid_gcm").on("mars")
    tracklets = [Tracklet(["a.jpg"], pid, 0) for pid in range(20) for _ in range(4 + pid % 4)]
    sampler = PKSampler(tracklets, batch_size=32, instances=4, grouping=recipe.grouping)
    assert sampler.num_batches == 20 * 4 // 32


def small_engine(name: str, **settings: object) -> object:
    recipe = override(get_recipe(name), {"model.backbone": "resnet18", "pretrained": False, **settings})
    size = {"height": recipe.height, "width": recipe.width} if recipe.fixed_size else {}
    model = build_model(recipe.model, 5, **{**size, **recipe.model_options})
    return build_engine(recipe, model, 5, device="cpu")


def rates(engine: object, group: int, epochs: int) -> list[float]:
    found = []
    for _ in range(epochs):
        found.append(engine.optimizers[0].param_groups[group]["lr"])
        engine.optimizers[0].step()
        engine.scheduler.step()
    return found


def test_streid_has_two_rates_that_fall_at_epoch_40() -> None:
    engine = small_engine("streid_pcb")
    by_size = {len(group["params"]): group for group in engine.optimizers[0].param_groups}
    assert sorted(group["lr"] for group in by_size.values()) == pytest.approx([0.01, 0.1])
    heads = {id(parameter) for parameter in engine.model.heads.parameters()}
    for index, group in enumerate(engine.optimizers[0].param_groups):
        fast = {id(parameter) for parameter in group["params"]} <= heads
        assert group["lr"] == pytest.approx(0.1 if fast else 0.01)
        assert group["nesterov"]
        assert group["momentum"] == 0.9
        if fast:
            seen = rates(engine, index, 60)
    assert seen[:40] == pytest.approx([0.1] * 40)
    assert seen[40:] == pytest.approx([0.01] * 20)


def test_the_tricks_warm_up_and_move_their_centres() -> None:
    engine = small_engine("tricks_attention", height=32, width=32)
    main, centers = engine.optimizers
    assert (type(main).__name__, main.param_groups[0]["weight_decay"]) == ("Adam", 5e-4)
    assert (type(centers).__name__, centers.param_groups[0]["lr"]) == ("SGD", 0.5)
    assert list(engine.criterion.weights) == ["softmax", "triplet", "center", "osm", "attention"]
    assert engine.criterion.weights == {
        "softmax": 1.0, "triplet": 0.0, "center": 5e-4, "osm": 1.0, "attention": 1.0,
    }  # fmt: skip
    seen = rates(engine, 0, 71)
    assert [seen[epoch] for epoch in (0, 5, 10, 39)] == pytest.approx([3.5e-6, 1.7675e-4, 3.5e-4, 3.5e-4])
    assert [seen[epoch] for epoch in (40, 69, 70)] == pytest.approx([1.149e-4, 1.149e-4, 3.7715e-5], rel=1e-3)


@pytest.mark.parametrize("vectors", ["centers", "classifier"])
def test_osm_takes_its_vectors_from_where_it_is_published(vectors: str) -> None:
    recipe = replace(get_recipe("tricks_centers"), osm_vectors=vectors)
    torch.manual_seed(0)
    model = SimpleNamespace(classifier=torch.nn.Linear(6, 4, bias=False))
    criterion = build_criterion(recipe, model, 4, 6)
    features = torch.randn(8, 6, requires_grad=True)
    pids = torch.arange(8) % 4
    output = ReIDOutput(features, (model.classifier(features),), (features,))
    clip = Clip(torch.zeros(8), pids, pids, pids, pids)
    criterion(output, clip)["osm"].backward()
    touched = model.classifier.weight.grad is not None
    assert touched == (vectors == "classifier")


def test_pieces_of_tracklets_are_cut_as_published(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Splits("toy", (Tracklet([str(n) for n in range(200)], 0, 0),), protocol="prid2011")
    monkeypatch.setattr("videoreid.recipes.building.build_dataset", lambda name, root, **options: whole)
    recipe = get_recipe("vpreid_gcm")
    lengths = {
        name: [len(part) for part in open_dataset(recipe.on(name), name, None).train]
        for name in ("mars", "dukemtmcvidreid", "prid2011")
    }
    assert lengths == {"mars": [200], "dukemtmcvidreid": [64, 64, 72], "prid2011": [64, 64, 64, 64, 64, 40]}
    assert open_dataset(recipe.on("mars"), "mars", None).protocol == "mars_official"
    assert open_dataset(recipe.on("prid2011"), "prid2011", None).protocol == "prid2011"


def test_erased_rectangles_reach_every_border_and_are_said() -> None:
    frames = torch.ones(40, 4, 3, 12, 8)
    erased_frames, erased = erase_frames(frames, np.random.default_rng(0), share=0.5)
    hit = (erased_frames != 1).any(2)
    assert torch.equal(hit.flatten(2).any(2), erased)
    assert 0.35 < erased.float().mean() < 0.65
    places = hit.flatten(0, 1).any(0)
    assert places.all(), "every place of the frame is erased in some frame, the last row and column included"
    pixel = erased_frames[hit[:, :, None].expand_as(frames)].view(-1)
    assert {round(float(value), 3) for value in pixel.unique()} == {0.485, 0.456, 0.406}
    areas = hit.flatten(2).float().mean(2)[erased]
    assert areas.min() > 0.01
    assert areas.max() < 0.48  # 0.4, and what rounding adds on so small a frame
    again, _ = erase_frames(frames, np.random.default_rng(0), share=0.5)
    assert torch.equal(again, erased_frames)
    assert torch.equal(frames, torch.ones_like(frames))
    assert not erase_frames(frames, np.random.default_rng(0), share=0.0)[1].any()


def slow_erasing(
    frames: torch.Tensor, generator: np.random.Generator, share: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Erase as published, frame by frame and pixel by pixel."""
    frames, erased = frames.clone(), torch.zeros(frames.shape[:2], dtype=torch.bool)
    clips, length, _, height, width = frames.shape
    chances = generator.random((clips, length))
    for clip in range(clips):
        for frame in range(length):
            for _ in range(100 if chances[clip, frame] < share else 0):
                area = generator.uniform(0.02, 0.4) * height * width
                aspect = generator.uniform(0.3, 10 / 3)
                rows, columns = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
                if not 1 <= rows <= height - 1 or not 1 <= columns <= width - 1:
                    continue
                top, left = generator.integers(height - rows + 1), generator.integers(width - columns + 1)
                for row in range(top, top + rows):
                    for column in range(left, left + columns):
                        frames[clip, frame, :, row, column] = torch.tensor([0.485, 0.456, 0.406])
                erased[clip, frame] = True
                break
    return frames, erased


@pytest.mark.parametrize("size", [(12, 8), (3, 4), (4, 2), (40, 20), (2, 1), (1, 1)])
def test_erasing_equals_slow_loops(size: tuple[int, int]) -> None:
    frames = torch.ones(12, 4, 3, *size)
    ours, plain = np.random.default_rng(1), np.random.default_rng(1)
    found, erased = erase_frames(frames, ours)
    wanted, places = slow_erasing(frames, plain, 0.5)
    assert torch.equal(found, wanted)
    assert torch.equal(erased, places)
    assert ours.random() == plain.random(), "as many draws: a frame that nothing fits is given up after 100"


def test_frames_train_as_samples_of_their_own() -> None:
    seen = []
    engine = FrameEngine.__new__(FrameEngine)
    engine.forward = lambda clip: seen.append(clip)
    engine.losses = lambda output, clip: {"loss": clip.pid.float().mean()}
    pids = torch.tensor([7, 9])
    frames = torch.arange(2 * 3).view(2, 3, 1, 1, 1).expand(2, 3, 3, 4, 4)
    engine.step(Clip(frames, pids, pids, pids, pids))
    (clip,) = seen
    assert clip.frames.shape == (6, 1, 3, 4, 4)
    assert clip.frames[:, 0, 0, 0, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert clip.pid.tolist() == [7, 7, 7, 9, 9, 9]


def test_settings_are_read_and_checked() -> None:
    recipe = get_recipe("psta")
    settings = parse_settings(
        ["epochs=2", "milestones=[1, 3]", "margin=1", "model.backbone=resnet18", "dense_step=None"]
    )
    changed = override(recipe, settings)
    assert (changed.epochs, changed.milestones, changed.margin) == (2, (1, 3), 1.0)
    assert changed.model_options == {"backbone": "resnet18"}
    assert recipe.model_options == {}
    with pytest.raises(ConfigError, match="no setting 'epoch'; did you mean epochs"):
        override(recipe, {"epoch": 2})
    with pytest.raises(ConfigError, match=r"no setting 'name'"):
        override(recipe, {"name": "other"})
    with pytest.raises(ConfigError, match=r"epochs takes an integer, got 'two'"):
        override(recipe, {"epochs": "two"})
    with pytest.raises(ConfigError, match=r"epochs takes an integer, got True"):
        override(recipe, {"epochs": True})
    with pytest.raises(ConfigError, match=r"heads takes 'mean' or 'sum', got 'max'"):
        override(recipe, {"heads": "max"})
    with pytest.raises(ConfigError, match=r"milestones takes a tuple of an integer, got \('a',\)"):
        override(recipe, {"milestones": ["a"]})
    with pytest.raises(ConfigError, match=r"is not key=value"):
        parse_settings(["epochs"])


def test_close_names_are_suggested_and_no_more_than_three() -> None:
    words = "did you mean test_batch_size or test_sampling or fixed_size?"
    with pytest.raises(ConfigError, match=rf"no setting 'test_size'; {re.escape(words)}"):
        override(get_recipe("psta"), {"test_size": 2})
    assert override(get_recipe("tricks_bot"), {"beta": 1}).beta == 1, "a share may be a whole number"
    with pytest.raises(ConfigError, match="milestones takes a tuple of an integer, got 3"):
        override(get_recipe("psta"), {"milestones": 3})


def test_weights_take_the_place_of_pretrained_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, loaded = [], []
    monkeypatch.setattr(
        "videoreid.recipes.building.build_model", lambda name, num_classes, **options: asked.append(options)
    )
    monkeypatch.setattr("videoreid.recipes.building.load_weights", lambda model, path: loaded.append(path))
    psta = get_recipe("psta")
    build_network(psta, 5)
    build_network(psta, 5, weights="mine.pt")
    build_network(override(get_recipe("temporal_pooling"), {"pretrained": "imagenet"}), 5)
    assert [options["pretrained"] for options in asked] == [True, False, "imagenet"]
    assert loaded == ["mine.pt"]
    assert {key: asked[0][key] for key in ("height", "width")} == {"height": 256, "width": 128}
    assert "height" not in asked[2], "this network takes frames of any size"


def test_loaders_take_what_the_recipe_says() -> None:
    tracklets = [Tracklet([f"{n}.jpg" for n in range(9)], pid, 0) for pid in range(4) for _ in range(2)]
    recipe = override(get_recipe("psta"), {"batch_size": 8, "instances": 2, "test_batch_size": 5})
    train, test = open_training(recipe, tracklets), open_test(recipe, tracklets)
    assert (train.batch_size, test.batch_size) == (8, 5)
    assert (train.num_workers, test.num_workers) == (0, 0)
    assert [loader.dataset.sampling for loader in (train, test)] == ["random_interval", "begin_interval"]
    assert [loader.dataset.num_frames for loader in (train, test)] == [8, 8]
    assert [loader.dataset.seed for loader in (train,)] == [train.sampler.seed] == [999]


@pytest.mark.parametrize(("distance", "exponent"), [("squared_euclidean", 1.0), ("cosine", 2.0)])
def test_re_ranking_has_the_exponent_of_its_distance(distance: str, exponent: float) -> None:
    rng = np.random.default_rng(0)
    pids = np.arange(40) % 8
    values = rng.normal(size=(8, 6))[pids] + rng.normal(size=(40, 6))
    query, gallery = (
        Features(torch.from_numpy(values[rows]), pids[rows], np.full(len(pids[rows]), camera))
        for camera, rows in enumerate((slice(0, 8), slice(8, 40)))
    )
    splits = Splits("toy", protocol="mars_torchreid")
    recipe = override(get_recipe("tricks_bot"), {"distance": distance})
    rankings = score_features(recipe, splits, query, gallery)
    assert list(rankings) == ["ori", "re-ranked"]
    for other in (1.0, 2.0):
        refiner = KReciprocal(metric=distance, exponent=other)
        plain = evaluate_features(
            query, gallery, protocol="mars_torchreid", distance=distance, refiners=[refiner]
        )
        same = np.array_equal(plain.top_distances, rankings["re-ranked"].top_distances, equal_nan=True)
        assert same == (other == exponent)
    two = score_features(recipe, splits, query, gallery, two_blocks=True)
    assert list(two) == ["ori", "re", "re-ranked"]
    assert [two[block].protocol.name for block in two] == ["mars_torchreid", "camera_aware", "mars_torchreid"]


def test_records_do_not_change_and_a_run_has_its_defaults() -> None:
    score = PublishedScore(dataset="mars", rank1=1.0, place="here")
    options = RunOptions(output_dir=Path("log"))
    for record, name in ((get_recipe("psta"), "epochs"), (score, "rank1"), (options, "workers")):
        with pytest.raises(FrozenInstanceError):
            setattr(record, name, 3)
    assert (score.mAP, score.split_id, score.rank5, score.rank10, score.rank20) == (None,) * 5
    assert (options.max_steps, options.weights, options.device, options.root) == (None,) * 4
    assert (options.resume, options.two_blocks, options.save_features) == (False, False, False)
    assert (options.validate, options.progress, options.workers) == (True, True, 0)


def test_an_unknown_recipe_gets_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'vpreid_gcm'"):
        get_recipe("vpreid_gmc")
    assert len(list_recipes()) == 35
