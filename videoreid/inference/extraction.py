"""Extraction of one embedding per tracklet with a model and a loader."""

from collections.abc import Iterable, Iterator
from typing import Any, Literal

import torch
from torch import Tensor, nn

from videoreid.errors import ConfigError, ProtocolError
from videoreid.inference.eval_copy import eval_copy
from videoreid.inference.kernel_check import keep_in_float32
from videoreid.inference.loader_contract import LoaderInfo
from videoreid.inference.sharding import gather_rows, shard_loader
from videoreid.models.running import run_model, uses_cameras
from videoreid.types import Clip, Features
from videoreid.utils.workers import guard_workers, worker_errors
from videoreid.utils.wrappers import unwrap_model

__all__ = ["embed_frames", "extract_features"]

Precision = Literal["float32", "bfloat16", "float16"]
PRECISIONS: dict[str, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


def extract_features(
    model: nn.Module,
    loader: Iterable[Clip],
    *,
    device: torch.device | str | None = None,
    flip: bool = False,
    precision: Precision = "float32",
    progress: bool = True,
) -> Features:
    """Return one embedding per tracklet: the mean over its clips (equal ``index``), in the order of the indices.

    A copy in eval mode that shares the weights runs, so modes, statistics and device of the model do not change:
    several threads may extract with one model, also while another thread trains it. With several processes, each
    takes its share of the batches, and all return the same complete features.

    Args:
        model: maps clips ``(B, T, 3, H, W)`` to ``(B, D)`` in eval mode; it may be wrapped (parallel, compiled,
            averaged).
        loader: yields `Clip` batches. If ``loader.dataset.tracklets`` exists, ids and times are read from it.
        device: device of the computation; None takes that of the model. The model is not moved.
        flip: add the embedding of the mirrored frames.
        precision: arithmetic of the forward pass.
        progress: show a bar on standard error.

    Raises:
        ConfigError: unknown precision.
        ProtocolError: the loader is empty, or an embedding is NaN or infinite.
        WorkerError: a worker process of the loader has died.
    """
    if precision not in PRECISIONS:
        raise ConfigError(f"unknown precision {precision!r}; choose one of {', '.join(PRECISIONS)}")
    runner = eval_copy(model, device)
    rows: list[tuple[Tensor, ...]] = []
    with worker_errors(), torch.inference_mode():
        for clip in _with_bar(shard_loader(loader), enabled=progress):
            if not rows:
                keep_in_float32(runner, clip.frames, clip.camid, precision=precision)
            embedding = embed_frames(runner, clip.frames, clip.camid, flip=flip, precision=precision)
            rows.append((clip.index, embedding.cpu(), clip.pid, clip.camid, clip.time))
    index, embeddings, pids, camids, times = gather_rows(rows)
    if len(index) == 0:
        raise ProtocolError("the loader yielded no clip: there is nothing to extract")
    return _per_tracklet(index, embeddings, (pids, camids, times), LoaderInfo.of(loader).tracklets)


def embed_frames(
    model: nn.Module,
    frames: Tensor,
    camids: Tensor | None = None,
    *,
    flip: bool = False,
    precision: Precision = "float32",
) -> Tensor:
    """Return ``(B, D)`` float32 embeddings of a batch of clips, on the model's device.

    Args:
        model: in eval mode; it may be wrapped.
        frames: ``(B, T, 3, H, W)`` uint8, or normalised float.
        camids: ``(B,)`` int64, -1 where unknown; only used by a model that uses cameras.
        flip: add the embedding of the mirrored frames.
        precision: arithmetic of the forward pass.

    Raises:
        ConfigError: the model is in train mode, in which it would change its statistics.
    """
    if model.training:
        raise ConfigError(f"{type(unwrap_model(model)).__name__} is in train mode: call model.eval() first")
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    dtype = PRECISIONS[precision]
    frames = frames.to(device, non_blocking=True)
    cameras = None if camids is None or not uses_cameras(model) else camids.to(device)
    with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
        embedding: Tensor = run_model(model, frames, cameras)
        if flip:
            embedding = embedding + run_model(model, frames.flip(-1), cameras)
    return embedding.float()


def _with_bar(loader: Iterable[Clip], *, enabled: bool) -> Iterator[Clip]:
    from tqdm import tqdm

    with tqdm(loader, desc="extract", unit="batch", disable=not enabled, leave=False) as bar:
        yield from guard_workers(iter(bar))


def _per_tracklet(index: Tensor, embeddings: Tensor, fields: tuple[Tensor, ...], tracklets: Any) -> Features:
    """Average the rows of equal index and read ids and times from the tracklets, or else from the clips."""
    unique, group, counts = torch.unique(index, return_inverse=True, return_counts=True)
    sums = embeddings.new_zeros(len(unique), embeddings.shape[1]).index_add_(0, group, embeddings)
    means = sums / counts.unsqueeze(1)
    if tracklets is not None:
        chosen = [tracklets[i] for i in unique.tolist()]
        return Features.of(means, chosen)
    first = torch.full((len(unique),), len(index)).scatter_reduce_(0, group, torch.arange(len(index)), "amin")
    pids, camids, times = (values[first].numpy() for values in fields)
    return Features(means, pids, camids, times)
