"""Resume a schedule: the learning rate comes from the schedule of the new run."""

import warnings
from collections.abc import Mapping
from typing import Any

from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

__all__ = ["resume_schedule"]

_SEEN = ("best", "num_bad_epochs", "cooldown_counter", "last_epoch", "_last_lr")


def resume_schedule(scheduler: Any, saved: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Step a schedule as often as the saved one was stepped, with its own settings (length, milestones, factors).

    The rate of a schedule depends only on the number of its steps, so a longer cosine continues with the rate of the
    longer cosine, not with the last rate of the saved run. Call this before the optimiser's state is loaded, which
    holds the old rates. The rate of `ReduceLROnPlateau` depends on the metrics of the saved run: its counters are
    loaded and the loaded rate is kept. The whole state of an object that is no schedule of torch is loaded.

    Args:
        scheduler: the schedule of the new run.
        saved: ``state_dict`` of the schedule of the saved run.

    Returns:
        The values to write into each parameter group of ``scheduler.optimizer`` after its state is loaded; None if
        there are none.
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
        warnings.simplefilter("ignore")  # torch warns that the optimiser made no step before the schedule
        for _ in range(steps):
            scheduler.step()
    optimizer = scheduler.optimizer
    cycled = ("momentum", "betas") if getattr(scheduler, "cycle_momentum", False) else ()
    foreign = {"params", *optimizer.defaults} - {"lr", *cycled}
    return [
        {name: value for name, value in group.items() if name not in foreign}
        for group in optimizer.param_groups
    ]
