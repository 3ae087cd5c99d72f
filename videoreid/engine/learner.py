"""The learner: model, criterion, optimisers and schedule, with a training step and a state."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from videoreid.engine.accelerator import new_accelerator
from videoreid.engine.gathering import gather_output
from videoreid.engine.progress import Progress
from videoreid.engine.settings import TrainSettings
from videoreid.engine.training import Losses, forward
from videoreid.engine.training_state import Position, TrainingState
from videoreid.errors import CheckpointError, ConfigError, TrainingError
from videoreid.inference.extraction import Precision
from videoreid.inference.kernel_check import ConvolutionCheck, in_float32
from videoreid.models.freezing import open_all_layers, open_specified_layers, train_mode
from videoreid.optim.resuming import resume_schedule
from videoreid.types import Clip, ReIDOutput
from videoreid.utils.printing import count_of, html_table
from videoreid.utils.processes import process_count
from videoreid.utils.wrappers import unwrap_model

__all__ = ["Learner"]


class Learner:
    """Model, criterion and optimisers on their device, on one process or on several.

    Override `step` to change the training step. `videoreid.engine.fitting.fit` trains it over epochs, and calls the
    functions in ``epoch_hooks`` with the number of each epoch (0-based) before its first batch, on every process.

    Args:
        model: the network; moved to the device.
        criterion: ``(output, clip) -> losses``, see `videoreid.losses.Criterion`; moved to the device.
        optimizer: one, or several that are stepped in order (such as a second one for class centres).
        scheduler: stepped once per epoch or per step (see `TrainSettings`). `ReduceLROnPlateau` follows
            ``settings.metric`` at each validation with mode "max", and the mean loss of each epoch with mode "min".
        settings: training options.
        device: None takes the best available device.

    Raises:
        ConfigError: half precision is requested for a float64 network.
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
            _use_float64(self.criterion, self.settings)
        self.optimizers = [optimizer] if isinstance(optimizer, Optimizer) else list(optimizer)
        self.scheduler = scheduler
        self.progress = Progress()
        self.run_id = uuid4().hex
        self.position: Position | None = None  # where the last `fit` was stopped
        self.epoch_hooks: list[Callable[[int], None]] = []
        self._check = ConvolutionCheck()
        if self.settings.channels_last:
            _use_channels_last(self.model)
        self.parallel = self._wrap() if process_count() > 1 else self.model
        self.ema: AveragedModel | None = None
        if self.settings.ema_decay is not None:
            average = get_ema_multi_avg_fn(self.settings.ema_decay)
            self.ema = AveragedModel(self.model, multi_avg_fn=average, use_buffers=True)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name} {value}' for name, value in _facts(self))})"

    def _repr_html_(self) -> str:
        return html_table(type(self).__name__, _facts(self))

    @property
    def scored_model(self) -> nn.Module:
        """The model that is scored: the moving average, if there is one."""
        return self.model if self.ema is None else self.ema.module

    @property
    def lr(self) -> float:
        """The learning rate of the last parameter group of the first optimiser."""
        return float(self.optimizers[0].param_groups[-1]["lr"])

    def use_precision(self, precision: Precision) -> None:
        """Compute the forward pass in an arithmetic from now on; ``settings.precision`` holds it."""
        self.settings = replace(self.settings, precision=precision)
        self.accelerator = new_accelerator(precision, self.device)

    def step(self, clip: Clip) -> Losses:
        """Return the losses of one batch; override this method to change the training step.

        Args:
            clip: on the learner's device, frames uint8.
        """
        return self.losses(self.forward(clip), clip)

    def forward(self, clip: Clip) -> ReIDOutput:
        """Run the model on a batch in the chosen precision; return the output in float32, or in float64 if it is."""
        wrong = self._check(self.model, clip.frames, clip.camid, precision=self.settings.precision)
        with self.accelerator.autocast(), in_float32(wrong):
            output = forward(self.parallel, clip.frames, clip.camid)
        return ReIDOutput(
            _at_least_float32(output.embedding),
            tuple(_at_least_float32(logits) for logits in output.logits),
            tuple(_at_least_float32(features) for features in output.features),
            {name: _at_least_float32(value) for name, value in output.extras.items()},
        )

    def losses(self, output: ReIDOutput, clip: Clip) -> Losses:
        """Apply the criterion; with ``gather_features``, to the batches of all processes together."""
        if self.settings.gather_features and process_count() > 1:
            output, clip = gather_output(output, clip)
        losses: Losses = self.criterion(output, clip)
        return losses

    def backward(self, losses: Losses, group: int) -> None:
        """Leave the gradients of the loss, divided by the number of accumulated batches, on the parameters."""
        self.accelerator.backward(losses["loss"] / group)

    def update(self) -> None:
        """Step the optimisers with the current gradients, and clear the gradients.

        Raises:
            TrainingError: ``clip_norm`` is set and the norm of the gradient is not finite.
        """
        self._average_criterion_gradients()
        scaler = self.accelerator.scaler
        if scaler is not None:
            for optimizer in self.optimizers:
                scaler.unscale_(optimizer)
        if self.settings.clip_norm is not None:
            norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip_norm)
            if scaler is None and not bool(torch.isfinite(norm)):
                raise TrainingError(
                    "the gradient is not finite although the loss is finite: look for a square root or logarithm of 0"
                )
        for optimizer in self.optimizers:
            optimizer.step() if scaler is None else scaler.step(optimizer)
        if scaler is not None:
            scaler.update()
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        if self.ema is not None:
            self.ema.update_parameters(self.model)

    def choose_layers(self) -> None:
        """Set train mode on the layers that train in this epoch; layers frozen by the user stay frozen."""
        _choose_layers(self)

    def state(self) -> TrainingState:
        """Return everything that training changes, except the generators and the loader."""
        scaler = self.accelerator.scaler
        return TrainingState(
            state_dict=self.model.state_dict(),
            progress=self.progress.state_dict(),
            criterion=self.criterion.state_dict(),
            optimizers=[optimizer.state_dict() for optimizer in self.optimizers],
            scheduler=None if self.scheduler is None else self.scheduler.state_dict(),
            scaler=None if scaler is None else scaler.state_dict(),
            ema=None if self.ema is None else self.ema.state_dict(),
        )

    def state_dict(self) -> dict[str, Any]:
        """Return `state` as a dictionary."""
        return self.state().to_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned; the learning rate comes from the schedule of this learner.

        Raises:
            CheckpointError: the state belongs to another model, criterion, or set of optimisers.
        """
        saved = TrainingState.from_dict(state)
        self.refuse_misfit(saved)
        groups = None
        try:
            self.model.load_state_dict(saved.state_dict)
            if self.scheduler is not None and saved.scheduler is not None:
                groups = resume_schedule(self.scheduler, saved.scheduler)
            for optimizer, values in zip(self.optimizers, saved.optimizers, strict=True):
                optimizer.load_state_dict(dict(values))
            others = {"criterion": self.criterion, "scaler": self.accelerator.scaler, "ema": self.ema}
            for name, part in others.items():
                if part is not None:
                    part.load_state_dict(getattr(saved, name))
        except (RuntimeError, ValueError, KeyError) as error:
            raise CheckpointError(f"the checkpoint belongs to another run: {error}") from error
        if self.scheduler is not None and groups is not None:
            for group, options in zip(self.scheduler.optimizer.param_groups, groups, strict=True):
                group.update(options)
        self.progress.load_state_dict(saved.progress)

    def refuse_misfit(self, saved: TrainingState) -> None:
        """Refuse the state of another run; nothing is changed.

        Raises:
            CheckpointError: a part is missing or does not fit; the message names it.
        """
        parts = {"state_dict": self.model, "criterion": self.criterion, "ema": self.ema}
        others = {"scheduler": self.scheduler, "scaler": self.accelerator.scaler}
        saved.refuse_misfit({**parts, **others}, len(self.optimizers))

    def _wrap(self) -> nn.Module:
        """Wrap the model for several processes, without accelerate's autocast: `forward` already autocasts."""
        wrapped: nn.Module = self.accelerator.prepare_model(self.model)
        self.accelerator.unwrap_model(wrapped, keep_fp32_wrapper=False)
        return wrapped

    def _average_criterion_gradients(self) -> None:
        """Average the gradients of the criterion over the processes; the wrapper does this only for the model."""
        if process_count() > 1:
            gradients: list[Tensor] = [p.grad for p in self.criterion.parameters() if p.grad is not None]
            for gradient in gradients:
                gradient.copy_(self.accelerator.reduce(gradient, "mean"))


