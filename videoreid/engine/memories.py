"""Build identity memories from features, before training or before every epoch."""

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
    """Register a hook that rebuilds a memory from the features of the training set before epochs.

    All processes build the same memory, because extraction gathers all features.

    Args:
        engine: its criterion holds the memory.
        memory: see `videoreid.losses.ClusterMemory`.
        loader: of the training tracklets in order, without augmentation; pids are the labels 0..K-1.
        every: epochs between two rebuilds; the first rebuild is before the first epoch.

    Raises:
        ConfigError: ``every`` is below 1.
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
    """Build the CLIP-memory of TF-CLIP and set it in the model.

    The entry of an identity is the mean over its tracklets of their projected features, each the mean over its clips,
    without camera embedding and without normalisation.

    Args:
        model: a network with ``projected`` and ``set_memory`` (`videoreid.models.tfclip.TFCLIP`), with CLIP's weights.
        loader: of the training tracklets, all consecutive clips of each, without augmentation.
        device: of the forward pass; None takes the device of the model.
        precision: arithmetic of the forward pass.
        progress: show a progress bar on standard error.

    Returns:
        The memory ``(K, P)``; the model holds a copy.

    Raises:
        ConfigError: the model has no such memory, or an identity has no tracklet.
    """
    features = projected_features(model, loader, device=device, precision=precision, progress=progress)
    set_memory = getattr(model, "set_memory", None)
    if set_memory is None:
        raise ConfigError(f"{type(model).__name__} has no CLIP-memory: give a TF-CLIP network")
    pids = torch.from_numpy(features.pids)
    present = pids.unique()
    if len(present) and int(present[-1]) + 1 != len(present):
        raise ConfigError(
            f"training identities must be 0..K-1 and all present; got {len(present)} identities with the largest label "
            f"{int(present[-1])}"
        )
    one_hot = F.one_hot(pids, len(present)).to(features.embeddings)
    memory = one_hot.t() @ features.embeddings / one_hot.sum(0)[:, None]
    set_memory(memory)
    return memory


def projected_features(model: nn.Module, loader: Iterable[Clip], **options: Any) -> Features:
    """Return CLIP's projected features ``(N, P)`` of tracklets, without cameras; see `extract_features` for options.

    Raises:
        ConfigError: the embedding of the network has no part ``projected``.
    """
    projected = getattr(model, "projected", None)
    if not isinstance(projected, slice):
        raise ConfigError(
            f"{type(model).__name__} does not state which part of its embedding is projected: give a CLIP-ReID or "
            "TF-CLIP network"
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
        return len(self.loader)  # type: ignore[arg-type]  # called only for loaders with a length
