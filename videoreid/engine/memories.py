"""Identity memories that are made of features: before training, or before every epoch."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from videoreid.engine.engine import Engine
from videoreid.errors import ConfigError
from videoreid.inference.extraction import Precision, extract_features
from videoreid.losses import ClusterMemory
from videoreid.types import Clip, Features

__all__ = ["build_clip_memory", "projected_features", "rebuild_before_epochs"]


def rebuild_before_epochs(
    engine: Engine, memory: ClusterMemory, loader: Iterable[Clip], *, every: int = 1
) -> None:
    """Have the engine rebuild a memory from the features of the training set before its epochs.

    On every process the same memory comes about, because extraction gathers all features.

    Args:
        engine: trains with a criterion that holds the memory.
        memory: see `videoreid.losses.ClusterMemory`.
        loader: of the training tracklets in their order, without augmentation; ids are the labels 0..K-1.
        every: epochs between two rebuilds; the first is always before the first epoch.

    Raises:
        ConfigError: ``every`` below 1.
    """
    if every < 1:
        raise ConfigError(f"every must be 1 or more, got {every}")

    def rebuild(epoch: int) -> None:
        if epoch % every == 0:
            features = extract_features(engine.model, loader, progress=False)
            memory.rebuild(features.embeddings, torch.from_numpy(features.pids))

    engine.epoch_hooks.append(rebuild)


def build_clip_memory(
    model: nn.Module,
    loader: Iterable[Clip],
    *,
    device: torch.device | str | None = None,
    precision: Precision = "float32",
    progress: bool = True,
) -> Tensor:
    """Make the CLIP-memory of TF-CLIP and give it to the model.

    For each identity the mean over its tracklets of the mean over their clips of the projected feature, without
    cameras and without normalisation.

    Args:
        model: a network with ``projected`` and ``set_memory`` (`videoreid.models.tfclip.TFCLIP`), with CLIP's weights.
        loader: of the training tracklets, all consecutive clips of each, without augmentation.
        device: where to run; by default where the model is.
        precision: arithmetic of the forward pass.
        progress: show a bar on standard error.

    Returns:
        ``(K, P)``, which the model holds a copy of.

    Raises:
        ConfigError: a model without these parts, or an identity without a tracklet.
    """
    features = projected_features(model, loader, device=device, precision=precision, progress=progress)
    set_memory = getattr(model, "set_memory", None)
    if set_memory is None:
        raise ConfigError(f"{type(model).__name__} has no CLIP-memory: give a TF-CLIP network")
    pids = torch.from_numpy(features.pids)
    present = pids.unique()
    if len(present) and int(present[-1]) + 1 != len(present):
        raise ConfigError(
            f"training identities must be 0..K-1 and all present, got {len(present)} of which the last is "
            f"{int(present[-1])}"
        )
    one_hot = F.one_hot(pids, len(present)).to(features.embeddings)
    memory = one_hot.t() @ features.embeddings / one_hot.sum(0)[:, None]
    set_memory(memory)
    return memory


def projected_features(model: nn.Module, loader: Iterable[Clip], **options: Any) -> Features:
    """Return CLIP's projected features ``(N, P)`` of tracklets, without cameras; see `extract_features` for options.

    Raises:
        ConfigError: a network whose embedding has no part ``projected``.
    """
    projected = getattr(model, "projected", None)
    if not isinstance(projected, slice):
        raise ConfigError(
            f"{type(model).__name__} does not say which part of its embedding is projected: give CLIP-ReID or TF-CLIP"
        )
    features = extract_features(model, _WithoutCameras(loader), **options)
    return replace(features, embeddings=features.embeddings[:, projected])


class _WithoutCameras:
    """A loader whose clips have unknown cameras."""

    def __init__(self, loader: Iterable[Clip]) -> None:
        self.loader = loader
        self.dataset = getattr(loader, "dataset", None)

    def __iter__(self) -> Iterator[Clip]:
        return (clip._replace(camid=torch.full_like(clip.camid, -1)) for clip in self.loader)

    def __len__(self) -> int:
        return len(self.loader)  # type: ignore[arg-type]  # asked only of loaders that know it
