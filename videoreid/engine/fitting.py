"""Train a learner for a number of epochs, with validations and checkpoints."""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any, Literal

import torch
from torch.optim.lr_scheduler import ReduceLROnPlateau

from videoreid.engine.auto_precision import settle_precision
from videoreid.engine.epoch_batches import EpochBatches
from videoreid.engine.gathering import any_process
from videoreid.engine.interrupts import Interrupt, catch_interrupts
from videoreid.engine.learner import Learner
from videoreid.engine.progress import Callback, Event, RunWatcher
from videoreid.engine.resuming import begin_run
from videoreid.engine.saving import place_after, place_in, save_best, save_state
from videoreid.engine.training import check_finite, move_clip, undone_on_error
from videoreid.engine.training_state import Position
from videoreid.errors import ConfigError, TrainingError
from videoreid.inference.loader_contract import LoaderInfo
from videoreid.types import Clip
from videoreid.utils import get_logger, reuse_freed_memory
from videoreid.utils.processes import gather_objects, process_rank
from videoreid.utils.workers import worker_errors

__all__ = ["FitPlan", "fit"]

_LONG = 100  # batches of a run for which the memory of the whole process is managed differently


@dataclass(frozen=True, kw_only=True)
class FitPlan:
    """Options of `fit` besides the training itself.

    Args:
        validate: called between epochs; returns numbers by name.
        callbacks: called with each step, epoch and validation on the main process; an exception in one ends the run.
        max_steps: stop after this number of updates.
        output_dir: folder for checkpoints; None saves none.
        resume: "auto" continues from the newest checkpoint in ``output_dir``, if there is one; a path names one.
        start_epoch: epochs that a new run counts as finished.
        progress: show a progress bar.
    """

    validate: Callable[[], Mapping[str, Any]] | None = None
    callbacks: tuple[Callback, ...] = ()
    max_steps: int | None = None
    output_dir: Path | None = None
    resume: Literal["auto"] | Path | None = None
    start_epoch: int = 0
    progress: bool = True


def fit(
    learner: Learner, loader: Iterable[Clip], epochs: int, plan: FitPlan | None = None
) -> list[dict[str, float]]:
    """Train until the last epoch, ``max_steps`` or the end of patience is reached.

    On a CPU a run of 100 batches or more calls `videoreid.utils.reuse_freed_memory`.

    Args:
        learner: model, criterion and optimisers; it keeps the counters of the run.
        loader: yields `Clip` batches, see `LoaderInfo`.
        epochs: total number of epochs.
        plan: validation, callbacks, checkpoints and limits.

    Returns:
        One row per finished epoch: mean losses, lr, and the numbers from ``validate``; and a row for the epoch inside
        which ``max_steps`` stopped.

    Raises:
        TrainingError: a loss is NaN or infinite; the message names the batch, which has not changed the model.
        CheckpointError: no checkpoint can be read, or it belongs to another run.
        ConfigError: the loader has no batch, or the schedule follows a number that no validation returns.
        WorkerError: a worker process of the loader has died.
    """
    plan, state = plan or FitPlan(), learner.progress
    _check_schedule(learner, plan)
    planned = epochs * LoaderInfo.of(loader).count_batches()
    if learner.device.type == "cpu" and planned >= _LONG:
        reuse_freed_memory()
    stream = begin_run(learner, plan.resume, plan.output_dir, start_epoch=plan.start_epoch)
    if state.step == 0 and process_rank() == 0:
        for callback in plan.callbacks:
            if isinstance(callback, RunWatcher):
                callback.begin_run()
    with worker_errors(), catch_interrupts() as interrupt, _bar(learner, loader, epochs, plan) as bar:
        if state.unvalidated and (state.batch == 0 or _is_over(learner, plan)):
            _validate(learner, plan, learner.position)
        while state.epoch < epochs and not _is_over(learner, plan):
            state.go_on()
            batches = EpochBatches(loader, state.epoch, used=state.batch, stream=stream)
            stream = None
            if state.batch == 0:  # in the middle of an epoch, the checkpoint holds what the hooks changed
                for hook in learner.epoch_hooks:
                    hook(state.epoch)
            learner.choose_layers()
            speed = _train(learner, batches, plan, interrupt, bar, planned=planned)
            _close(learner, batches, plan, speed, last=state.epoch + 1 >= epochs)
            if any_process(
                interrupt.signal is not None
            ):  # it was received during validation; the epoch is saved
                interrupt.raise_again()
    return state.rows()


