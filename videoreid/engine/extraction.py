"""Extract tracklets of any length into a feature file, in constant memory; a killed extraction can continue."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from videoreid.data.transforms import build_transform
from videoreid.engine.batch_forward import CPU_FRAMES, Forward, one_thread
from videoreid.engine.extraction_identity import describe_run
from videoreid.engine.extraction_run import extract_range, mean_embeddings
from videoreid.engine.extraction_sources import Source, open_source
from videoreid.engine.part_files import PartFiles
from videoreid.engine.tracklet_batches import FramePlan, count_clips, read_batches, share_clips
from videoreid.errors import ConfigError, VideoReIDError
from videoreid.inference.eval_copy import eval_copy
from videoreid.inference.extraction import PRECISIONS, embed_frames
from videoreid.inference.precision import Arithmetic, AutoPrecision, choose_arithmetic, prepare_copy
from videoreid.retrieval.features import FeatureFile, read_features, write_features
from videoreid.types import Features, Splits, Tracklet
from videoreid.utils import get_logger
from videoreid.utils.locks import LockedError, only_one
from videoreid.utils.processes import gather_objects, process_count, process_rank
from videoreid.utils.wrappers import unwrap_model

__all__ = ["ExtractionSettings", "extract_tracklets"]

_WORTH_TIMING = 2048  # frames; trying four arithmetics costs about 130
_SAMPLE_FRAMES = 8
_ARITHMETIC = ("precision", "layout")


@dataclass(frozen=True)
class ExtractionSettings:
    """Options of an extraction.

    Args:
        num_frames: clip length T; None takes the network's, or 1 if it accepts any, so that no frame counts twice.
        sampling: rule that chooses the frames, see `videoreid.data.sampling`.
        size: (height, width) in pixels; None takes the network's.
        flip: add the embedding of the mirrored frames.
        precision: arithmetic of the forward pass. "auto" times float32 and, if the hardware has it, bfloat16 on some
            of the frames, and takes bfloat16 if it is faster and its embeddings agree; with fewer than 2048 frames it
            takes float32. The choice is logged and stored, and a continued extraction keeps it.
        frame_budget: largest number of frames in a batch; it changes the memory, not the embeddings.
            On the CPU, batches have at most 16 frames, and one batch runs per thread of PyTorch
            (`torch.set_num_threads`).
        threads: number of threads that decode.
        device: of the forward pass; None takes the device of the model.
        compile: run the network through `torch.compile`, which takes a minute before the first batch.

    Raises:
        ConfigError: a number is below 1, or the precision is unknown.
    """

    num_frames: int | None = None
    sampling: str = "all_continuous"
    size: tuple[int, int] | None = None
    flip: bool = False
    precision: AutoPrecision = "auto"
    frame_budget: int = 128
    threads: int = 2
    device: str | None = None
    compile: bool = False

    def __post_init__(self) -> None:
        if min(self.frame_budget, self.threads, 1 if self.num_frames is None else self.num_frames) < 1:
            raise ConfigError("num_frames, frame_budget and threads must be 1 or more")
        if self.precision != "auto" and self.precision not in PRECISIONS:
            known = ", ".join(("auto", *PRECISIONS))
            raise ConfigError(f"unknown precision {self.precision!r}; choose one of {known}")


def extract_tracklets(
    model: nn.Module,
    source: Source,
    output: str | os.PathLike[str],
    *,
    settings: ExtractionSettings | None = None,
    model_name: str = "",
    details: Mapping[str, str] | None = None,
) -> FeatureFile:
    """Extract queries and gallery into a feature file that `videoreid.retrieval.read_features` reads.

    Batches hold a bounded number of frames, of one or several tracklets, so a tracklet of any length takes the same
    memory. Finished clips are written next to the output every few seconds; after a crash or a kill, the same call
    continues after them. A complete output is returned unchanged. Features of other weights, frames or settings are
    never mixed: that is an error.

    With several processes (torchrun, accelerate) each process takes a share of the frames, and all return the result.

    Args:
        model: as for `extract_features`; also one of `videoreid.export.load`.
        source: a dataset, a packed store, a folder, a `VideoTracks`; or tracklets, which become the gallery.
        output: the feature file, usually ``*.h5``.
        settings: how features are made.
        model_name: name of the model in the file; by default the name it was built with.
        details: further texts for the file; they may differ when an extraction is continued.

    Raises:
        ConfigError: the output, or its beginning, has other weights, frames or settings; another process is writing
            it; or there is no tracklet.
        FrameError: a frame cannot be read; finished clips are kept.
        ProtocolError: an embedding is NaN or infinite.
    """
    settings, output = settings or ExtractionSettings(), Path(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    with _alone(output), open_source(source, output) as splits:
        tracklets = (*splits.query, *splits.gallery)
        if not tracklets:
            raise ConfigError("no tracklet in query and gallery: there is nothing to extract")
        plan = _plan(model, settings)
        parts = PartFiles(output)
        run = describe_run(model, tracklets, plan, size=settings.size, flip=settings.flip) | {
            "split": f"{len(splits.query)} queries"
        }
        arithmetic, finished = _begin(model, tracklets, plan, settings, (parts, output, run))
        if not finished:
            embeddings = _extract(model, tracklets, plan, settings, (parts, arithmetic))
            if process_rank() == 0:
                texts = {**(details or {}), **run, **_texts(arithmetic)}
                _write(output, _file(embeddings, splits, model_name or run["model"], texts))
                parts.remove()
            gather_objects(None)
        return read_features(output)


@contextmanager
def _alone(output: Path) -> Iterator[None]:
    """Hold the lock of the output, on the first process."""
    try:
        lock = output.with_name(output.name + ".lock")
        with only_one(lock, what="extracting", wait=False) if process_rank() == 0 else nullcontext():
            yield
    except LockedError as error:
        raise ConfigError(f"{output} is being written by another process ({error})") from error


def _texts(arithmetic: Arithmetic) -> dict[str, str]:
    layout = "channels last" if arithmetic.channels_last else "channels first"
    return {"precision": arithmetic.precision, "layout": layout}


def _begin(
    model: nn.Module,
    tracklets: Sequence[Tracklet],
    plan: FramePlan,
    settings: ExtractionSettings,
    place: tuple[PartFiles, Path, dict[str, str]],
) -> tuple[Arithmetic, bool]:
    """Choose the arithmetic and refuse the file or parts of another run; the first process decides for all.

    Returns:
        The arithmetic, and whether the output is complete.
    """
    parts, output, run = place
    decision: tuple[Arithmetic, bool] | VideoReIDError | None = None
    if process_rank() == 0:
        try:
            finished = output.is_file()
            known = read_features(output).details if finished else parts.record()
            arithmetic = _arithmetic(model, tracklets, plan, settings, known)
            whole = run | _texts(arithmetic)
            if finished:
                _refuse_other(output, known, whole)
            else:
                parts.open(whole)
            decision = arithmetic, finished
        except VideoReIDError as error:
            decision = error
    decision = gather_objects(decision)[0]
    if isinstance(decision, VideoReIDError):
        raise decision
    assert decision is not None
    return decision


def _arithmetic(
    model: nn.Module,
    tracklets: Sequence[Tracklet],
    plan: FramePlan,
    settings: ExtractionSettings,
    known: Mapping[str, str],
) -> Arithmetic:
    """Return the arithmetic of the stored features, or choose one."""
    requested = settings.precision
    if all(name in known for name in _ARITHMETIC) and requested in ("auto", known["precision"]):
        stored: Any = known["precision"]
        return Arithmetic(stored, known["layout"] == "channels last", "as the stored features")
    if requested != "auto":
        # bfloat16 and float16 convolutions are faster channels last, on processors and GPUs
        return Arithmetic(requested, channels_last=requested != "float32", reason="as requested")
    if sum(map(len, tracklets)) < _WORTH_TIMING:
        return Arithmetic(reason="too few frames to try others")
    frames, camids = _sample(tracklets, plan)
    with one_thread() if _workers(model, settings) > 1 else nullcontext():  # time it as the batches will run
        chosen = choose_arithmetic(lambda: eval_copy(model, settings.device), frames, camids)
    get_logger("engine").info("precision: %s (%s)", chosen, chosen.reason)
    return chosen


def _sample(tracklets: Sequence[Tracklet], plan: FramePlan) -> tuple[Tensor, Tensor]:
    """Return one clip each of evenly spread tracklets, about eight frames together, and their cameras."""
    count = min(max(_SAMPLE_FRAMES // plan.num_frames, 1), len(tracklets))
    places = torch.linspace(0, len(tracklets) - 1, count).round().long().tolist()
    chosen = [replace(tracklets[p], frames=tracklets[p].frames[: plan.num_frames]) for p in places]
    plan = replace(plan, sampling="all_continuous", frame_budget=max(_SAMPLE_FRAMES, plan.num_frames))
    frames = torch.cat([batch.frames for batch in read_batches(chosen, plan)])
    return frames, torch.tensor([tracklet.camid for tracklet in chosen])


def _extract(
    model: nn.Module,
    tracklets: Sequence[Tracklet],
    plan: FramePlan,
    settings: ExtractionSettings,
    place: tuple[PartFiles, Arithmetic],
) -> Tensor:
    """Run this process's share of the clips; return the mean embeddings ``(N, D)`` on the first process."""
    parts, arithmetic = place
    counts = count_clips(tracklets, plan)
    done = gather_objects([part[:2] for part in parts.read(counts.total)] if process_rank() == 0 else [])[0]
    if done:
        get_logger("engine").info(
            "%d of %d clips are already there", sum(b - a for a, b in done), counts.total
        )
    shares = share_clips(counts, done, processes=process_count())[process_rank()]
    if shares:
        frames, camids = _sample(tracklets[:1], plan)
        runner = prepare_copy(
            lambda: eval_copy(model, settings.device), frames[:1], camids[:1], arithmetic=arithmetic
        )
        if settings.compile:
            runner = _compiled(runner, frames[:1], camids[:1], arithmetic)
        workers = _workers(runner, settings)
        forward = Forward(runner, arithmetic.precision, settings.flip, workers)
        if workers > 1:
            plan = replace(plan, batch_frames=CPU_FRAMES)
        for clips in shares:
            extract_range(forward, tracklets, plan, parts, clips)
    gather_objects(None)
    return mean_embeddings(parts.read(counts.total), counts) if process_rank() == 0 else torch.empty(0)


