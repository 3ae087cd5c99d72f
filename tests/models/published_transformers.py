"""Transformers against the recorded figures of the published ones, in eval and in train mode."""

import functools
import json
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.models.published import FIGURES, weight_by_name
from videoreid.losses import Criterion
from videoreid.models import build_model, load_weights
from videoreid.models.base import ReIDModel
from videoreid.types import Clip, ReIDOutput

MODULES = FIGURES.parent / "modules"


@functools.cache
def record_of(name: str) -> dict[str, Any]:
    path = FIGURES / f"{name}.json"
    if not path.exists():
        pytest.skip(f"recorded figures are not at {path}")
    record: dict[str, Any] = json.loads(path.read_text())
    return record


def module_record(name: str) -> dict[str, Any]:
    path = MODULES / f"{name}.json"
    if not path.exists():
        pytest.skip(f"recorded figures are not at {path}")
    record: dict[str, Any] = json.loads(path.read_text())
    return record


def published_state(shapes: dict[str, list[int]]) -> dict[str, Tensor]:
    return {name: weight_by_name(name, tuple(shape)) for name, shape in shapes.items()}


def build_published(figures: str, model_name: str, **options: Any) -> ReIDModel:
    """Build a network of 625 identities and fill it with the published entries, each drawn by its name."""
    model = build_model(model_name, 625, **options)
    report = load_weights(model, published_state(record_of(figures)["state_dict"]))
    assert not report.missing
    assert not report.unexpected
    assert not report.mismatched
    return model


@torch.inference_mode()
def assert_embeds_as_published(model: ReIDModel, figures: str, method: str = "forward") -> None:
    record = record_of(figures)
    frames = frames_from(0, record["input_shape"])
    cameras = (torch.tensor(record["camids"]),) if "camids" in record else ()
    answer = getattr(model.eval(), method)(frames, *cameras).double()
    assert answer.shape == (len(frames), record["feature_dim"])
    assert_rows(answer, record["row_norms"], record["head"], record["tail"])


def frames_from(seed: int, shape: list[int]) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape).astype("f4"))


def assert_rows(
    answer: Tensor, norms: list[float], head: list[list[float]], tail: list[list[float]] | None = None
) -> None:
    """Compare rows by norm, first and last values, each against the mean size of a value."""
    answer = answer.double().reshape(len(norms), -1)
    wanted = torch.tensor(norms, dtype=torch.float64)
    scale = wanted[:, None] / answer.shape[1] ** 0.5
    assert ((answer.norm(dim=1) - wanted).abs() / wanted).max() < 1e-4
    first = torch.tensor(head, dtype=torch.float64)
    assert ((answer[:, : first.shape[1]] - first).abs() / scale).max() < 1e-3
    if tail is not None:
        last = torch.tensor(tail, dtype=torch.float64)
        assert ((answer[:, -last.shape[1] :] - last).abs() / scale).max() < 1e-3


def train_output(model: ReIDModel, figures: str) -> tuple[ReIDOutput, Clip]:
    """Run the recorded training batch in train mode, without drop path and dropout."""
    train = record_of(figures)["train"]
    frames = frames_from(train["input_seed"], train["input_shape"])
    cameras = train["camera_labels"] if model.uses_cameras else None
    camids = torch.tensor(cameras if cameras is not None else [-1] * len(frames))
    for module in model.train().modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if hasattr(module, "p") and type(module).__name__ == "StochasticDepth":
            module.p = 0.0
    with torch.no_grad():
        output = model(frames, camids)
    times = torch.zeros(len(frames), dtype=torch.float64)
    return output, Clip(frames, torch.tensor(train["labels"]), camids, times, torch.arange(len(frames)))


def assert_trains_as_published(output: ReIDOutput, figures: str, outputs: dict[str, Tensor]) -> None:
    """Compare named outputs with the recorded ones."""
    recorded = {entry["name"]: entry for entry in record_of(figures)["train"]["outputs"]}
    assert set(outputs) == set(recorded)
    for name, value in outputs.items():
        assert_rows(value, recorded[name]["row_norms"], recorded[name]["head"])


def losses_of(criterion: Criterion | nn.Module, output: ReIDOutput, clip: Clip) -> dict[str, float]:
    return {name: float(value) for name, value in criterion(output, clip).items()}


def assert_block(module: nn.Module, record: dict[str, Any], answer: Tensor) -> None:
    """Compare a block's output with the recorded norm, sum and values."""
    (wanted,) = record["outputs"]
    assert list(answer.shape) == wanted["shape"]
    answer = answer.detach().double()
    size = wanted["norm"] / answer.numel() ** 0.5
    assert abs(float(answer.norm()) - wanted["norm"]) < 1e-5 * wanted["norm"]
    assert abs(float(answer.sum()) - wanted["sum"]) < 1e-4 * wanted["norm"]
    flat = answer.flatten()
    for place, values in ((flat[:8], wanted["first"]), (flat[-4:], wanted["last"])):
        assert (place - torch.tensor(values, dtype=torch.float64)).abs().max() < 1e-4 * size
    if "params" in record:
        used = sum(parameter.numel() for parameter in module.parameters())
        assert used <= record["params"]