def _train(
    learner: Learner, batches: EpochBatches, plan: FitPlan, interrupt: Interrupt, bar: Any, *, planned: int
) -> dict[str, float]:
    """Train on the batches of an epoch, or on those up to ``max_steps``; return the speed.

    ``planned`` is the number of batches of all epochs.
    """
    state, settings = learner.progress, learner.settings
    began, clips = time.perf_counter(), 0
    for clip in batches:
        began += settle_precision(learner, clip, planned, plan.output_dir)
        closes = batches.closes_group(settings.accumulation)
        values = _take_batch(learner, clip, batches, update=closes)
        clips += len(clip.pid)
        bar.update()
        rate = clips / (time.perf_counter() - began)
        text = f"loss {state.means()['loss']:.3f} lr {learner.lr:.2e} {rate:.1f} clips/s"
        bar.set_postfix_str(text, refresh=False)
        if not closes:
            continue  # gradients are pending, and no checkpoint holds them
        values["lr"] = learner.lr
        if learner.scheduler is not None and settings.schedule == "step":
            learner.scheduler.step()
        _tell(learner, plan, "step", values)
        if any_process(interrupt.signal is not None):
            save_state(learner, plan.output_dir, place_in(learner, batches))
            interrupt.raise_again()
        if settings.save_every and state.step % settings.save_every == 0 and not batches.is_finished:
            save_state(learner, plan.output_dir, place_in(learner, batches))
        if _is_over(learner, plan):
            break
    seconds = max(time.perf_counter() - began, 1e-9)
    return {"clips_per_second": clips / seconds, "data_wait": batches.waited / seconds}


def _take_batch(learner: Learner, clip: Clip, batches: EpochBatches, *, update: bool) -> dict[str, float]:
    """Run forward and backward; with ``update``, also the optimiser step that closes a group of batches."""
    group = batches.group_of(learner.settings.accumulation)
    with undone_on_error(learner.model, learner.criterion):
        with nullcontext() if update else learner.accelerator.no_sync(learner.parallel):
            losses = learner.step(move_clip(clip, learner.device))
            learner.backward(losses, group)
        # checked after the backward pass is queued, so that the device does not wait, and before weights change
        if any_process(not bool(torch.isfinite(losses["loss"]).all())):
            check_finite(losses, clip, batches.loader)
            raise TrainingError("the loss is not finite on another process, whose message names the batch")
        values = {name: float(value.detach()) for name, value in losses.items()}
        if update:
            learner.update()
    learner.progress.add(values)
    learner.progress.step += update
    return values


def _close(
    learner: Learner, batches: EpochBatches, plan: FitPlan, speed: dict[str, float], *, last: bool
) -> None:
    """Close the epoch, or store where ``max_steps`` stopped inside it; save before anything else can fail."""
    state, scheduler = learner.progress, learner.scheduler
    parts = gather_objects(state.means())
    means = {name: sum(part[name] for part in parts) / len(parts) for name in parts[0]}
    row = {"epoch": float(state.epoch + 1), **means, "lr": learner.lr}
    if not batches.is_finished:
        state.stopped = row
        state.unvalidated = plan.validate is not None
    else:
        if isinstance(scheduler, ReduceLROnPlateau):
            if scheduler.mode == "min":
                scheduler.step(row["loss"])
        elif scheduler is not None and learner.settings.schedule == "epoch":
            scheduler.step()
        state.finish_epoch(row)
        due = last or _is_over(learner, plan) or learner.settings.is_due(state.epoch)
        state.unvalidated = plan.validate is not None and due
    place = place_in(learner, batches)
    save_state(learner, plan.output_dir, place)
    if batches.is_finished:
        _tell(learner, plan, "epoch", {**row, **speed})
    if state.unvalidated:
        _validate(learner, plan, place)


