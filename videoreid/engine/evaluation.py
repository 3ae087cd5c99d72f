"""Score a model: extract query and gallery, rank, and say under which protocol."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from videoreid.engine.inference import Precision, extract_features
from videoreid.metrics import evaluate_features
from videoreid.types import Clip, Ranking

__all__ = ["evaluate"]


def evaluate(
    model: nn.Module,
    query_loader: Iterable[Clip],
    gallery_loader: Iterable[Clip],
    *,
    device: torch.device | str | None = None,
    flip: bool = False,
    precision: Precision = "float32",
    progress: bool = True,
    **scoring: Any,
) -> Ranking:
    """Return the scored ranking of every query against the gallery.

    Args:
        model: see `extract_features`.
        query_loader: clips of the query tracklets.
        gallery_loader: clips of the gallery tracklets.
        device: where to run; by default where the model is.
        flip: add the embedding of the mirrored frames.
        precision: arithmetic of the forward pass.
        progress: show a bar on standard error.
        scoring: keywords of `videoreid.metrics.evaluate_features` (``protocol``, ``distance``, ``refiners``, ...).
    """
    features = [
        extract_features(model, loader, device=device, flip=flip, precision=precision, progress=progress)
        for loader in (query_loader, gallery_loader)
    ]
    details = {**_frames_detail(query_loader), "flip": "yes" if flip else "no", **scoring.pop("details", {})}
    return evaluate_features(features[0], features[1], details=details, **scoring)


def _frames_detail(loader: Iterable[Clip]) -> dict[str, str]:
    """Say how many frames of a tracklet were used, where the loader's dataset tells."""
    dataset = getattr(loader, "dataset", None)
    frames, sampling = getattr(dataset, "num_frames", None), getattr(dataset, "sampling", None)
    if not isinstance(frames, int):
        return {}
    return {"frames": f"{frames} {sampling}" if isinstance(sampling, str) else str(frames)}
