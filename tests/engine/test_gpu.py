"""What only a CUDA device has: float16 with loss scaling, two optimisers under one scaler, its resume."""

import pytest
import torch

from videoreid.engine import Engine, TrainSettings
from videoreid.losses import BagOfTricksCriterion
from videoreid.optim import build_center_optimizer, build_optimizer

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")]


def build(world, precision, **settings):
    torch.manual_seed(0)
    model, criterion = world.Net(), BagOfTricksCriterion(6, 8, beta=0.5)
    optimizers = [build_optimizer(model, "adam", 0.01), build_center_optimizer(criterion.parameters())]
    return Engine(model, criterion, optimizers, settings=TrainSettings(precision=precision, **settings))


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_every_precision_learns_and_centres_move_alike(world, precision):
    engine = build(world, precision)
    assert engine.device.type == "cuda"
    history = engine.fit(world.loader(batch_size=12, pin_memory=True), 20, progress=False)
    assert history[-1]["softmax"] < 0.8 * history[0]["softmax"]
    plain = build(world, "float32")
    plain.fit(world.loader(batch_size=12), 20, progress=False)
    ours, theirs = (e.criterion.terms["center"].loss.centers for e in (engine, plain))
    assert torch.allclose(ours, theirs, atol=0.2)


def test_the_scaler_is_resumed(world, tmp_path):
    engine = build(world, "float16")
    engine.fit(world.loader(), 2, output_dir=tmp_path, progress=False)
    again = build(world, "float16")
    again.fit(world.loader(), 2, output_dir=tmp_path, resume="auto", progress=False)
    assert again.accelerator.scaler.state_dict() == engine.accelerator.scaler.state_dict()
    ours, theirs = ([p.detach() for p in e.model.parameters()] for e in (again, engine))
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_evaluation_on_the_device_equals_the_cpu(world):
    engine, data = build(world, "float32"), world.loader()
    on_device = engine.evaluate(data, data, progress=False)
    engine.model.cpu()
    assert on_device.mean_average_precision == pytest.approx(
        engine.evaluate(data, data, progress=False).mean_average_precision, abs=1e-6
    )
