"""Tracklets of any length to a feature file, in constant memory; a killed extraction goes on where it was."""

import hashlib
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from videoreid._version import __version__
from videoreid.data.transforms import build_transform
from videoreid.engine.part_files import PartFiles
from videoreid.engine.tracklet_batches import FrameBatch, FramePlan, read_batches
from videoreid.errors import ConfigError, ProtocolError
from videoreid.inference.eval_copy import eval_copy
from videoreid.inference.extraction import PRECISIONS, Precision, embed_frames
from videoreid.models.digest import weights_digest
from videoreid.retrieval.features import FeatureFile, read_features, write_features
from videoreid.types import Features, Splits, Tracklet
from videoreid.utils import get_logger
from videoreid.utils.locks import LockedError, only_one
from videoreid.utils.wrappers import unwrap_model

__all__ = ["ExtractionSettings", "extract_tracklets"]


@dataclass(frozen=True)
class ExtractionSettings:
    """How features are made.

    Args:
        num_frames: clip length T; None takes the network's, or 1 where it takes any, so that no frame counts twice.
        sampling: which frames, a rule of `videoreid.data.sampling`.
        size: (height, width); None takes the network's.
        flip: add the embedding of the mirrored frames.
        precision: arithmetic of the forward pass.
        frame_budget: the most frames of a batch; memory depends on it, numbers do not.
        threads: that decode.
        device: where to run; by default where the model is.

    Raises:
        ConfigError: a number below one, or an unknown precision.
    """

    num_frames: int | None = None
    sampling: str = "all_continuous"
    size: tuple[int, int] | None = None
    flip: bool = False
    precision: Precision = "float32"
    frame_budget: int = 128
    threads: int = 2
    device: str | None = None

    def __post_init__(self) -> None:
        if min(self.frame_budget, self.threads, 1 if self.num_frames is None else self.num_frames) < 1:
            raise ConfigError("num_frames, frame_budget and threads must be 1 or more")
        if self.precision not in PRECISIONS:
            known = ", ".join(PRECISIONS)
            raise ConfigError(f"unknown precision {self.precision!r}; choose one of {known}")


def extract_tracklets(
    model: nn.Module,
    source: Splits | Sequence[Tracklet],
    output: str | os.PathLike[str],
    *,
    settings: ExtractionSettings | None = None,
    model_name: str = "",
    details: Mapping[str, str] | None = None,
) -> FeatureFile:
    """Extract queries and gallery into a feature file that `videoreid.retrieval.read_features` reads.

    Batches hold a bounded number of frames, of one tracklet or of several, so a tracklet of any length takes the same
    memory. Finished tracklets are kept beside the output every few seconds: after a crash or a kill the same call goes
    on behind the last of them. An output that is complete is returned as it is. Features of other weights, frames or
    settings are never added to what is there: that is an error.

    Args:
        model: as for `extract_features`; also one of `videoreid.export.load`.
        source: a dataset; or tracklets, which become the gallery.
        output: the feature file, usually ``*.h5``.
        settings: how features are made.
        model_name: what the file calls the model; by default the name it was built with.
        details: further texts for the file; they may differ when an extraction goes on.

    Raises:
        ConfigError: the output, or its beginning, was made otherwise; another process is writing it; no tracklet.
        FrameError: a frame that cannot be read; what was finished before is kept.
        ProtocolError: an embedding is NaN or infinite.
    """
    settings, output = settings or ExtractionSettings(), Path(output)
    splits = source if isinstance(source, Splits) else Splits("", gallery=tuple(source), protocol="")
    tracklets = (*splits.query, *splits.gallery)
    if not tracklets:
        raise ConfigError("no tracklet in query and gallery: there is nothing to extract")
    runner = eval_copy(model, settings.device)
    plan = _plan(runner, settings)
    run = _describe(model, runner, tracklets, plan, settings) | {"split": f"{len(splits.query)} queries"}
    output.parent.mkdir(parents=True, exist_ok=True)
    try:
        with only_one(output.with_name(output.name + ".lock"), what="extracting", wait=False):
            if output.is_file():
                return _finished(output, run)
            parts = PartFiles(output, run)
            embeddings = _extract(runner, tracklets, plan, settings, parts)
            texts = {**(details or {}), **run}
            made = _file(embeddings, splits, model_name or run["model"], texts)
            write_features(
                output,
                made.query,
                made.gallery,
                model=made.model,
                dataset=made.dataset,
                protocol=made.protocol,
                details=made.details,
            )
            parts.remove()
    except LockedError as error:
        raise ConfigError(f"{output} is being written by another process ({error})") from error
    return made


def _file(embeddings: Tensor, splits: Splits, model: str, details: Mapping[str, str]) -> FeatureFile:
    count = len(splits.query)
    query = Features.of(embeddings[:count], splits.query)
    gallery = Features.of(embeddings[count:], splits.gallery)
    return FeatureFile(query, gallery, model, splits.name, splits.protocol, details)


def _plan(model: nn.Module, settings: ExtractionSettings) -> FramePlan:
    network = unwrap_model(model)
    size = settings.size or getattr(network, "input_size", None)
    if size is None:
        raise ConfigError("the network does not say how large its frames are: give settings.size")
    clip = settings.num_frames or getattr(network, "frames", None) or 1
    transform = build_transform(size=size, train=False)
    return FramePlan(clip, settings.sampling, transform, settings.frame_budget, settings.threads)


