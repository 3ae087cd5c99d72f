"""Recorded figures of single blocks of published networks, on small inputs."""

import json
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from tests.models.published import weight_by_name

RECORDS = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))


def assert_block_agrees(name: str, block: nn.Module, rules: Iterable[tuple[str, str]] = ()) -> None:
    """Load the published entries by rule, run the recorded inputs, and compare every recorded figure.

    Args:
        name: of the record.
        block: ours.
        rules: (beginning of the published name, beginning of ours).
    """
    record = RECORDS[name]
    state = {
        _ours(key, rules): weight_by_name(key, tuple(shape)) for key, shape in record["state_dict"].items()
    }
    block.load_state_dict(state)
    assert sum(parameter.numel() for parameter in block.parameters()) == record["params"]
    inputs = [
        torch.from_numpy(np.random.default_rng(row["seed"]).standard_normal(row["shape"]).astype("f4"))
        for row in record["inputs"]
    ]
    block.eval()
    with torch.inference_mode():
        answer = block(*inputs)
    for mine, figures in zip(
        [answer] if isinstance(answer, Tensor) else answer, record["outputs"], strict=False
    ):
        _compare(mine, figures)


def _ours(key: str, rules: Iterable[tuple[str, str]]) -> str:
    for theirs, mine in rules:
        if re.match(re.escape(theirs), key):
            return mine + key[len(theirs) :]
    return key


def _compare(answer: Tensor, figures: dict[str, object]) -> None:
    assert list(answer.shape) == figures["shape"]
    flat = answer.double().flatten()
    norm = torch.tensor(figures["norm"], dtype=torch.float64)
    assert torch.allclose(flat.norm(), norm, rtol=1e-5)
    total = torch.tensor(figures["sum"], dtype=torch.float64)
    assert (flat.sum() - total).abs() < 1e-5 * norm * len(flat) ** 0.5
    for expected, part in ((figures["first"], flat[:8]), (figures["last"], flat[-4:])):
        wanted = torch.tensor(expected, dtype=torch.float64)
        assert torch.allclose(part, wanted, rtol=1e-4, atol=1e-5 * float(part.abs().max() + 1))
