"""What a recipe builds: batches an epoch, rates, pieces of tracklets, erased frames, frames as samples."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from videoreid.data import PKSampler
from videoreid.errors import ConfigError, UnknownNameError
from videoreid.models import build_model
from videoreid.recipes import (
    FrameEngine,
    build_criterion,
    build_engine,
    erase_frames,
    get_recipe,
    list_recipes,
    open_dataset,
    override,
    parse_settings,
)
from videoreid.types import Clip, ReIDOutput, Splits, Tracklet


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


def test_an_unknown_recipe_gets_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'vpreid_gcm'"):
        get_recipe("vpreid_gmc")
    assert len(list_recipes()) == 35
