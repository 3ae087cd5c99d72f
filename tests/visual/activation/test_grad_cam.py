"""The same maps as the package grad-cam gives, where it is installed."""

import cv2
import numpy as np
import pytest
import torch

from videoreid.models import build_model
from videoreid.visual import activation_maps

cam = pytest.importorskip("pytorch_grad_cam", reason="the package grad-cam is not installed")


def brought_to_one(values: np.ndarray) -> np.ndarray:
    lifted = values - values.min()
    return lifted / (1e-7 + lifted.max())


@pytest.mark.parametrize(
    ("method", "theirs"),
    [("grad_cam", "GradCAM"), ("eigen_cam", "EigenCAM"), ("eigen_grad_cam", "EigenGradCAM")],
)
def test_values_are_those_of_grad_cam(method: str, theirs: str) -> None:
    torch.manual_seed(0)
    model = build_model("osnet_x0_25").eval()
    frames = torch.randn(2, 1, 3, 128, 64, generator=torch.Generator().manual_seed(0))
    own = activation_maps(model, frames, method=method, other=frames.flip(0))
    with torch.no_grad():
        embeddings = model(frames)
    unit = torch.nn.functional.normalize(embeddings, dim=1)
    targets = [
        lambda embedding, row=row: (embedding * unit[1 - row]).sum() / embeddings[row].norm()
        for row in range(2)
    ]
    with getattr(cam, theirs)(model=model, target_layers=[model.conv5]) as judge:
        expected = judge(input_tensor=frames[:, 0], targets=targets)
    for row in range(2):
        candidates = [
            brought_to_one(cv2.resize(np.maximum(sign * own.values[row, 0], 0), (64, 128)))
            for sign in (
                (1,) if method == "grad_cam" else (1, -1)
            )  # theirs leaves the sign of a component open
        ]
        assert min(np.abs(found - expected[row]).max() for found in candidates) < 1e-3
