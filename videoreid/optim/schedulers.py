"""Learning-rate schedules by name: a decay and a warm-up."""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from videoreid.errors import ConfigError, UnknownNameError

__all__ = ["DECAYS", "WARMUPS", "build_lr_scheduler", "learning_rate_factor"]

# Each decay: (epoch, milestones, gamma, max_epoch) -> factor; milestones are sorted.
Decay = Callable[[int, Sequence[int], float, int], float]


def _constant(epoch: int, milestones: Sequence[int], gamma: float, max_epoch: int) -> float:
    return 1.0


def _single_step(epoch: int, milestones: Sequence[int], gamma: float, max_epoch: int) -> float:
    return gamma ** (epoch // milestones[-1])


def _multi_step(epoch: int, milestones: Sequence[int], gamma: float, max_epoch: int) -> float:
    return gamma ** sum(milestone <= epoch for milestone in milestones)


def _cosine(epoch: int, milestones: Sequence[int], gamma: float, max_epoch: int) -> float:
    return 0.5 * (1.0 + math.cos(math.pi * min(epoch / max_epoch, 1.0)))


def _cosine_floor(epoch: int, milestones: Sequence[int], gamma: float, max_epoch: int) -> float:
    return gamma + (1.0 - gamma) * _cosine(epoch, milestones, gamma, max_epoch)


DECAYS: dict[str, Decay] = {
    "constant": _constant,
    "cosine": _cosine,
    "cosine_floor": _cosine_floor,
    "multi_step": _multi_step,
    "single_step": _single_step,
}

# Each warm-up: (finished share of the warm-up, start factor) -> factor.
WARMUPS: dict[str, Callable[[float, float], float]] = {
    "exponential": lambda done, start: start ** (1.0 - done),
    "linear": lambda done, start: start * (1.0 - done) + done,
    "none": lambda done, start: 1.0,
}


def learning_rate_factor(  # noqa: PLR0913 - torchreid's keywords, and the warm-up's
    epoch: int,
    lr_scheduler: str = "single_step",
    *,
    stepsize: int | Sequence[int] = 1,
    gamma: float = 0.1,
    max_epoch: int = 1,
    warmup: str = "none",
    warmup_epochs: int = 10,
    warmup_factor: float = 0.01,
    first_epoch: int = 0,
) -> float:
    """Return the factor on the base rate in one epoch (0-based): warm-up times decay; see `build_lr_scheduler`."""
    epoch += first_epoch
    steps = sorted([stepsize] if isinstance(stepsize, int) else stepsize)
    factor = DECAYS[lr_scheduler](epoch, steps, gamma, max_epoch)
    if epoch < warmup_epochs:
        rising = WARMUPS[warmup](epoch / warmup_epochs, warmup_factor)
        # the warm-up epochs count in this cosine, and its factor is not applied in them
        factor = rising if lr_scheduler == "cosine_floor" and warmup != "none" else factor * rising
    return factor


def build_lr_scheduler(  # noqa: PLR0913 - torchreid's keywords, and the warm-up's
    optimizer: Optimizer,
    lr_scheduler: str = "single_step",
    stepsize: int | Sequence[int] = 1,
    gamma: float = 0.1,
    *,
    max_epoch: int = 1,
    warmup: str = "none",
    warmup_epochs: int = 10,
    warmup_factor: float = 0.01,
    first_epoch: int = 0,
) -> LambdaLR:
    """Return a schedule to step once per epoch, or once per training step; all lengths below then count steps.

    Args:
        optimizer: the optimiser; its rates are multiplied by the schedule's factor.
        lr_scheduler: "single_step" (times gamma every ``stepsize`` epochs), "multi_step" (times gamma at each epoch
            in ``stepsize``), "cosine" (to 0 at ``max_epoch``), "cosine_floor" (to gamma times the rate at
            ``max_epoch``; here the warm-up replaces the first epochs, with other decays it is multiplied) or
            "constant".
        stepsize: epochs; a list for "multi_step". "single_step" takes the last value of a list.
        gamma: factor per step; for "cosine_floor" the factor at ``max_epoch``.
        max_epoch: length of the cosine in epochs.
        warmup: "none"; "linear", ``f (1 - e/E) + e/E`` in epoch e, the warm-up of the bag of tricks and of PSTA;
            or "exponential", ``f^(1 - e/E)``.
        warmup_epochs: length E of the warm-up in epochs.
        warmup_factor: factor f at epoch 0, in (0, 1].
        first_epoch: number of the first epoch: 0, or 1 where a published system steps its schedule before the first
            epoch, as TransReID and CLIP-ReID do.

    Raises:
        UnknownNameError: no such decay or warm-up.
        ConfigError: "multi_step" without a list, or a number out of range.

    Reference:
        Luo et al., Bag of Tricks and a Strong Baseline for Deep Person Re-identification, CVPRW 2019.
    """
    _check_names(lr_scheduler, warmup, stepsize)
    steps = [stepsize] if isinstance(stepsize, int) else list(stepsize)
    options: dict[str, Any] = {"gamma": gamma, "max_epoch": max_epoch, "warmup_epochs": warmup_epochs}
    options |= {"warmup_factor": warmup_factor, "first_epoch": first_epoch}
    _check_numbers(lr_scheduler, steps, options)
    return LambdaLR(
        optimizer,
        functools.partial(
            learning_rate_factor, lr_scheduler=lr_scheduler, stepsize=steps, warmup=warmup, **options
        ),
    )


def _check_names(lr_scheduler: str, warmup: str, stepsize: int | Sequence[int]) -> None:
    if lr_scheduler not in DECAYS:
        raise UnknownNameError(f"unknown lr_scheduler {lr_scheduler!r}; choose one of {', '.join(DECAYS)}")
    if warmup not in WARMUPS:
        raise UnknownNameError(f"unknown warmup {warmup!r}; choose one of {', '.join(WARMUPS)}")
    if lr_scheduler == "multi_step" and isinstance(stepsize, int):
        raise ConfigError(f"multi_step needs a list of epochs as stepsize, got {stepsize}")


def _check_numbers(lr_scheduler: str, steps: Sequence[int], options: Mapping[str, float]) -> None:
    lowest = min(steps, default=0), options["max_epoch"]
    if min(lowest) < 1 or min(options["warmup_epochs"], options["first_epoch"]) < 0:
        raise ConfigError(
            "stepsize and max_epoch must be 1 or more, warmup_epochs and first_epoch 0 or more; got "
            f"{list(steps)}, {options['max_epoch']}, {options['warmup_epochs']}, {options['first_epoch']}"
        )
    if not 0 < options["warmup_factor"] <= 1:
        raise ConfigError(f"warmup_factor must be in (0, 1], got {options['warmup_factor']}")
    if lr_scheduler == "cosine_floor" and not 0 <= options["gamma"] <= 1:
        raise ConfigError(
            f"cosine_floor ends at gamma times the rate; gamma must be in 0..1, got {options['gamma']}"
        )
