"""Training options."""

from dataclasses import dataclass
from typing import Literal

from videoreid.errors import ConfigError
from videoreid.inference.extraction import PRECISIONS
from videoreid.inference.precision import AutoPrecision

__all__ = ["TrainSettings"]


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """Options of a training run; the defaults suit a plain run on one process.

    Args:
        precision: arithmetic of the forward pass; "float16" scales the loss and needs CUDA. "auto" is "bfloat16" if
            the hardware has it (CUDA from Ampere on, processors with AVX512-BF16 or AMX), the run has at least 500
            batches, and the network is more than 15 % faster in it, timed on the first batch; otherwise "float32". The
            learner's settings, run record and checkpoints hold the choice, and a resumed run keeps it.
        accumulation: batches whose gradients are averaged into one update.
        clip_norm: largest norm of the model's gradient, above 0; None does not clip.
        ema_decay: decay of an exponential moving average of the weights, which `evaluate` then scores; None keeps none.
        channels_last: store convolution weights in the memory layout that oneDNN and tensor cores prefer; results
            differ in the last bits only.
        gather_features: with several processes, compute every loss on the batches of all processes together.
        schedule: step the learning-rate schedule after every "epoch" or every "step".
        fixbase_epochs: epochs in which only ``open_layers`` train.
        open_layers: names of direct children of the model, see ``fixbase_epochs``.
        validate_every: epochs between two calls of ``validate``.
        validate_from: first epoch (1-based) after which ``validate`` is called; the last epoch always is.
        metric: number from ``validate`` that chooses the best checkpoint; larger is better.
        patience: validations without a better metric after which training stops; None never stops.
        save_every: updates between two checkpoints inside an epoch; None saves at the end of epochs only.
        keep: number of checkpoints to keep, not counting the best one; with two or more, one may be damaged.

    Raises:
        ConfigError: a value is out of range.
    """

    precision: AutoPrecision = "auto"
    accumulation: int = 1
    clip_norm: float | None = None
    ema_decay: float | None = None
    channels_last: bool = True
    gather_features: bool = False
    schedule: Literal["epoch", "step"] = "epoch"
    fixbase_epochs: int = 0
    open_layers: tuple[str, ...] = ()
    validate_every: int = 1
    validate_from: int = 1
    metric: str = "mAP"
    patience: int | None = None
    save_every: int | None = None
    keep: int = 2

    def __post_init__(self) -> None:
        if self.precision not in ("auto", *PRECISIONS):
            known = ", ".join(("auto", *PRECISIONS))
            raise ConfigError(f"unknown precision {self.precision!r}; choose one of {known}")
        if self.schedule not in ("epoch", "step"):
            raise ConfigError(f"unknown schedule {self.schedule!r}; choose 'epoch' or 'step'")
        for name in ("accumulation", "validate_every", "validate_from", "patience", "save_every", "keep"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"{name} must be 1 or more, got {value}")
        if (
            self.clip_norm is not None and not self.clip_norm > 0
        ):  # a negative value would reverse the gradient
            raise ConfigError(f"clip_norm must be above 0, got {self.clip_norm}")
        if self.ema_decay is not None and not 0 <= self.ema_decay < 1:
            raise ConfigError(f"ema_decay must be in [0, 1), got {self.ema_decay}")
        if self.fixbase_epochs and not self.open_layers:
            raise ConfigError(
                "fixbase_epochs needs open_layers: the names of the layers that train in these epochs"
            )

    def is_due(self, epoch: int) -> bool:
        """Return whether a validation follows an epoch, counted from 1; the last epoch always has one."""
        return epoch >= self.validate_from and epoch % self.validate_every == 0
