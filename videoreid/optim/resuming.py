"""Schedules on a resume: the rate comes from the schedule that is given now."""

import warnings
from collections.abc import Mapping
from typing import Any

from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

__all__ = ["resume_schedule"]

_SEEN = ("best", "num_bad_epochs", "cooldown_counter", "last_epoch", "_last_lr")


def resume_schedule(scheduler: Any, saved: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Bring a schedule to where a saved one stood, and keep its own form (length, milestones, factors).

    A schedule is a function of the number of its steps, so it is stepped as often as the saved one was; a longer
    cosine then has its own rate at once, and not the one at which the old one ended. Must be called before the
    optimiser's state is loaded, which holds the old rates. `ReduceLROnPlateau`, whose rate depends on what it has seen,
    takes that over and keeps the loaded rate. What is no schedule of torch is loaded whole.

    Args:
        scheduler: of the present run.
        saved: ``state_dict`` of the schedule of the saved run.

    Returns:
        What to put into each parameter group of ``scheduler.optimizer`` once its state is loaded; None for nothing.
    """
    if isinstance(scheduler, ReduceLROnPlateau):
        seen = {name: value for name, value in saved.items() if name in _SEEN}
        scheduler.load_state_dict({**scheduler.state_dict(), **seen})
        return None
    steps = saved.get("last_epoch", -1) - getattr(scheduler, "last_epoch", 0)
    if not isinstance(scheduler, LRScheduler) or steps < 0:
        scheduler.load_state_dict(dict(saved))
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that no step of the optimiser came before, which is right here
        for _ in range(steps):
            scheduler.step()
    optimizer = scheduler.optimizer
    cycled = ("momentum", "betas") if getattr(scheduler, "cycle_momentum", False) else ()
    foreign = {"params", *optimizer.defaults} - {"lr", *cycled}
    return [
        {name: value for name, value in group.items() if name not in foreign}
        for group in optimizer.param_groups
    ]
