"""The engine: a model, its criterion and its optimisers, and how to train and score them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from videoreid.engine.accelerator import new_accelerator
from videoreid.engine.evaluation import check_matches, evaluate
from videoreid.engine.fitting import Fit, Position
from videoreid.engine.gathering import gather_output, process_count
from videoreid.engine.progress import Callback, Progress
from videoreid.engine.settings import TrainSettings
from videoreid.engine.training import Losses, forward
from videoreid.errors import CheckpointError, ConfigError, TrainingError
from videoreid.optim.resuming import resume_schedule
from videoreid.types import Clip, Ranking, ReIDOutput

__all__ = ["Engine"]


class Engine:
    """Train and score one model, on one process or on several.

    The engine is handed modules and loaders and knows nothing of datasets. Override `step` to train differently.
    Functions in ``epoch_hooks`` are called with the number of each epoch (0-based) before its first batch, on every
    process.

    Args:
        model: the network; moved to the device.
        criterion: ``(output, clip) -> losses``, see `videoreid.losses.Criterion`; moved to the device.
        optimizer: one, or several that are stepped in order (the second one for class centres).
        scheduler: stepped once an epoch, or once a step (see `TrainSettings`). `ReduceLROnPlateau` follows
            ``settings.metric`` at each validation with mode "max", and the mean loss of each epoch with mode "min".
        settings: everything else.
        device: None takes the best there is.

    Example:
        >>> from videoreid.engine import Engine, TrainSettings
        >>> settings = TrainSettings(clip_norm=1.0, ema_decay=0.999)
        >>> engine = Engine(model, criterion, optimizer, settings=settings)  # doctest: +SKIP
    """

    def __init__(
        self,
        model: nn.Module,
        criterion: nn.Module,
        optimizer: Optimizer | Sequence[Optimizer],
        scheduler: LRScheduler | None = None,
        *,
        settings: TrainSettings | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        self.settings = settings or TrainSettings()
        self.accelerator = new_accelerator(self.settings.precision, device)
        self.device: torch.device = self.accelerator.device
        self.model = model.to(self.device)
        self.criterion = criterion.to(self.device)
        if any(parameter.dtype == torch.float64 for parameter in model.parameters()):
            if self.settings.precision != "float32":
                raise ConfigError(
                    f"precision={self.settings.precision!r} runs a float32 network in half precision, and this one is "
                    "float64: call model.float(), or use precision='float32', which leaves it in float64"
                )
            self.criterion.double()
        self.optimizers = [optimizer] if isinstance(optimizer, Optimizer) else list(optimizer)
        self.scheduler = scheduler
        self.progress = Progress()
        self.run_id = uuid4().hex
        self.position: Position | None = None  # where the last `fit` was stopped
        self.epoch_hooks: list[Callable[[int], None]] = []
        if self.settings.channels_last:
            _use_channels_last(self.model)
        self.parallel = self._wrap() if process_count() > 1 else self.model
        self.ema: AveragedModel | None = None
        if self.settings.ema_decay is not None:
            average = get_ema_multi_avg_fn(self.settings.ema_decay)
            self.ema = AveragedModel(self.model, multi_avg_fn=average, use_buffers=True)

    def step(self, clip: Clip) -> Losses:
        """Return the losses of one batch; the one method to override.

        Args:
            clip: on the engine's device, frames uint8.
        """
        return self.losses(self.forward(clip), clip)

    def forward(self, clip: Clip) -> ReIDOutput:
        """Run the model on a batch in the chosen precision and return its output in float32 (float64 stays)."""
        with self.accelerator.autocast():
            output = forward(self.parallel, clip.frames, clip.camid)
        return ReIDOutput(
            _at_least_float32(output.embedding),
            tuple(_at_least_float32(logits) for logits in output.logits),
            tuple(_at_least_float32(features) for features in output.features),
            {name: _at_least_float32(value) for name, value in output.extras.items()},
        )

    def losses(self, output: ReIDOutput, clip: Clip) -> Losses:
        """Apply the criterion, to the batches of all processes together where the settings say so."""
        if self.settings.gather_features and process_count() > 1:
            output, clip = gather_output(output, clip)
        losses: Losses = self.criterion(output, clip)
        return losses

    def fit(
        self,
        loader: Iterable[Clip],
        epochs: int,
        *,
        validate: Callable[[], Mapping[str, Any]] | None = None,
        output_dir: str | Path | None = None,
        resume: Literal["auto"] | Path | None = None,
        callbacks: Sequence[Callback] = (),
        max_steps: int | None = None,
        progress: bool = True,
    ) -> list[dict[str, float]]:
        """Train for a number of epochs.

        Args:
            loader: yields `Clip` batches, has a length, and hears of each epoch through ``set_epoch`` if it has it.
            epochs: to train in all, those before a resume included.
            validate: called between epochs; returns numbers by name, such as
                ``lambda: engine.evaluate(queries, gallery).summary()``.
            output_dir: where checkpoints go; None saves none. A folder belongs to one run: where a new run begins, the
                files of an older one are moved to ``run-<n>`` inside it.
            resume: "auto" goes on from the newest readable checkpoint in ``output_dir``, if there is one; a path
                names it.
            callbacks: told of each step, epoch and validation on the main process; an exception from one ends
                the run.
            max_steps: stop after so many updates; where that is inside an epoch, a resume goes on with its next batch.
            progress: show one bar with loss, rate, clips per second and the time that is left.

        Returns:
            One row per finished epoch: mean losses, lr, and what ``validate`` returned; and one of the epoch inside
            which ``max_steps`` stopped.

        Raises:
            TrainingError: a loss is NaN or infinite; the batch is named, and has changed nothing.
            CheckpointError: no checkpoint can be read, or it belongs to another run.
            ConfigError: it was saved by fewer or more processes, or a schedule waits for what will not come.
            KeyboardInterrupt: Ctrl-C; a checkpoint has been saved (SIGTERM likewise ends with SystemExit).
        """
        fit = Fit(self, loader, epochs, output_dir=None if output_dir is None else Path(output_dir))
        fit.validate, fit.callbacks, fit.max_steps = validate, tuple(callbacks), max_steps
        return fit.run(resume, progress=progress)

    def evaluate(
        self, query_loader: Iterable[Clip], gallery_loader: Iterable[Clip], **options: Any
    ) -> Ranking:
        """Score the model (its moving average, if there is one); see `videoreid.engine.evaluate` for the options."""
        return evaluate(self.scored_model, query_loader, gallery_loader, **options)

    def validation(
        self, query_loader: Iterable[Clip], gallery_loader: Iterable[Clip], **options: Any
    ) -> Callable[[], dict[str, Any]]:
        """Return a ``validate`` for `fit`: `evaluate` on these loaders, as numbers by name.

        That some query can be found in the gallery is looked at here, before anything is trained.

        Args:
            query_loader: clips of the query tracklets.
            gallery_loader: clips of the gallery tracklets.
            options: of `evaluate`.

        Raises:
            ProtocolError: no query can have a match, whatever the network learns.
        """
        query, gallery = (
            getattr(getattr(loader, "dataset", None), "tracklets", None)
            for loader in (query_loader, gallery_loader)
        )
        if query is not None and gallery is not None:
            check_matches(query, gallery, protocol=options.get("protocol", "cross_camera"))
        return lambda: self.evaluate(query_loader, gallery_loader, **options).summary()

    @property
    def scored_model(self) -> nn.Module:
        """The weights that `evaluate` scores."""
        return self.model if self.ema is None else self.ema.module

    def update(self) -> None:
        """Apply the gradients that `step` and a backward pass have left, and clear them."""
        self._average_criterion_gradients()
        scaler = self.accelerator.scaler
        if scaler is not None:
            for optimizer in self.optimizers:
                scaler.unscale_(optimizer)
        if self.settings.clip_norm is not None:
            norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip_norm)
            if scaler is None and not bool(torch.isfinite(norm)):
                raise TrainingError(
                    "the gradient is not finite although the loss is: look for a square root or a logarithm of 0"
                )
        for optimizer in self.optimizers:
            optimizer.step() if scaler is None else scaler.step(optimizer)
        if scaler is not None:
            scaler.update()
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        if self.ema is not None:
            self.ema.update_parameters(self.model)

    def state_dict(self) -> dict[str, Any]:
        """Return everything that changes in training, but for the generators and the loader."""
        return {
            "state_dict": self.model.state_dict(),
            "criterion": self.criterion.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            "scaler": None if self.accelerator.scaler is None else self.accelerator.scaler.state_dict(),
            "ema": None if self.ema is None else self.ema.state_dict(),
            "progress": self.progress.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned; the rate comes from the schedule of this engine.

        Raises:
            CheckpointError: it is of another model, criterion, or set of optimisers.
        """
        self.refuse_misfit(state)
        try:
            self.model.load_state_dict(state["state_dict"])
            self.criterion.load_state_dict(state["criterion"])
            groups = None if self.scheduler is None else resume_schedule(self.scheduler, state["scheduler"])
            for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
                optimizer.load_state_dict(saved)
            for part, name in ((self.accelerator.scaler, "scaler"), (self.ema, "ema")):
                if part is not None:
                    part.load_state_dict(state[name])
        except (RuntimeError, ValueError, KeyError) as error:
            raise CheckpointError(f"the checkpoint belongs to another run: {error}") from error
        if self.scheduler is not None and groups is not None:
            for group, values in zip(self.scheduler.optimizer.param_groups, groups, strict=True):
                group.update(values)
        self.progress.load_state_dict(state["progress"])

    def refuse_misfit(self, state: Mapping[str, Any]) -> None:
        """Refuse the state of another run before any part of it is taken over.

        Raises:
            CheckpointError: names what is missing or does not fit.
        """
        parts = {"state_dict": self.model, "criterion": self.criterion, "ema": self.ema}
        others = {"scheduler": self.scheduler, "scaler": self.accelerator.scaler}
        wrong = []
        for name, part in {**parts, **others}.items():
            if (part is None) != (state.get(name) is None):
                wrong.append(f"{name} is missing in {'this run' if part is None else 'the checkpoint'}")
        for name, module in parts.items():
            if module is not None and state.get(name) is not None:
                wrong += _misfits(name, module.state_dict(), state[name])
        if len(state.get("optimizers", ())) != len(self.optimizers):
            wrong.append(f"it has {len(state.get('optimizers', ()))} optimisers, not {len(self.optimizers)}")
        if wrong:
            raise CheckpointError(f"the checkpoint belongs to another run: {'; '.join(wrong[:5])}")

    def _wrap(self) -> nn.Module:
        """Wrap the model for several processes, without accelerate's patch of its forward: `forward` autocasts."""
        wrapped: nn.Module = self.accelerator.prepare_model(self.model)
        self.accelerator.unwrap_model(wrapped, keep_fp32_wrapper=False)
        return wrapped

    def _average_criterion_gradients(self) -> None:
        """Average what the criterion has learnt over the processes; the wrapper does so for the model alone."""
        if process_count() > 1:
            gradients: list[Tensor] = [p.grad for p in self.criterion.parameters() if p.grad is not None]
            for gradient in gradients:
                gradient.copy_(self.accelerator.reduce(gradient, "mean"))


def _at_least_float32(values: Tensor) -> Tensor:
    return values.to(torch.promote_types(values.dtype, torch.float32))


def _use_channels_last(model: nn.Module) -> None:
    """Lay convolution weights out channels last; those over space and time (five axes) stay as they are."""
    for parameter in model.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


def _misfits(part: str, own: Mapping[str, Any], saved: Mapping[str, Any]) -> list[str]:
    """Return what keeps a module from taking over a saved state."""
    shapes = [
        {name: tuple(value.shape) for name, value in state.items() if isinstance(value, Tensor)}
        for state in (own, saved)
    ]
    return [
        f"{part}.{name} is {shapes[1].get(name, 'absent')} in the checkpoint and {shapes[0].get(name, 'absent')} here"
        for name in dict.fromkeys([*shapes[0], *shapes[1]])
        if shapes[0].get(name) != shapes[1].get(name)
    ]
