"""Cores of this process; rank and number of processes, and exchange of objects between them."""

import os
from typing import Any

from torch import distributed as dist

__all__ = ["available_cores", "gather_objects", "process_count", "process_rank"]


def available_cores() -> int:
    """Return the number of processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux: fewer than the machine has, in a container or under taskset
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def process_count() -> int:
    """Return the number of processes that train together; 1 without a process group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def process_rank() -> int:
    """Return the number of this process; 0 without a process group."""
    return dist.get_rank() if process_count() > 1 else 0


def gather_objects(value: Any) -> list[Any]:
    """Return the values of all processes, in the order of the processes."""
    if process_count() == 1:
        return [value]
    values: list[Any] = [None] * process_count()
    dist.all_gather_object(values, value)
    return values
