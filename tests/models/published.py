"""Recorded figures of published networks: the rule for their weights, and what they answer to one input."""

import json
import math
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from videoreid.models import build_model, load_weights
from videoreid.models.base import ReIDModel
from videoreid.models.layers.conv_block import ConvBlock

FIGURES = Path(__file__).parents[3] / "shared" / "reference" / "models"


def weight_by_name(name: str, shape: tuple[int, ...]) -> Tensor:
    """Draw an entry of a state dict from a generator seeded with the CRC-32 of its published name."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    if name.endswith("num_batches_tracked"):
        return torch.zeros(shape, dtype=torch.long)
    if name.endswith("running_var"):
        drawn = rng.uniform(0.5, 1.5, shape)
    elif name.endswith("running_mean"):
        drawn = 0.1 * rng.standard_normal(shape)
    elif len(shape) >= 2:
        drawn = rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
    elif name.endswith("bias"):
        drawn = 0.05 * rng.standard_normal(shape)
    else:
        drawn = rng.uniform(0.8, 1.2, shape)
    return torch.from_numpy(np.asarray(drawn, dtype=np.float32))


def assert_agrees_with_published(
    figures: str, model_name: str, *, method: str = "forward", **options: object
) -> None:
    """Build a network, load the published entries by rule, and compare its answer with the recorded one."""
    path = FIGURES / f"{figures}.json"
    if not path.exists():
        pytest.skip(f"recorded figures are not at {path}")
    record = json.loads(path.read_text())
    model: ReIDModel = build_model(model_name, **options)  # type: ignore[arg-type]
    shapes = record["state_dict"].items()
    scale = record.get("weight_scale", {}).items()
    report = load_weights(
        model,
        {
            name: weight_by_name(name, tuple(shape))
            * math.prod(factor for end, factor in scale if name.endswith(end))
            for name, shape in shapes
        },
    )
    assert not report.missing
    assert not report.unexpected
    assert not report.mismatched
    frames = torch.from_numpy(np.random.default_rng(0).standard_normal(record["input_shape"]).astype("f4"))
    if frames.ndim == 5 and frames.shape[1] == 3:
        frames = frames.transpose(1, 2)
    model.eval()
    with torch.inference_mode():
        answer = getattr(model, method)(frames).reshape(len(frames), -1).double()
    assert answer.shape[1] == record["feature_dim"]
    norms = torch.tensor(record["row_norms"], dtype=torch.float64)
    unit = norms[:, None] / record["feature_dim"] ** 0.5
    assert ((answer.norm(dim=1) - norms).abs() / norms).max() < 1e-3
    head, tail = (torch.tensor(record[key], dtype=torch.float64) for key in ("head", "tail"))
    assert ((answer[:, : head.shape[1]] - head).abs() / unit).max() < 1e-3
    assert ((answer[:, -tail.shape[1] :] - tail).abs() / unit).max() < 1e-3


def assert_trains_as_published(figures: str, model_name: str, **options: object) -> None:
    """Compare what a network returns in train mode with the record: logits and features, on batch statistics.

    Normalisation over four clips magnifies the rounding of what lies before it, hence the wide bound.
    """
    path = FIGURES / f"{figures}.json"
    if not path.exists():
        pytest.skip(f"recorded figures are not at {path}")
    record = json.loads(path.read_text())
    model: ReIDModel = build_model(model_name, num_classes=625, **options)  # type: ignore[arg-type]
    scale = record.get("weight_scale", {}).items()
    state = {
        name: weight_by_name(name, tuple(shape)) * math.prod(f for end, f in scale if name.endswith(end))
        for name, shape in record["state_dict"].items()
    }
    load_weights(model, state)
    train = record["train"]
    drawn = np.random.default_rng(train["input_seed"]).standard_normal(train["input_shape"]).astype("f4")
    with torch.no_grad():
        output = model.train()(torch.from_numpy(drawn).transpose(1, 2))
    logits = [row for row in train["outputs"] if row["name"].startswith("logits")]
    features = [row for row in train["outputs"] if row["name"].startswith("bn_feature")]
    for found, row in zip([*output.logits, *output.features], [*logits, *features], strict=True):
        assert list(found.shape) == row["shape"]
        norms = torch.tensor(row["row_norms"])
        assert torch.allclose(found.norm(dim=1), norms, rtol=2e-3), row["name"]
        unit = norms.mean() / found.shape[1] ** 0.5
        assert ((found[:, :4] - torch.tensor(row["head"])).abs() / unit).max() < 2e-2, row["name"]


def parameters_without_gradient(model: ReIDModel, frames: Tensor) -> list[str]:
    """Return the trainable parameters that a step on every head does not move."""
    model.train()
    output = model(frames)
    loss = sum(logits.logsumexp(1).mean() for logits in output.logits)
    loss = loss + sum(features.pow(3).mean() for features in output.features)
    loss = loss + sum(extra.mean() for extra in output.extras.values())
    model.zero_grad()
    loss.backward()
    cancelled = _cancelled_by_a_norm(model)
    return [
        name
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
        and (parameter.grad is None or not (name in cancelled or parameter.grad.any()))
    ]


def _cancelled_by_a_norm(model: ReIDModel) -> set[str]:
    """Return what a batch norm right behind undoes, a bias and a single scale: their gradient is 0 but for rounding."""
    blocks = {name: block for name, block in model.named_modules() if isinstance(block, ConvBlock)}
    scales = {f"{name}.conv.weight" for name, block in blocks.items() if block.conv.weight.numel() == 1}
    return scales | {f"{name}.conv.bias" for name in blocks}
