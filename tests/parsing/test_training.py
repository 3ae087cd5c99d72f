"""Loaders, criterion and recipes, and an engine that trains a parser with them."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from videoreid.data.datasets import ParsingPair, ParsingSplits, read_pair
from videoreid.engine import Engine, Event, TrainSettings
from videoreid.errors import ConfigError, DatasetError, TrainingError
from videoreid.models import build_model
from videoreid.models.ce2p import CE2P
from videoreid.parsing import (
    LABEL_TABLES,
    RECIPES,
    LabelTable,
    NetworkParser,
    ParsingCriterion,
    ParsingLoader,
    ParsingTransform,
    evaluate_parser,
    lovasz_softmax_loss,
    parsing_loader,
    parsing_loss,
    poly_schedule,
)
from videoreid.parsing.loaders import ShuffledPictures
from videoreid.parsing.losses import resize_logits

TRANSFORM = ParsingTransform(size=(64, 32), rotation=5.0)


def small(classes: int = 7, seed: int = 0) -> CE2P:
    torch.manual_seed(seed)
    model = build_model("ce2p_resnet18_half", num_classes=classes, head_channels=16)
    assert isinstance(model, CE2P)
    return model


def loader_of(world: ParsingSplits, **options: int) -> ParsingLoader:
    return parsing_loader(
        world.train,
        table="seed7",
        transform=TRANSFORM,
        **{"batch_size": 4, **options},  # type: ignore[arg-type]
    )


def test_batches(world: ParsingSplits) -> None:
    clip = next(iter(loader_of(world)))
    assert clip.frames.shape == (4, 1, 3, 64, 32)
    assert clip.frames.dtype == clip.pid.dtype == torch.uint8
    assert clip.pid.shape == (4, 64, 32)
    assert set(clip.pid.unique().tolist()) <= {*range(7), 255}


def test_the_order_depends_on_seed_and_epoch_alone(world: ParsingSplits) -> None:
    def indices(epoch: int, workers: int = 0) -> list[int]:
        loader = loader_of(world, workers=workers)
        loader.set_epoch(epoch)
        return [int(index) for clip in loader for index in clip.index]

    def pixels(epoch: int, workers: int) -> torch.Tensor:
        loader = loader_of(world, workers=workers)
        loader.set_epoch(epoch)
        return next(iter(loader)).frames

    assert indices(1) == indices(1)
    assert indices(1) != indices(2)
    assert len(set(indices(1))) == len(indices(1))
    assert torch.equal(pixels(3, 0), pixels(3, 2))
    assert not torch.equal(pixels(3, 0), pixels(4, 0))


def test_processes_share_an_epoch() -> None:
    shares = []
    for rank in range(3):
        sampler = ShuffledPictures(11, seed=4, rank=rank, world_size=3)
        sampler.set_epoch(2)
        shares.append(list(sampler))
        assert len(sampler) == len(shares[-1]) == 3
    alone = ShuffledPictures(11, seed=4, rank=0, world_size=1)
    alone.set_epoch(2)
    dealt = [shares[place % 3][place // 3] for place in range(9)]
    assert dealt == list(alone)[:9]
    assert len(set(dealt)) == 9


def test_the_criterion_is_the_published_total(world: ParsingSplits) -> None:
    model = small()
    clip = next(iter(loader_of(world)))
    output = model(torch.randn(clip.frames.shape))
    losses = ParsingCriterion()(output, clip)
    heads = [output.extras["parsing_0"], output.extras["parsing_1"]]
    expected = parsing_loss(heads, output.extras["edge"], clip.pid)
    assert torch.allclose(losses["loss"], expected)
    assert set(losses) == {"loss", "parsing_0", "parsing_1", "edge"}
    more = ParsingCriterion(edge_weight=0.5, lovasz_weight=2.0)(output, clip)
    lovasz = lovasz_softmax_loss(resize_logits(heads[1], clip.pid), clip.pid)
    assert torch.allclose(more["lovasz"], lovasz)
    assert torch.allclose(more["loss"], expected - 0.5 * losses["edge"] + 2 * lovasz)
    hard = ParsingCriterion(hard_share=0.1)(output, clip)
    assert hard["parsing_1"] >= losses["parsing_1"]


def test_what_is_no_parser_is_refused(world: ParsingSplits) -> None:
    clip = next(iter(loader_of(world)))
    output = build_model("osnet_x0_25", num_classes=3).train()(torch.randn(4, 1, 3, 64, 32))
    with pytest.raises(ConfigError, match="train a parser"):
        ParsingCriterion()(output, clip)
    with pytest.raises(ConfigError, match="weights of 0 or more"):
        ParsingCriterion(edge_weight=-1)


def test_a_loss_that_is_not_finite_names_the_pictures(world: ParsingSplits) -> None:
    clip = next(iter(loader_of(world)))
    output = small()(torch.randn(clip.frames.shape))
    output.extras["parsing_1"].data[:] = torch.nan
    with pytest.raises(TrainingError, match=r"parsing_1 = nan.*pictures \["):
        ParsingCriterion()(output, clip)


def test_poly_schedule() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1e-3)
    schedule = poly_schedule(optimizer, 10)
    rates = []
    for _ in range(12):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    expected = [1e-3 * max(0, 1 - step / 10) ** 0.9 for step in range(12)]
    assert rates == pytest.approx(expected)
    with pytest.raises(ConfigError, match="1 or more"):
        poly_schedule(optimizer, 0)


def test_recipes_are_what_was_published() -> None:
    published, study = RECIPES["ce2p"], RECIPES["study_384x128"]
    assert (published.transform.size, published.batch_size, published.steps) == ((384, 384), 96, 47_700)
    assert (published.lr, published.weight_decay, published.power) == (1e-3, 5e-4, 0.9)
    assert (study.batch_size, study.steps, study.transform.mirror_probability) == (20, 230_000, 0.0)
    optimizer = published.build_optimizer(small())
    assert optimizer.defaults["momentum"] == 0.9
    assert published.epochs(318) == 151 - 1


class KilledError(Exception):
    pass


def run(world: ParsingSplits, output: Path, *, killed_at: int | None = None, resume: bool = False) -> Engine:
    recipe = replace(RECIPES["two_cores"], steps=8, transform=TRANSFORM, batch_size=4)
    model = small(seed=0)
    optimizer = recipe.build_optimizer(model)
    engine = Engine(
        model,
        ParsingCriterion(),
        optimizer,
        recipe.build_scheduler(optimizer),
        settings=TrainSettings(schedule="step", ema_decay=0.5, save_every=3, metric="mean_iou"),
        device="cpu",
    )

    def validate() -> dict[str, float]:
        parser = NetworkParser(model=engine.scored_model, table="seed7", size=(64, 32))
        return evaluate_parser(parser, world.val[:4], progress=False).summary()

    def kill(event: Event) -> None:
        if event.step == killed_at:
            raise KilledError

    engine.fit(
        loader_of(world),
        epochs=2,
        validate=validate,
        callbacks=[kill],
        output_dir=output,
        resume="auto" if resume else None,
        progress=False,
    )
    return engine


def test_the_engine_trains_and_resumes_exactly(world: ParsingSplits, tmp_path: Path) -> None:
    whole = run(world, tmp_path / "whole")
    with pytest.raises(KilledError):
        run(world, tmp_path / "parts", killed_at=4)
    resumed = run(world, tmp_path / "parts", resume=True)
    assert whole.progress.step == resumed.progress.step == 2 * len(loader_of(world)) > 4
    for name, value in whole.scored_model.state_dict().items():
        assert torch.equal(value, resumed.scored_model.state_dict()[name]), name
    assert whole.progress.history[-1]["mean_iou"] > 0


@pytest.mark.slow
def test_a_parser_learns(world: ParsingSplits) -> None:
    recipe = replace(RECIPES["two_cores"], steps=60, transform=TRANSFORM, batch_size=8, ema_decay=None)
    model = small()
    optimizer = recipe.build_optimizer(model)
    engine = Engine(
        model,
        ParsingCriterion(),
        optimizer,
        recipe.build_scheduler(optimizer),
        device="cpu",
        settings=TrainSettings(schedule="step"),
    )
    engine.fit(loader_of(world, batch_size=8), epochs=100, max_steps=60, progress=False)
    parser = NetworkParser(model=model, table=LABEL_TABLES["seed7"], size=(64, 32))
    scores = evaluate_parser(parser, world.val, progress=False)
    majority = scores.confusion.sum(1).max() / scores.confusion.sum() / 7
    assert scores.mean_iou > 1.5 * majority
    assert "seed7" in scores.protocol_line


def test_bad_data(world: ParsingSplits, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="with labels"):
        parsing_loader([ParsingPair("a.jpg")], table="seed7", transform=TRANSFORM)
    with pytest.raises(ConfigError, match="batch_size must be 2"):
        loader_of(world, batch_size=1)
    with pytest.raises(ConfigError, match="batch_size must be 2"):
        loader_of(world, batch_size=10_000)
    _, labels = read_pair(world.train[0], 20)
    bad = tmp_path / "bad.png"
    cv2.imwrite(str(bad), np.where(labels == labels[0, 0], 20, labels).astype(np.uint8))
    pairs = [ParsingPair(world.train[0].image, str(bad))] * 2
    with pytest.raises(DatasetError, match=r"bad\.png holds label 20; expected 0 to 19"):
        next(iter(parsing_loader(pairs, table="lip20", transform=TRANSFORM, batch_size=2)))
    own = LabelTable("own", ("background", "person"), (0, 1))
    pairs = [world.train[0]] * 2
    with pytest.raises(DatasetError, match="holds label"):
        next(iter(parsing_loader(pairs, table=own, transform=TRANSFORM, batch_size=2)))