def _describe(
    model: nn.Module,
    runner: nn.Module,
    tracklets: Sequence[Tracklet],
    plan: FramePlan,
    settings: ExtractionSettings,
) -> dict[str, str]:
    """Return all that the numbers depend on."""
    network: Any = unwrap_model(runner)
    digest = hashlib.sha256()
    for tracklet in tracklets:
        ids = f"{tracklet.pid} {tracklet.camid} {tracklet.time} {tracklet.end_time} {tracklet.clothes}"
        digest.update("\0".join((ids, *tracklet.frames, "\n")).encode("utf-8", "surrogateescape"))
    arguments = getattr(network, "build_arguments", {})
    size = settings.size or network.input_size
    return {
        "model": str(arguments.get("name", type(network).__name__)),
        "weights_sha256": weights_digest(model),
        "frames": f"{plan.sampling}, T = {plan.num_frames}, mean",
        "size": f"{size[0]}x{size[1]}",
        "flip": "yes" if settings.flip else "no",
        "precision": settings.precision,
        "tracklets_sha256": digest.hexdigest(),
        "library": __version__,
    }


def _finished(output: Path, run: Mapping[str, str]) -> FeatureFile:
    stored = read_features(output)
    different = sorted(key for key, value in run.items() if stored.details.get(key) != value)
    if different:
        raise ConfigError(
            f"{output} is there already, with other {', '.join(different)}; features are not mixed: choose another "
            "output, or delete the file"
        )
    get_logger("engine").info("%s is complete already", output)
    return stored


_KEEP_SECONDS = 10.0  # what a kill can cost


def _extract(
    runner: nn.Module,
    tracklets: Sequence[Tracklet],
    plan: FramePlan,
    settings: ExtractionSettings,
    parts: PartFiles,
) -> Tensor:
    """Return the means ``(N, D)``; the sums of tracklets that are not finished are all that is carried along."""
    done = parts.read()
    first = sum(map(len, done))
    progress = _Progress(len(tracklets), first)
    sums: dict[int, tuple[Tensor, int]] = {}
    ready: list[Tensor] = []
    kept = time.monotonic()
    try:
        for batch in read_batches(tracklets, plan, first=first):
            _add(sums, batch, _embed(runner, batch, tracklets, settings))
            # the last one may have more clips in the next batch; all before it are complete
            ready += [_mean(*sums.pop(row)) for row in sorted(sums) if row < batch.rows[-1]]
            progress.add(batch.frames, first + len(ready))
            if ready and time.monotonic() - kept > _KEEP_SECONDS:
                first = _keep(parts, done, first, ready)
                ready, kept = [], time.monotonic()
        ready += [_mean(*sums.pop(row)) for row in sorted(sums)]
    finally:  # an unreadable frame must not cost what was finished before it
        if ready:
            _keep(parts, done, first, ready)
    progress.close()
    return torch.cat(done)


def _embed(
    runner: nn.Module, batch: FrameBatch, tracklets: Sequence[Tracklet], settings: ExtractionSettings
) -> Tensor:
    camids = torch.tensor([tracklets[row].camid for row in batch.rows])
    with torch.inference_mode():
        vectors = embed_frames(
            runner, batch.frames, camids, flip=settings.flip, precision=settings.precision
        ).cpu()
    bad = (~torch.isfinite(vectors).all(dim=1)).nonzero().flatten().tolist()
    if bad:
        row = batch.rows[bad[0]]
        raise ProtocolError(
            f"the embedding of tracklet {row} ({tracklets[row].frames[0]} ...) is NaN or infinite in "
            f"{settings.precision}: check the weights, or take precision='float32'"
        )
    return vectors.double()


def _add(sums: dict[int, tuple[Tensor, int]], batch: FrameBatch, vectors: Tensor) -> None:
    for row, vector in zip(batch.rows, vectors, strict=True):
        total, count = sums.get(row, (torch.zeros_like(vector), 0))
        sums[row] = (total + vector, count + 1)


def _mean(total: Tensor, count: int) -> Tensor:
    return (total / count).float()


def _keep(parts: PartFiles, done: list[Tensor], first: int, ready: list[Tensor]) -> int:
    rows = torch.stack(ready).clone()
    parts.write(first, rows)
    done.append(rows)
    return first + len(rows)


class _Progress:
    """Frames and clips a second, and the time that is left, in the log every ten seconds and at the end."""

    def __init__(self, total: int, first: int) -> None:
        self.total, self.first, self.frames, self.clips = total, first, 0, 0
        self.start = self.told = time.monotonic()
        if first:
            get_logger("engine").info("%d of %d tracklets are there already", first, total)

    def add(self, frames: Tensor, finished: int) -> None:
        self.frames, self.clips = self.frames + frames.shape[0] * frames.shape[1], self.clips + len(frames)
        now = time.monotonic()
        if now - self.told > _KEEP_SECONDS:
            self.told = now
            share = max(finished - self.first, 1) / max(self.total - self.first, 1)
            left = (now - self.start) * (1 / share - 1)
            get_logger("engine").info("%d of %d tracklets, %s, %.0f s left", finished, self.total, self, left)

    def close(self) -> None:
        get_logger("engine").info("%d tracklets, %s", self.total, self)

    def __str__(self) -> str:
        seconds = max(time.monotonic() - self.start, 1e-9)
        return f"{self.frames / seconds:.1f} frames/s, {self.clips / seconds:.1f} clips/s"