def _choose_layers(learner: Learner) -> None:
    settings = learner.settings
    if learner.progress.epoch < settings.fixbase_epochs:
        open_specified_layers(learner.model, settings.open_layers)
    elif settings.fixbase_epochs:
        open_all_layers(learner.model)
    else:
        train_mode(learner.model)


def _facts(learner: Learner) -> list[tuple[str, str]]:
    """Return the names and values that a learner prints."""
    state, model = learner.progress, unwrap_model(learner.model)
    name = getattr(model, "build_arguments", {}).get("name") or type(model).__name__
    rates = ", ".join(
        f"{type(one).__name__} lr {one.param_groups[-1]['lr']:.3g}" for one in learner.optimizers
    )
    best = [] if state.best is None else [("best", f"{state.best:.4g}")]
    done = f"{count_of(state.epoch, 'epoch')}, {count_of(state.step, 'update')}"
    return [
        ("model", str(name)),
        ("criterion", type(learner.criterion).__name__),
        ("optimizer", rates),
        ("device", str(learner.device)),
        ("done", done),
        *best,
    ]


def _use_float64(criterion: nn.Module, settings: TrainSettings) -> None:
    if settings.precision not in ("auto", "float32"):
        raise ConfigError(
            f"precision={settings.precision!r} runs a float32 network in half precision, but this network is float64: "
            "call model.float(), or use precision='float32', which keeps float64"
        )
    criterion.double()


def _at_least_float32(values: Tensor) -> Tensor:
    return values.to(torch.promote_types(values.dtype, torch.float32))


def _use_channels_last(model: nn.Module) -> None:
    """Store 2-D convolution weights channels last; 3-D convolutions (five axes) stay unchanged."""
    for parameter in model.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
