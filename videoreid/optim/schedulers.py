"""Learning-rate schedules by name: a decay, and a warm-up before it."""

import math
from collections.abc import Callable, Sequence

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


DECAYS: dict[str, Decay] = {
    "constant": _constant,
    "cosine": _cosine,
    "multi_step": _multi_step,
    "single_step": _single_step,
}

# Each warm-up: (share of the warm-up that is done, start factor) -> factor.
WARMUPS: dict[str, Callable[[float, float], float]] = {
    "exponential": lambda done, start: start ** (1.0 - done),
    "linear": lambda done, start: start * (1.0 - done) + done,
    "none": lambda done, start: 1.0,
}


def learning_rate_factor(
    epoch: int,
    lr_scheduler: str = "single_step",
    *,
    stepsize: int | Sequence[int] = 1,
    gamma: float = 0.1,
    max_epoch: int = 1,
    warmup: str = "none",
    warmup_epochs: int = 10,
    warmup_factor: float = 0.01,
) -> float:
    """Return the factor on the base rate in one epoch (0-based): warm-up times decay; see `build_lr_scheduler`."""
    steps = sorted([stepsize] if isinstance(stepsize, int) else stepsize)
    factor = DECAYS[lr_scheduler](epoch, steps, gamma, max_epoch)
    if epoch < warmup_epochs:
        factor *= WARMUPS[warmup](epoch / warmup_epochs, warmup_factor)
    return factor


def build_lr_scheduler(
    optimizer: Optimizer,
    lr_scheduler: str = "single_step",
    stepsize: int | Sequence[int] = 1,
    gamma: float = 0.1,
    *,
    max_epoch: int = 1,
    warmup: str = "none",
    warmup_epochs: int = 10,
    warmup_factor: float = 0.01,
) -> LambdaLR:
    """Return a schedule that is stepped once an epoch (or once a step: then every number below counts steps).

    Args:
        optimizer: whose rates are scaled.
        lr_scheduler: "single_step" (every ``stepsize`` epochs times gamma), "multi_step" (at each of the
            ``stepsize`` epochs times gamma), "cosine" (to 0 at ``max_epoch``) or "constant".
        stepsize: epochs; a list for "multi_step", of which "single_step" takes the last.
        gamma: decay per step.
        max_epoch: length of the cosine.
        warmup: "none"; "linear", ``f (1 - e/E) + e/E`` in epoch e, the warm-up of the bag of tricks and of PSTA;
            or "exponential", ``f^(1 - e/E)``.
        warmup_epochs: E.
        warmup_factor: f, the share of the rate at epoch 0.

    Raises:
        UnknownNameError: no such decay or warm-up.
        ConfigError: "multi_step" without a list, or a number out of range.

    Reference:
        Luo et al., Bag of Tricks and a Strong Baseline for Deep Person Re-identification, CVPRW 2019, section 2.1.
    """
    if lr_scheduler not in DECAYS:
        raise UnknownNameError(f"unknown lr_scheduler {lr_scheduler!r}; choose one of {', '.join(DECAYS)}")
    if warmup not in WARMUPS:
        raise UnknownNameError(f"unknown warmup {warmup!r}; choose one of {', '.join(WARMUPS)}")
    if lr_scheduler == "multi_step" and isinstance(stepsize, int):
        raise ConfigError(f"multi_step needs a list of epochs as stepsize, got {stepsize}")
    steps = [stepsize] if isinstance(stepsize, int) else list(stepsize)
    if not steps or min(steps) < 1 or max_epoch < 1 or warmup_epochs < 0 or not 0 < warmup_factor <= 1:
        raise ConfigError(
            "stepsize and max_epoch must be 1 or more, warmup_epochs 0 or more and warmup_factor in (0, 1]; got "
            f"{stepsize}, {max_epoch}, {warmup_epochs}, {warmup_factor}"
        )
    return LambdaLR(
        optimizer,
        lambda epoch: learning_rate_factor(
            epoch,
            lr_scheduler,
            stepsize=steps,
            gamma=gamma,
            max_epoch=max_epoch,
            warmup=warmup,
            warmup_epochs=warmup_epochs,
            warmup_factor=warmup_factor,
        ),
    )
