"""One call of `Engine.fit`: epochs, batches, updates, validations, checkpoints."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import asdict
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.optim.lr_scheduler import ReduceLROnPlateau

from videoreid.engine.checkpointing import (
    checkpoint_path,
    find_checkpoint,
    load_checkpoint,
    prune_checkpoints,
    save_checkpoint,
)
from videoreid.engine.epoch_batches import EpochBatches
from videoreid.engine.freezing import open_all_layers, open_specified_layers
from videoreid.engine.gathering import any_process, gather_objects, process_count, process_rank
from videoreid.engine.held_layers import hold_in_eval, layers_held_in_eval
from videoreid.engine.interrupts import Interrupt, catch_interrupts
from videoreid.engine.progress import Callback, Event, RunWatcher
from videoreid.engine.random_state import set_random_state
from videoreid.engine.run_folder import RunRecord, claim_folder, describe_run, home_of, refuse_other_run
from videoreid.engine.training import check_finite, move_clip, undone_on_error
from videoreid.errors import ConfigError, TrainingError
from videoreid.types import Clip
from videoreid.utils import get_logger

if TYPE_CHECKING:
    from videoreid.engine.engine import Engine

__all__ = ["Fit"]

# epochs that are finished, batches of the present one, and the state of each process's generators and loader
Position = tuple[int, int, list[dict[str, Any]]]


class Fit:
    """The state of one run: which loader, how long, and what happens between the steps.

    Args:
        engine: what is trained.
        loader: yields `Clip` batches and has a length.
        epochs: to train in all.
        output_dir: where checkpoints go.
    """

    def __init__(
        self, engine: Engine, loader: Iterable[Clip], epochs: int, *, output_dir: Path | None
    ) -> None:
        self.engine = engine
        self.loader = loader
        self.epochs = epochs
        self.output_dir = output_dir
        self.validate: Callable[[], Mapping[str, Any]] | None = None
        self.callbacks: tuple[Callback, ...] = ()
        self.max_steps: int | None = None
        self.batches_per_epoch = _count_batches(loader)  # of the first; for what is shown and fetched ahead
        self.batches = EpochBatches(loader, 0)
        self.held_in_eval = layers_held_in_eval(engine.model)
        self.record = self._describe()
        self.bar: Any = None

    def run(self, resume: str | Path | None, *, progress: bool) -> list[dict[str, float]]:
        """Train until an end is reached; return one row of numbers per epoch."""
        from tqdm import tqdm

        self._check_schedule()
        start = self._begin(resume)
        state = self.engine.progress
        show = progress and process_rank() == 0
        total = self.epochs * self.batches_per_epoch
        if self.max_steps is not None:
            total = min(total, self.max_steps * self.engine.settings.accumulation)
        done = state.epoch * self.batches_per_epoch + state.batch
        if hasattr(self.loader, "fetch_ahead"):
            self.loader.fetch_ahead(-(-total // self.batches_per_epoch) - 1)
        with (
            catch_interrupts() as interrupt,
            tqdm(total=total, initial=done, unit="batch", disable=not show) as bar,
        ):
            self.bar = bar
            if state.unvalidated and (state.batch == 0 or self._is_over()):
                self._validate_saved()
            while state.epoch < self.epochs and not self._is_over():
                state.go_on()
                self.batches = EpochBatches(self.loader, state.epoch)
                if start is not None and state.batch:
                    self.batches.resume_from(start, state.batch)
                start = None
                self._epoch(interrupt)
                if any_process(interrupt.signal is not None):  # it came during validation; the epoch is saved
                    interrupt.raise_again()
        return state.rows()

    def _epoch(self, interrupt: Interrupt) -> None:
        state, settings = self.engine.progress, self.engine.settings
        self._choose_layers()
        began, clips, seen = time.perf_counter(), 0, state.batch
        for clip in self.batches:
            seen += 1
            group = settings.accumulation
            if seen > self.batches.count - self.batches.count % group:
                group = self.batches.count % group  # the last group of an epoch may be smaller
            closes = seen % settings.accumulation == 0 or seen == self.batches.count
            self._batch(clip, group=group, update=closes)
            clips += len(clip.pid)
            seconds = time.perf_counter() - began
            self._show(clips / seconds)
            if not closes:
                continue  # gradients are pending, and no checkpoint holds them
            if any_process(interrupt.signal is not None):
                self._save(self._position())
                interrupt.raise_again()
            if seen < self.batches.count and settings.save_every and state.step % settings.save_every == 0:
                self._save(self._position())
            if self._is_over():
                break
        if seen < self.batches.count:
            self._stop_inside_epoch()
            return
        seconds = max(time.perf_counter() - began, 1e-9)
        self._finish_epoch({"clips_per_second": clips / seconds, "data_wait": self.batches.waited / seconds})

    def _batch(self, clip: Clip, *, group: int, update: bool) -> None:
        """Forward and backward; with ``update``, the step that closes a group of ``group`` accumulated batches."""
        engine = self.engine
        with undone_on_error(engine.model, engine.criterion):
            with nullcontext() if update else engine.accelerator.no_sync(engine.parallel):
                losses = engine.step(move_clip(clip, engine.device))
                engine.accelerator.backward(losses["loss"] / group)
            # looked at after the backward pass is queued, so that the device does not wait, and before weights change
            self._check_losses(losses, clip)
            values = {name: float(value.detach()) for name, value in losses.items()}
            if update:
                engine.update()
        engine.progress.add(values)
        if not update:
            return
        engine.progress.step += 1
        lr = self._lr()
        if engine.scheduler is not None and engine.settings.schedule == "step":
            engine.scheduler.step()
        self._tell("step", {**values, "lr": lr})

    def _check_losses(self, losses: Mapping[str, torch.Tensor], clip: Clip) -> None:
        """Stop all processes where the loss of one is not finite."""
        bad = not bool(torch.isfinite(losses["loss"]).all())
        if any_process(bad):
            check_finite(losses, clip, self.loader)
            raise TrainingError("the loss is not finite on another process, whose message names the batch")

    def _finish_epoch(self, speed: dict[str, float]) -> None:
        """Close the epoch, and save it before anything else can fail."""
        engine, state = self.engine, self.engine.progress
        row = {"epoch": float(state.epoch + 1), **self._means(), "lr": self._lr()}
        if engine.scheduler is not None and engine.settings.schedule == "epoch":
            if not isinstance(engine.scheduler, ReduceLROnPlateau):
                engine.scheduler.step()
            elif engine.scheduler.mode == "min":
                engine.scheduler.step(row["loss"])
        state.finish_epoch(row)
        last = state.epoch >= self.epochs or self._is_over()
        state.unvalidated = self.validate is not None and (last or self._is_due(state.epoch))
        self._save(self._position())
        self._tell("epoch", {**row, **speed})
        if state.unvalidated:
            self._validate_saved()

    def _stop_inside_epoch(self) -> None:
        """Save the place where ``max_steps`` is reached; the epoch goes on there when the run is resumed."""
        state = self.engine.progress
        state.stopped = {"epoch": float(state.epoch + 1), **self._means(), "lr": self._lr()}
        state.unvalidated = self.validate is not None
        self._save(self._position())
        if state.unvalidated:
            self._validate_saved()

    def _validate_saved(self) -> None:
        """Validate the weights that were saved last, and save what came of it."""
        state = self.engine.progress
        if self.validate is None:
            return
        # a run that goes on inside the epoch must not notice that it was validated there
        position = self.engine.position if state.stopped else None
        values = self._validate()
        if state.stopped:
            state.stopped |= values
        else:
            state.history[-1] |= values
            if isinstance(self.engine.scheduler, ReduceLROnPlateau) and self.engine.scheduler.mode == "max":
                self.engine.scheduler.step(values[self.engine.settings.metric])
        state.unvalidated = False
        self._save(position or self._position())

    def _is_due(self, epoch: int) -> bool:
        settings = self.engine.settings
        return epoch >= settings.validate_from and epoch % settings.validate_every == 0

    def _validate(self) -> dict[str, float]:
        engine = self.engine
        assert self.validate is not None
        results = dict(self.validate())
        values = {name: float(value) for name, value in results.items() if isinstance(value, Real)}
        metric = engine.settings.metric
        if metric not in values:
            raise ConfigError(
                f"validate returned {', '.join(values) or 'no number'}, without {metric!r}: "
                "set settings.metric to one of them"
            )
        self._tell("validation", values)
        if values[metric] != values[metric]:
            get_logger("engine").warning("%s is NaN; it counts as no improvement", metric)
        get_logger("engine").info("epoch %d: %s %.4f", engine.progress.epoch, metric, values[metric])
        is_best = engine.progress.judge(values[metric], patient=not engine.progress.stopped)
        if is_best and self.output_dir is not None and process_rank() == 0:
            weights = {
                "state_dict": engine.scored_model.state_dict(),
                "progress": engine.progress.state_dict(),
                "run": asdict(self.record),
            }
            save_checkpoint(weights, home_of(self.output_dir, self.record) / "best.pt")
        return values

    def _means(self) -> dict[str, float]:
        """Return the mean of each loss over the epoch and over the processes."""
        parts = gather_objects(self.engine.progress.means())
        return {name: sum(part[name] for part in parts) / len(parts) for name in parts[0]}

    def _is_over(self) -> bool:
        state, patience = self.engine.progress, self.engine.settings.patience
        out_of_steps = self.max_steps is not None and state.step >= self.max_steps
        return out_of_steps or (patience is not None and state.stale >= patience)

    def _choose_layers(self) -> None:
        settings, model = self.engine.settings, self.engine.model
        if self.engine.progress.epoch < settings.fixbase_epochs:
            open_specified_layers(model, settings.open_layers)
        elif settings.fixbase_epochs:
            open_all_layers(model)
        else:
            model.train()
        hold_in_eval(self.held_in_eval)

    def _position(self) -> Position:
        """Return where each process is in the epoch, with its random state."""
        state = self.engine.progress
        position = (state.epoch, state.batch, gather_objects(self.batches.state_dict()))
        self.engine.position = position
        return position

    def _save(self, position: Position) -> None:
        """Write a checkpoint that holds the random state of every process."""
        if self.output_dir is None or process_rank() != 0:
            return
        home, streams = home_of(self.output_dir, self.record), position[2]
        state = {**self.engine.state_dict(), "streams": streams, "run": asdict(self.record)}
        save_checkpoint(state, checkpoint_path(home, self.engine.progress.step))
        prune_checkpoints(home, self.engine.settings.keep)

    def _begin(self, resume: str | Path | None) -> dict[str, Any] | None:
        """Resume if asked to, make the folder this run's own, and return where this process's loader was."""
        engine, state = self.engine, self.engine.progress
        found = self._find(resume)
        if found is not None:
            path, saved = found
            self._restore(path, saved)
        elif engine.position is None or engine.position[:2] != (state.epoch, state.batch):
            state.begin_epoch()  # an error broke it off, and nobody knows where its loader was
        is_new = state.step == 0
        self.record = self._describe()
        gather_objects(None)  # every process has read before anything is moved
        if self.output_dir is not None and process_rank() == 0:
            here = found is not None and found[0].resolve().parent == self.output_dir.resolve()
            if claim_folder(self.output_dir, self.record, step=state.step, resumed_here=here):
                state.best = None
        if is_new and process_rank() == 0:
            for callback in self.callbacks:
                if isinstance(callback, RunWatcher):
                    callback.begin_run()
        if engine.position is None:
            return None
        stream: dict[str, Any] = engine.position[2][process_rank()]
        if state.batch:
            set_random_state(stream["now"])
        return stream

    def _find(self, resume: str | Path | None) -> tuple[Path, dict[str, Any]] | None:
        """Return the checkpoint to go on from."""
        if resume is None:
            return None
        if resume != "auto":
            return Path(resume), load_checkpoint(resume)
        if self.output_dir is None:
            raise ConfigError("resume='auto' looks for checkpoints in output_dir, which is not given")
        return find_checkpoint(self.output_dir)

    def _restore(self, path: Path, saved: dict[str, Any]) -> None:
        """Take over a checkpoint, after it was looked at whole: a refused one changes nothing."""
        engine, streams = self.engine, saved["streams"]
        if len(streams) != process_count():
            raise ConfigError(
                f"{path} was saved by {len(streams)} processes and this run has {process_count()}: resume with as many"
            )
        engine.refuse_misfit(saved)
        if "run" in saved:
            refuse_other_run(self._describe(), saved["run"], path)
        engine.load_state_dict(saved)
        engine.run_id = saved.get("run", {}).get("run", engine.run_id)
        engine.position = (engine.progress.epoch, engine.progress.batch, streams)
        set_random_state(streams[process_rank()]["now"])
        get_logger("engine").info("resumed from %s, step %d", path, engine.progress.step)

    def _describe(self) -> RunRecord:
        engine = self.engine
        modules, processes = (engine.model, engine.criterion), process_count()
        return describe_run(engine.run_id, modules, engine.optimizers, engine.settings, processes=processes)

    def _check_schedule(self) -> None:
        """Refuse a schedule that waits for numbers which will not come."""
        scheduler, settings = self.engine.scheduler, self.engine.settings
        if not isinstance(scheduler, ReduceLROnPlateau):
            return
        if settings.schedule == "step":
            raise ConfigError(
                "ReduceLROnPlateau looks at epochs: use TrainSettings(schedule='epoch'), which is the default"
            )
        if scheduler.mode == "max" and self.validate is None:
            raise ConfigError(
                f"ReduceLROnPlateau with mode='max' follows settings.metric ({settings.metric!r}), and there is no "
                "validate; give one, or mode='min' to follow the loss"
            )

    def _lr(self) -> float:
        return float(self.engine.optimizers[0].param_groups[-1]["lr"])

    def _show(self, clips_per_second: float) -> None:
        means = self.engine.progress.means()
        self.bar.update()
        self.bar.set_postfix_str(
            f"loss {means['loss']:.3f} lr {self._lr():.2e} {clips_per_second:.1f} clips/s", refresh=False
        )

    def _tell(self, kind: Any, values: Mapping[str, float]) -> None:
        if process_rank() == 0:
            state = self.engine.progress
            for callback in self.callbacks:
                callback(Event(kind, state.epoch, state.step, values))


def _count_batches(loader: Any) -> int:
    if not hasattr(loader, "__len__"):
        raise ConfigError(
            f"the loader ({type(loader).__name__}) has no length: an epoch must have an end; wrap its dataset"
        )
    if len(loader) == 0:
        raise ConfigError("the loader has no batch: fewer clips than one batch, or an empty training set")
    return len(loader)
