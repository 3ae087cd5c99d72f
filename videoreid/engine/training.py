"""One training step and one epoch, as plain functions for a loop of your own."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from videoreid.errors import ConfigError, TrainingError
from videoreid.inference.loader_contract import LoaderInfo
from videoreid.models.running import run_model
from videoreid.types import Clip, ReIDOutput
from videoreid.utils.workers import guard_workers, worker_errors
from videoreid.utils.wrappers import unwrap_model

__all__ = [
    "Losses",
    "check_finite",
    "forward",
    "move_clip",
    "name_batch",
    "step",
    "train_one_epoch",
    "undone_on_error",
]

Losses = dict[str, Tensor]


def step(model: nn.Module, criterion: Callable[[ReIDOutput, Clip], Losses], clip: Clip) -> Losses:
    """Run the forward pass of a batch and return its losses; no weight changes.

    Args:
        model: in train mode, so that it returns `ReIDOutput`.
        criterion: see `videoreid.losses.Criterion`.
        clip: on the model's device; frames uint8, or float and already normalised.

    Returns:
        Every loss term by name, and their weighted sum as "loss"; scalars.
    """
    return criterion(forward(model, clip.frames, clip.camid), clip)


def forward(model: nn.Module, frames: Tensor, camids: Tensor | None = None) -> ReIDOutput:
    """Run a model on frames, which it normalises if they are uint8.

    Args:
        model: in train mode; it may be wrapped (parallel, compiled).
        frames: ``(B, T, 3, H, W)`` on the model's device; uint8, or float and already normalised.
        camids: ``(B,)`` int64 on the same device; passed only to a model that uses cameras.

    Raises:
        ConfigError: the model is in eval mode, in which it returns only the embedding.
    """
    output = run_model(model, frames, camids)
    if not isinstance(output, ReIDOutput):
        name = type(unwrap_model(model)).__name__
        raise ConfigError(
            f"{name} returned {type(output).__name__}, not ReIDOutput: call model.train() before a training step"
        )
    return output


def train_one_epoch(
    model: nn.Module,
    criterion: Callable[[ReIDOutput, Clip], Losses],
    optimizer: Optimizer,
    loader: Iterable[Clip],
    *,
    progress: bool = True,
) -> dict[str, float]:
    """Train on every batch of a loader once: the smallest training loop.

    Args:
        model: set to train mode; it stays on its device.
        criterion: see `step`.
        optimizer: over the model's parameters.
        loader: yields `Clip` batches.
        progress: show a progress bar on standard error.

    Returns:
        The mean of every loss over the epoch.

    Raises:
        TrainingError: a loss is NaN or infinite; the message names the batch.
        WorkerError: a worker process of the loader has died.
    """
    from tqdm import tqdm

    device = next(model.parameters()).device
    sums: dict[str, float] = {}
    batches = 0
    model.train()
    bar = tqdm(loader, desc="train", unit="batch", disable=not progress, leave=False)
    with worker_errors():
        for clip in guard_workers(iter(bar)):
            with undone_on_error(model, criterion):
                losses = step(model, criterion, move_clip(clip, device))
                check_finite(losses, clip, loader)
            optimizer.zero_grad(set_to_none=True)
            losses["loss"].backward()
            optimizer.step()
            batches += 1
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + float(value.detach())
    return {name: value / batches for name, value in sums.items()}


def move_clip(clip: Clip, device: torch.device) -> Clip:
    """Return the clip with its tensors on a device; copies from pinned memory do not block."""
    return Clip(*(tensor.to(device, non_blocking=True) for tensor in clip))


@contextmanager
def undone_on_error(*parts: Any) -> Iterator[None]:
    """Restore the buffers of modules and drop their gradients if the block raises.

    A forward pass updates the statistics of batch norms before its loss is checked; a batch with an invalid loss must
    not change the model.

    Args:
        parts: model and criterion; objects that are not modules are ignored.
    """
    modules = [part for part in parts if isinstance(part, nn.Module)]
    before = [(buffer, buffer.detach().clone()) for module in modules for buffer in module.buffers()]
    try:
        yield
    except BaseException:
        with torch.no_grad():
            for buffer, values in before:
                buffer.copy_(values)
        for module in modules:
            module.zero_grad(set_to_none=True)
        raise


def check_finite(losses: Mapping[str, Tensor], clip: Clip, loader: Any = None) -> None:
    """Raise an error if the loss, a scalar, is NaN or infinite.

    Raises:
        TrainingError: the message names the losses, the pids of the batch and, if the loader knows them, its frames.
    """
    if bool(torch.isfinite(losses["loss"])):
        return
    values = ", ".join(f"{name} = {float(value.detach()):g}" for name, value in losses.items())
    raise TrainingError(
        f"the loss is not finite ({values}); batch: {name_batch(clip, loader)}. Lower the learning rate, clip the "
        "gradient (clip_norm), or look at these frames"
    )


def name_batch(clip: Clip, loader: Any = None) -> str:
    """Return the pids of a batch and, if ``loader.dataset.tracklets`` exists, the first frame of each clip."""
    text = f"pids {clip.pid.tolist()}"
    tracklets = LoaderInfo.of(loader).tracklets
    if tracklets is None:
        return f"{text}, tracklets {clip.index.tolist()}"
    return f"{text}, first frames {[tracklets[i].frames[0] for i in clip.index.tolist()]}"