def _compiled(runner: nn.Module, frames: Tensor, camids: Tensor, arithmetic: Arithmetic) -> nn.Module:
    compiled: nn.Module = torch.compile(runner)  # type: ignore[assignment]
    try:
        with torch.inference_mode():
            embed_frames(compiled, frames, camids, precision=arithmetic.precision)
    except RuntimeError as error:  # the base of all errors of compilation
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ConfigError(
            f"torch.compile fails on this machine: {reason}. Install what is missing, or extract without compile"
        ) from error
    return compiled


def _workers(model: nn.Module, settings: ExtractionSettings) -> int:
    """Return how many batches run in parallel: one per thread for a PyTorch network on the CPU, otherwise one."""
    parameter = next(model.parameters(), None)
    if parameter is None or settings.compile:
        return 1  # sessions of other runtimes and compiled networks use all cores themselves
    device = parameter.device if settings.device is None else torch.device(settings.device)
    return torch.get_num_threads() if device.type == "cpu" else 1


def _write(output: Path, made: FeatureFile) -> None:
    write_features(
        output,
        made.query,
        made.gallery,
        model=made.model,
        dataset=made.dataset,
        protocol=made.protocol,
        details=made.details,
        train=made.train,
    )


def _file(embeddings: Tensor, splits: Splits, model: str, details: Mapping[str, str]) -> FeatureFile:
    count = len(splits.query)
    query = Features.of(embeddings[:count], splits.query)
    gallery = Features.of(embeddings[count:], splits.gallery)
    # the sightings of the training people, from which `videoreid st fit` learns
    train = Features.of(torch.empty(len(splits.train), 0), splits.train) if splits.train else None
    return FeatureFile(query, gallery, model, splits.name, splits.protocol, details, train)


def _plan(model: nn.Module, settings: ExtractionSettings) -> FramePlan:
    network = unwrap_model(model)
    size = settings.size or getattr(network, "input_size", None)
    if size is None:
        raise ConfigError("the network does not name the size of its frames: set settings.size")
    clip = settings.num_frames or getattr(network, "frames", None) or 1
    transform = build_transform(size=size, train=False)
    return FramePlan(clip, settings.sampling, transform, settings.frame_budget, settings.threads)


def _refuse_other(output: Path, known: Mapping[str, str], run: Mapping[str, str]) -> None:
    different = sorted(key for key, value in run.items() if known.get(key) != value)
    if different:
        raise ConfigError(
            f"{output} already exists, with other {', '.join(different)}; features are not mixed: choose another "
            "output, or delete the file"
        )
    get_logger("engine").info("%s is already complete", output)
