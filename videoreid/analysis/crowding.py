"""Occlusion of a person, and the presence of other people in the box, from pixels alone.

Simple rules could not distinguish a second person from the arms of the first, so a small network is used: 10,690
weights, trained on the synthetic dataset, whose truth is known (benchmarks/attribute_network.py). Its input is colours
relative to their picture and the foreground of the box, not raw pixels.
"""

import base64
import json
from functools import lru_cache
from importlib import resources

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from videoreid.analysis.figure_ground import foreground

__all__ = ["CHANNELS", "crowding_inputs", "occlusion_and_people", "run_network"]

CHANNELS = (5, 12, 24, 32)
_BATCH = 256
_MOST = 1.5  # largest value of people in the training data of the network


def occlusion_and_people(colours: np.ndarray, figure: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the estimated hidden share of each person, and the visible area of others divided by the person's.

    Args:
        colours: ``(N, 48, 24, 3)``, result of `normalised_colours`.
        figure: ``(N, 48, 24)``, result of `foreground`.

    Returns:
        ``(N,)`` float64 in 0..1, and ``(N,)`` float64 in 0..1.5.
    """
    frames = crowding_inputs(colours, figure)
    with torch.inference_mode():
        parts = [run_network(part, _weights()) for part in torch.from_numpy(frames).split(_BATCH)]
        # a mirrored picture has the same truth, so both estimates are averaged
        parts = [(part + run_network(one.flip(3), _weights())) / 2
                 for part, one in zip(parts, torch.from_numpy(frames).split(_BATCH), strict=True)]  # fmt: skip
    found = torch.cat(parts).double().numpy()
    return np.clip(found[:, 0], 0.0, 1.0), np.clip(found[:, 1], 0.0, _MOST)


def crowding_inputs(colours: np.ndarray, figure: np.ndarray) -> np.ndarray:
    """Return the input of the network, ``(N, 5, 48, 24)`` float32."""
    relative = colours - colours.mean(axis=(1, 2), keepdims=True)
    cut = foreground(colours, sides=False)
    stacked = np.concatenate([relative, figure[..., None], cut[..., None]], axis=-1)
    return np.ascontiguousarray(stacked.transpose(0, 3, 1, 2), dtype=np.float32)


def run_network(frames: Tensor, weights: list[Tensor]) -> Tensor:
    """Return ``(N, 2)``: hidden share, and area of others divided by that of the person.

    Args:
        frames: ``(N, 5, 48, 24)``.
        weights: weight and bias of three convolutions and of the last layer.
    """
    for layer in range(3):
        frames = F.relu(F.conv2d(frames, weights[2 * layer], weights[2 * layer + 1], padding=1))
        if layer < 2:
            frames = F.max_pool2d(frames, 2)
    return F.linear(F.avg_pool2d(frames, (4, 2)).flatten(1), weights[6], weights[7])


@lru_cache(maxsize=1)
def _weights() -> list[Tensor]:
    text = resources.files("videoreid.analysis").joinpath("crowding_network.json").read_text("utf-8")
    return [
        torch.from_numpy(
            np.frombuffer(base64.b64decode(item["float32"]), dtype="<f4").reshape(item["shape"]).copy()
        )
        for item in json.loads(text)["weights"]
    ]