def _validate(learner: Learner, plan: FitPlan, place: Position | None) -> None:
    """Validate the weights that were saved last, keep the best, and save what came of it."""
    state, metric = learner.progress, learner.settings.metric
    if plan.validate is None or place is None:
        return
    results = dict(plan.validate())
    values = {name: float(value) for name, value in results.items() if isinstance(value, Real)}
    if metric not in values:
        raise ConfigError(
            f"validate returned {', '.join(values) or 'no number'}, without {metric!r}: "
            "set settings.metric to one of them"
        )
    _tell(learner, plan, "validation", values)
    if math.isnan(values[metric]):
        get_logger("engine").warning("%s is NaN; it does not count as an improvement", metric)
    get_logger("engine").info("epoch %d: %s %.4f", state.epoch, metric, values[metric])
    if state.judge(values[metric], patient=not state.stopped):
        save_best(learner, plan.output_dir)
    state.unvalidated = False
    if state.stopped:  # a resumed epoch must train as if it had not been validated in its middle
        state.stopped |= values
    else:
        state.history[-1] |= values
        if isinstance(learner.scheduler, ReduceLROnPlateau) and learner.scheduler.mode == "max":
            learner.scheduler.step(values[metric])
        place = place_after(learner, place)
    save_state(learner, plan.output_dir, place)


def _is_over(learner: Learner, plan: FitPlan) -> bool:
    state, patience = learner.progress, learner.settings.patience
    out_of_steps = plan.max_steps is not None and state.step >= plan.max_steps
    return out_of_steps or (patience is not None and state.stale >= patience)


def _check_schedule(learner: Learner, plan: FitPlan) -> None:
    """Refuse a schedule that follows a number which no validation will return."""
    settings = learner.settings
    if not isinstance(learner.scheduler, ReduceLROnPlateau):
        return
    if settings.schedule == "step":
        raise ConfigError(
            "ReduceLROnPlateau is stepped per epoch: use TrainSettings(schedule='epoch'), which is the default"
        )
    if learner.scheduler.mode == "max" and plan.validate is None:
        raise ConfigError(
            f"ReduceLROnPlateau with mode='max' follows settings.metric ({settings.metric!r}), but there is no "
            "validate: give one, or use mode='min' to follow the loss"
        )


def _bar(learner: Learner, loader: Iterable[Clip], epochs: int, plan: FitPlan) -> Any:
    """Return the progress bar over all batches, and let the loader fetch ahead to the last one."""
    from tqdm import tqdm

    info, state = LoaderInfo.of(loader), learner.progress
    per_epoch = info.count_batches()  # of the first epoch; others may be a little shorter or longer
    total = epochs * per_epoch
    if plan.max_steps is not None:
        total = min(total, plan.max_steps * learner.settings.accumulation)
    if info.fetch_ahead is not None:
        info.fetch_ahead(-(-total // per_epoch) - 1)
    done = state.epoch * per_epoch + state.batch
    return tqdm(total=total, initial=done, unit="batch", disable=not plan.progress or process_rank() != 0)


def _tell(
    learner: Learner,
    plan: FitPlan,
    kind: Literal["step", "epoch", "validation"],
    values: Mapping[str, float],
) -> None:
    if process_rank() == 0:
        for callback in plan.callbacks:
            callback(Event(kind, learner.progress.epoch, learner.progress.step, values))
