"""One call of `Engine.fit`: epochs, batches, updates, validations, checkpoints."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from videoreid.engine.checkpointing import (
    find_checkpoint,
    load_checkpoint,
    prune_checkpoints,
    save_checkpoint,
)
from videoreid.engine.epoch_batches import EpochBatches
from videoreid.engine.freezing import open_all_layers, open_specified_layers
from videoreid.engine.gathering import any_process, gather_objects, process_rank
from videoreid.engine.interrupts import Interrupt, catch_interrupts
from videoreid.engine.progress import Callback, Event
from videoreid.engine.random_state import set_random_state
from videoreid.engine.training import check_finite, move_clip
from videoreid.errors import ConfigError
from videoreid.types import Clip
from videoreid.utils import get_logger

if TYPE_CHECKING:
    from videoreid.engine.engine import Engine

__all__ = ["Fit"]


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
        self.bar: Any = None

    def run(self, resume: str | Path | None, *, progress: bool) -> list[dict[str, float]]:
        """Train until an end is reached; return one row of numbers per epoch."""
        from tqdm import tqdm

        start = self._restore(resume)
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
            while state.epoch < self.epochs and not self._is_over():
                self.batches = EpochBatches(self.loader, state.epoch)
                if start is not None and state.batch:
                    self.batches.resume_from(start, state.batch)
                start = None
                self._run_hooks()
                self._epoch(interrupt)
                if any_process(interrupt.signal is not None):  # it came during validation; the epoch is saved
                    interrupt.raise_again()
        return state.history

    def _run_hooks(self) -> None:
        """Call the engine's hooks before an epoch; in the middle of one, what they changed is in the checkpoint."""
        if self.engine.progress.batch == 0:
            for hook in self.engine.epoch_hooks:
                hook(self.engine.progress.epoch)

    def _epoch(self, interrupt: Interrupt) -> None:
        state, settings = self.engine.progress, self.engine.settings
        self._choose_layers()
        began, clips, seen = time.perf_counter(), 0, state.batch
        for clip in self.batches:
            seen += 1
            self._batch(clip, update=seen % settings.accumulation == 0 or seen == self.batches.count)
            clips += len(clip.pid)
            seconds = time.perf_counter() - began
            self._show(clips / seconds)
            if any_process(interrupt.signal is not None):
                self._save()
                interrupt.raise_again()
            if settings.save_every and state.step % settings.save_every == 0 and seen < self.batches.count:
                self._save()
            if self._is_over():
                break
        seconds = max(time.perf_counter() - began, 1e-9)
        self._finish_epoch({"clips_per_second": clips / seconds, "data_wait": self.batches.waited / seconds})

    def _batch(self, clip: Clip, *, update: bool) -> None:
        """Forward and backward; with ``update``, the step that closes a group of accumulated batches."""
        engine = self.engine
        with nullcontext() if update else engine.accelerator.no_sync(engine.parallel):
            losses = engine.step(move_clip(clip, engine.device))
            engine.accelerator.backward(losses["loss"] / engine.settings.accumulation)
        # looked at after the backward pass is queued, so that the device does not wait, and before weights change
        check_finite(losses, clip, self.loader)
        values = {name: float(value.detach()) for name, value in losses.items()}
        engine.progress.add(values)
        if not update:
            return
        engine.update()
        engine.progress.step += 1
        self._tell("step", {**values, "lr": self._lr()})
        if engine.scheduler is not None and engine.settings.schedule == "step":
            engine.scheduler.step()

    def _finish_epoch(self, speed: dict[str, float]) -> None:
        engine, state = self.engine, self.engine.progress
        row = {"epoch": float(state.epoch + 1), **self._means(), "lr": self._lr()}
        if engine.scheduler is not None and engine.settings.schedule == "epoch":
            engine.scheduler.step()
        self._tell("epoch", {**row, **speed})
        last = state.epoch + 1 >= self.epochs or self._is_over()
        validated = {}
        if self.validate is not None and (last or self._is_due(state.epoch + 1)):
            validated = self._validate()
        state.finish_epoch({**row, **validated})
        self._save()

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
        get_logger("engine").info("epoch %d: %s %.4f", engine.progress.epoch + 1, metric, values[metric])
        if engine.progress.judge(values[metric]) and self.output_dir is not None and process_rank() == 0:
            weights = {
                "state_dict": engine.scored_model.state_dict(),
                "progress": engine.progress.state_dict(),
            }
            save_checkpoint(weights, self.output_dir / "best.pt")
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

    def _save(self) -> None:
        """Write a checkpoint that holds the random state of every process."""
        if self.output_dir is None:
            return
        streams = gather_objects(self.batches.state_dict())
        if process_rank() == 0:
            state = {**self.engine.state_dict(), "streams": streams}
            save_checkpoint(state, self.output_dir / f"checkpoint-{self.engine.progress.step:08d}.pt")
            prune_checkpoints(self.output_dir, self.engine.settings.keep)

    def _restore(self, resume: str | Path | None) -> dict[str, Any] | None:
        """Load a checkpoint if asked to and set the generators; return where this process's loader was."""
        if resume is None:
            return None
        if resume == "auto":
            if self.output_dir is None:
                raise ConfigError("resume='auto' looks for checkpoints in output_dir, which is not given")
            found = find_checkpoint(self.output_dir)
            if found is None:
                return None
            path, state = found
        else:
            path, state = Path(resume), load_checkpoint(resume)
        self.engine.load_state_dict(state)
        streams = state["streams"]
        if len(streams) <= process_rank():
            raise ConfigError(f"{path} was saved by {len(streams)} processes; resume with as many")
        stream: dict[str, Any] = streams[process_rank()]
        set_random_state(stream["now"])
        get_logger("engine").info("resumed from %s, step %d", path, self.engine.progress.step)
        return stream

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
            finished = state.epoch + (kind != "step")
            for callback in self.callbacks:
                callback(Event(kind, finished, state.step, values))


def _count_batches(loader: Any) -> int:
    if not hasattr(loader, "__len__"):
        raise ConfigError(
            f"the loader ({type(loader).__name__}) has no length: an epoch must have an end; wrap its dataset"
        )
    if len(loader) == 0:
        raise ConfigError("the loader has no batch: fewer clips than one batch, or an empty training set")
    return len(loader)
